{{ config(materialized='table') }}

with checked as (

    select * from {{ ref('int_accounts_checked') }}

),

ranked as (

    select
        file_name,
        file_row_number,
        source_name,
        ingest_date,
        account_key,
        row_number() over (
            partition by account_key
            order by
                updated_at desc,
                ingest_date desc,
                country_code asc nulls last,
                file_name desc,
                file_row_number desc
        ) as preference
    from checked
    where quarantine_reason is null

)

select
    file_name,
    file_row_number,
    source_name,
    ingest_date,
    account_key
from ranked
where preference > 1
