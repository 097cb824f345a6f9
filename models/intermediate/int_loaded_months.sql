{{ config(materialized='table') }}

with account_model_months as (

    select * from {{ ref('fct_account_model_months') }}

),

loaded as (

    select
        min(month_start) as first_month,
        max(month_start) as last_month,
        max(last_event_date) as last_event_date
    from account_model_months

),

-- 40 years of months: more than any gateway has. A month between without any record is there too.
months as (

    select
        cast(loaded.first_month + month_numbers.i * interval '1' month as date) as month_start,
        loaded.first_month,
        loaded.last_month,
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
where month_start <= last_month
