with checked as (

    select * from {{ ref('int_accounts_checked') }}

),

superseded as (

    select * from {{ ref('int_accounts_superseded') }}

)

select
    account_key,
    source_name,
    ingest_date,
    country_code,
    updated_at,
    event_date
from checked
where
    quarantine_reason is null
    and not exists (
        select 1
        from superseded
        where
            superseded.file_key = checked.file_key
            and superseded.file_row_number = checked.file_row_number
    )
