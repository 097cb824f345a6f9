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

)

select
    month_start,
    model_id,
    first_month,
    first_month_on_platform,
    count(*) as active_accounts,
    cast(sum(case when was_active_month_before then 1 else 0 end) as bigint) as also_active_month_before
from account_model_months
group by
    month_start,
    model_id,
    first_month,
    first_month_on_platform
