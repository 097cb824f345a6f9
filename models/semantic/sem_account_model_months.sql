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

accounts as (

    select * from {{ ref('int_accounts') }}

),

countries as (

    select * from {{ ref('dim_countries') }}

),

-- Slugs of one model (variants, dated names) are one model here.
model_months as (

    select
        account_model_months.month_start,
        account_model_months.account_key,
        model_slugs.model_id,
        cast(sum(account_model_months.generations) as bigint) as generations,
        cast(sum(account_model_months.total_tokens) as bigint) as total_tokens
    from account_model_months
    inner join model_slugs on account_model_months.model_slug = model_slugs.model_slug
    group by
        account_model_months.month_start,
        account_model_months.account_key,
        model_slugs.model_id

)

select
    -- grain
    model_months.month_start,
    model_months.account_key,
    model_months.model_id,

    -- where the account is billed
    coalesce(countries.country_code, 'unknown') as country_code,

    -- since when it is known
    first_months.first_month,
    first_months.first_month_on_platform,
    model_months.month_start = first_months.first_month as is_new_on_model,
    model_months.month_start = first_months.first_month_on_platform as is_new_on_platform,
    loaded_months.is_first_loaded_month,
    loaded_months.is_loaded_to_end,

    -- how much
    model_months.generations,
    model_months.total_tokens
from model_months
inner join first_months
    on
        model_months.account_key = first_months.account_key
        and model_months.model_id = first_months.model_id
inner join loaded_months on model_months.month_start = loaded_months.month_start
left join accounts on model_months.account_key = accounts.account_key
left join countries on accounts.country_code = countries.country_code
