with usage_daily as (

    select * from {{ ref('int_prompt_language_usage_daily') }}

),

loaded as (

    select
        min(event_date) as first_event_date,
        max(event_date) as last_event_date
    from usage_daily

),

-- 40 years of weeks: more than any gateway has.
weeks as (

    select
        cast({{ week_start('loaded.first_event_date') }} + week_numbers.i * interval '7' day as date) as week_start,
        loaded.first_event_date,
        loaded.last_event_date
    from loaded
    cross join range(2080) as week_numbers (i)

)

select
    week_start,
    cast(week_start + interval '6' day as date) as week_end,
    week_start >= first_event_date and cast(week_start + interval '6' day as date) <= last_event_date as is_complete_week
from weeks
where week_start <= last_event_date
