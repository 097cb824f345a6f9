{{ config(materialized='table' if target.type == 'spark' else 'view') }}

with account_model_months as (

    select * from {{ ref('int_account_model_months') }}

),

loaded_months as (

    select * from {{ ref('int_loaded_months') }}

),

accounts as (

    select * from {{ ref('int_accounts') }}

),

countries as (

    select * from {{ ref('dim_countries') }}

)

select
    -- grain
    account_model_months.month_start,
    account_model_months.account_key,
    account_model_months.model_id,

    -- where the account is billed
    coalesce(countries.country_code, 'unknown') as country_code,

    -- since when it is known
    account_model_months.first_month,
    account_model_months.first_month_on_platform,
    account_model_months.month_start = account_model_months.first_month as is_new_on_model,
    account_model_months.month_start = account_model_months.first_month_on_platform as is_new_on_platform,
    loaded_months.is_first_loaded_month,
    loaded_months.is_loaded_to_end,

    -- how much
    account_model_months.generations,
    account_model_months.total_tokens
from account_model_months
inner join loaded_months on account_model_months.month_start = loaded_months.month_start
left join accounts on account_model_months.account_key = accounts.account_key
left join countries on accounts.country_code = countries.country_code
