{{ config(materialized='table' if target.type == 'spark' else 'view') }}

with cohort_retention as (

    select * from {{ ref('rpt_model_cohort_retention') }}

),

account_model_months as (

    select * from {{ ref('int_account_model_months') }}
    where {{ is_in_cohort('first_month', 'first_month_on_platform') }}

),

accounts as (

    select * from {{ ref('int_accounts') }}

),

countries as (

    select * from {{ ref('dim_countries') }}

),

account_regions as (

    select
        accounts.account_key,
        coalesce(countries.region, 'unknown') as region
    from accounts
    left join countries on accounts.country_code = countries.country_code

),

region_activity as (

    select
        account_model_months.model_id,
        account_model_months.first_month as cohort_month,
        {{ months_since('account_model_months.month_start', 'account_model_months.first_month') }} as months_since,
        coalesce(account_regions.region, 'unknown') as region,
        count(*) as active_accounts
    from account_model_months
    left join account_regions on account_model_months.account_key = account_regions.account_key
    group by
        account_model_months.model_id,
        account_model_months.first_month,
        account_model_months.month_start,
        coalesce(account_regions.region, 'unknown')

),

region_cohorts as (

    select
        model_id,
        cohort_month,
        region,
        active_accounts as cohort_size
    from region_activity
    where months_since = 0

)

select
    -- grain; which months of a cohort can be observed is the mart's to say
    cohort_retention.model_id,
    cohort_retention.cohort_month,
    cohort_retention.months_since,
    region_cohorts.region,

    -- what to know about the cohort
    cohort_retention.is_left_censored,

    -- how many
    region_cohorts.cohort_size,
    coalesce(region_activity.active_accounts, 0) as active_accounts
from cohort_retention
inner join region_cohorts
    on
        cohort_retention.model_id = region_cohorts.model_id
        and cohort_retention.cohort_month = region_cohorts.cohort_month
left join region_activity
    on
        cohort_retention.model_id = region_activity.model_id
        and cohort_retention.cohort_month = region_activity.cohort_month
        and cohort_retention.months_since = region_activity.months_since
        and region_cohorts.region = region_activity.region
