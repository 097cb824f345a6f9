{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_changed_periods('int_event_months', 'month_start', 'usage_version') }}"
    )
}}

with generations as (

    select * from {{ ref('int_counted_generations') }}

),

event_months as (

    select
        month_start,
        usage_version
    from {{ ref('int_event_months') }}
    where {{ missing_periods_only('month_start', 'usage_version') if is_incremental() else 'true' }}

)

select
    -- grain, on natural keys
    event_months.month_start,
    generations.account_key,
    generations.model_slug,

    -- when
    min(generations.event_date) as first_event_date,
    max(generations.event_date) as last_event_date,
    count(distinct generations.event_date) as active_days,

    -- how much
    count(*) as generations,
    cast(sum(generations.total_tokens) as bigint) as total_tokens,
    {{ sum_usd("generations.spend_usd") }} as spend_usd,

    -- what the month was built from
    event_months.usage_version
from generations
inner join event_months on {{ month_start('generations.event_date') }} = event_months.month_start
group by
    event_months.month_start,
    generations.account_key,
    generations.model_slug,
    event_months.usage_version
