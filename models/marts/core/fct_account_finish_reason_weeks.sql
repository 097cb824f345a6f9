-- depends_on: {{ ref('int_event_weeks') }}
-- depends_on: {{ ref('int_generations_checked') }}
-- depends_on: {{ ref('int_generations_superseded') }}
{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('week_start'),
        pre_hook="{{ drop_touched_keys(period_parts('int_event_weeks', 'week_start', 'usage_version'), 'week_start', ['account_key'], premises_of('int_event_weeks')) }}",
        post_hook="{{ account_for_touched_keys(period_parts('int_event_weeks', 'week_start', 'usage_version'), premises_of('int_event_weeks')) }}"
    )
}}

{% set parts = period_parts('int_event_weeks', 'week_start', 'usage_version') -%}
with generations as (

    select * from {{ ref('int_counted_generations') }}
    {% if is_incremental() -%}
    where
        {{ missing_parts(parts, week_start('event_date'), days_of='event_date', period='week') }}
        and {{ is_touched(['account_key'], premises_of('int_event_weeks')) }}
    {%- endif %}

)

select
    -- grain, on natural keys
    {{ week_start('generations.event_date') }} as week_start,
    generations.account_key,
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
{{ stored_by('week_start') if not is_incremental() }}
