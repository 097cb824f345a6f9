{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_changed_periods('int_event_weeks', 'week_start', 'usage_version') }}"
    )
}}

with generations as (

    select * from {{ ref('int_counted_generations') }}

),

event_weeks as (

    select
        week_start,
        usage_version
    from {{ ref('int_event_weeks') }}
    where {{ missing_periods_only('week_start', 'usage_version') if is_incremental() else 'true' }}

)

select
    -- grain, on natural keys
    event_weeks.week_start,
    generations.account_key,
    generations.finish_reason,
    generations.native_finish_reason,

    -- how much
    count(*) as generations,
    cast(sum(generations.total_tokens) as bigint) as total_tokens,

    -- what the week was built from
    event_weeks.usage_version
from generations
inner join event_weeks on {{ week_start('generations.event_date') }} = event_weeks.week_start
group by
    event_weeks.week_start,
    generations.account_key,
    generations.finish_reason,
    generations.native_finish_reason,
    event_weeks.usage_version
