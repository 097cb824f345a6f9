{{ config(materialized='table') }}

-- It has the days of all counted generations, and a few rows a day where facts have thousands.
with model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}

),

loaded as (

    select
        {{ month_start('min(event_date)') }} as first_month,
        max(event_date) as last_event_date
    from model_usage_daily

),

-- 40 years of months: more than any gateway has. A month between without any record is there too.
months as (

    select
        cast(loaded.first_month + month_numbers.i * interval '1' month as date) as month_start,
        loaded.first_month,
        loaded.last_event_date
    from loaded
    cross join range(480) as month_numbers (i)

)

select
    month_start,
    cast(month_start + interval '1' month - interval '1' day as date) as month_end,
    month_start = first_month as is_first_loaded_month,
    cast(month_start + interval '1' month - interval '1' day as date) <= last_event_date as is_loaded_to_end
from months
where month_start <= last_event_date
