-- depends_on: {{ ref('int_event_months') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_stale_parts(period_parts('int_event_months', 'month_start', 'usage_version'), 'month_start') }}",
        post_hook="{{ account_for_parts(period_parts('int_event_months', 'month_start', 'usage_version')) }}"
    )
}}

with generations as (

    select * from {{ ref('int_counted_generations') }}
    where {{ missing_parts(period_parts('int_event_months', 'month_start', 'usage_version'), month_start('event_date'), first='event_date', days=31) if is_incremental() else 'true' }}

)

select
    -- grain, on natural keys
    {{ month_start('generations.event_date') }} as month_start,
    generations.account_key,
    generations.model_slug,

    -- when
    min(generations.event_date) as first_event_date,
    max(generations.event_date) as last_event_date,
    count(distinct generations.event_date) as active_days,

    -- how much
    count(*) as generations,
    cast(sum(generations.total_tokens) as bigint) as total_tokens,
    {{ sum_usd("generations.spend_usd") }} as spend_usd
from generations
group by
    {{ month_start('generations.event_date') }},
    generations.account_key,
    generations.model_slug
