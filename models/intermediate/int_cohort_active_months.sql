{{ config(materialized='table') }}

with account_model_months as (

    select * from {{ ref('fct_account_model_months') }}

),

model_slugs as (

    select * from {{ ref('dim_model_slugs') }}

),

first_months as (

    select * from {{ ref('int_account_model_first_months') }}

),

loaded_months as (

    select * from {{ ref('int_loaded_months') }}

),

-- Slugs of one model (variants, dated names) are one model here.
active_months as (

    select distinct
        account_model_months.account_key,
        model_slugs.model_id,
        account_model_months.month_start
    from account_model_months
    inner join model_slugs on account_model_months.model_slug = model_slugs.model_slug

)

select
    active_months.account_key,
    active_months.model_id,
    first_months.cohort_month,
    {{ months_since('active_months.month_start', 'first_months.cohort_month') }} as months_since
from active_months
inner join first_months
    on
        active_months.account_key = first_months.account_key
        and active_months.model_id = first_months.model_id
inner join loaded_months on active_months.month_start = loaded_months.month_start
where
    first_months.cohort_month is not null
    and loaded_months.is_loaded_to_end
