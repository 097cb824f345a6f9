{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('month_start'),
        pre_hook="{{ drop_stale_parts(parts_of('int_account_model_months'), 'month_start', key='model_id') }}",
        post_hook="{{ account_for_parts(parts_of('int_account_model_months')) }}"
    )
}}

with account_model_months as (

    select * from {{ ref('int_account_model_months') }}
    where {{ missing_parts(parts_of('int_account_model_months'), 'month_start', key='model_id') if is_incremental() else 'true' }}

),

account_first_months as (

    select * from {{ ref('int_account_first_months') }}

)

select
    account_model_months.month_start,
    account_model_months.model_id,
    account_model_months.first_month,
    account_first_months.first_month_on_platform,
    count(*) as active_accounts,
    cast(
        sum(case when account_model_months.was_active_month_before then 1 else 0 end) as bigint
    ) as also_active_month_before
from account_model_months
inner join account_first_months on account_model_months.account_key = account_first_months.account_key
group by
    account_model_months.month_start,
    account_model_months.model_id,
    account_model_months.first_month,
    account_first_months.first_month_on_platform
