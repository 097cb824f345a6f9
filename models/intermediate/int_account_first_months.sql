-- depends_on: {{ ref('int_event_months') }}
-- depends_on: {{ ref('int_generations_checked') }}
-- depends_on: {{ ref('int_generations_superseded') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_touched_keys(all_months(), none, ['account_key'], record_premises()) }}",
        post_hook="{{ account_for_touched_keys(all_months(), record_premises()) }}"
    )
}}

with account_model_months as (

    select * from {{ ref('fct_account_model_months') }}
    {% if is_incremental() -%}
    where
        {{ missing_parts(all_months(), none) }}
        and {{ is_touched(['account_key'], record_premises()) }}
    {%- endif %}

)

select
    account_key,
    min(month_start) as first_month_on_platform
from account_model_months
group by account_key
