with usage_daily as (

    select * from {{ ref('int_prompt_language_usage_daily') }}

),

loaded as (

    select
        min(event_date) as first_event_date,
        max(event_date) as last_event_date
    from usage_daily

),

-- 40 years of days: more than any gateway has.
days as (

    select cast(loaded.first_event_date + day_numbers.i * interval '1' day as date) as event_date
    from loaded
    cross join range(14610) as day_numbers (i)
    where cast(loaded.first_event_date + day_numbers.i * interval '1' day as date) <= loaded.last_event_date

),

with_weeks as (

    select
        event_date,
        {{ week_start('event_date') }} as week_start,
        -- An ISO week belongs to the year that its Thursday lies in.
        cast({{ week_start('event_date') }} + interval '3' day as date) as thursday
    from days

)

select
    event_date,
    week_start,
    cast(extract(year from thursday) as string)
    || '-W' || lpad(cast(extract(week from event_date) as string), 2, '0') as iso_week,
    {{ month_start('event_date') }} as month_start,
    {{ study_half_year('event_date') }} as study_half_year,
    {{ in_study_window('event_date') }} as is_in_study_window
from with_weeks
