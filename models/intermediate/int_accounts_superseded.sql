{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_changed_keys('int_accounts_checked', 'account_hash') }}",
        post_hook="{{ account_for_keys('int_accounts_checked') }}"
    )
}}

with checked as (

    select * from {{ ref('int_accounts_checked') }}
    where {{ is_changed_key('int_accounts_checked', 'account_hash') if is_incremental() else 'true' }}

),

ranked as (

    select
        file_key,
        file_name,
        file_row_number,
        source_name,
        ingest_date,
        account_hash,
        account_key,
        row_number() over preferred as preference,
        first_value(file_key) over preferred as kept_file_key
    from checked
    where quarantine_reason is null
    window preferred as (
        partition by account_key
        order by
            updated_at desc,
            ingest_date desc,
            country_code asc nulls last,
            file_name desc,
            file_row_number desc
    )

)

select
    file_key,
    file_name,
    file_row_number,
    kept_file_key,
    source_name,
    ingest_date,
    account_hash,
    account_key
from ranked
where preference > 1
