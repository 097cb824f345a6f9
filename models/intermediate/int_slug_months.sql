{#- A table on Spark, see int_model_usage_daily. -#}
{{
    config(
        materialized='table' if target.type == 'spark' else 'incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_stale_parts(parts_of('fct_account_model_months'), 'month_start') }}",
        post_hook=[
            "{{ account_for_parts(parts_of('fct_account_model_months')) }}",
            "{{ pass_on_premises('fct_account_model_months') }}"
        ]
    )
}}

with account_model_months as (

    select * from {{ ref('fct_account_model_months') }}
    where {{ missing_parts(parts_of('fct_account_model_months'), 'month_start') if is_incremental() else 'true' }}

)

select distinct
    month_start,
    model_slug
from account_model_months
