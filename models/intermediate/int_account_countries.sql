-- depends_on: {{ ref('int_generations_checked') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_changed_countries() }}",
        post_hook="{{ account_for_countries() }}"
    )
}}

with accounts as (

    select * from {{ ref('int_accounts') }}
    where {{ is_changed_country() if is_incremental() else 'true' }}

)

select
    account_key,
    country_code
from accounts
where country_code is not null
