-- depends_on: {{ ref('int_event_weeks') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_stale_parts(period_parts('int_event_weeks', 'week_start', 'usage_version'), 'week_start') }}",
        post_hook="{{ account_for_parts(period_parts('int_event_weeks', 'week_start', 'usage_version')) }}"
    )
}}

{% set parts = period_parts('int_event_weeks', 'week_start', 'usage_version') -%}
with generations as (

    select * from {{ ref('int_counted_generations') }}
    where {{ missing_parts(parts, week_start('event_date'), first='event_date', days=7) if is_incremental() else 'true' }}

)

select
    -- grain, on natural keys
    {{ week_start('generations.event_date') }} as week_start,
    {{ pseudonym_text('generations.account_key') }} as account_key,
    generations.finish_reason,
    generations.native_finish_reason,

    -- how much
    count(*) as generations,
    cast(sum(generations.total_tokens) as bigint) as total_tokens
from generations
group by
    {{ week_start('generations.event_date') }},
    generations.account_key,
    generations.finish_reason,
    generations.native_finish_reason
