with checked as (

    select * from {{ ref('int_accounts_checked') }}

),

superseded as (

    select * from {{ ref('int_accounts_superseded') }}

)

select
    checked.account_key,
    checked.source_name,
    checked.ingest_date,
    checked.country_code,
    checked.updated_at,
    checked.event_date
from checked
left join superseded
    on
        checked.file_key = superseded.file_key
        and checked.file_row_number = superseded.file_row_number
where
    checked.quarantine_reason is null
    and superseded.file_key is null
