{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('file_key'),
        pre_hook=[
            "{{ check_staging(['stg_openrouter__accounts']) }}",
            "{{ drop_stale_parts(landed_file_parts(['openrouter.accounts']), 'file_key') }}"
        ],
        post_hook="{{ account_for_parts(staged_file_parts({'stg_openrouter__accounts': 'openrouter.accounts'})) }}"
    )
}}

{% set parts = staged_file_parts({'stg_openrouter__accounts': 'openrouter.accounts'}) -%}
with raw_records as (

    select *
    from {{ ref('stg_openrouter__accounts') }}
    where {{ missing_parts(parts, 'file_name') if is_incremental() else 'true' }}

),

landed_files as (

    select * from {{ ref('int_landed_files') }}

),

checked as (

    select
        *,
        case
            when account_key is null then 'missing_account'
            when {{ is_implausible_timestamp('updated_at') }} then 'invalid_timestamp'
            when {{ is_future_timestamp('updated_at', 'ingest_date') }} then 'future_timestamp'
        end as quarantine_reason
    from raw_records

)

select
    checked.source_name,
    landed_files.file_key,
    checked.file_name,
    checked.file_row_number,
    checked.ingest_date,
    checked.quarantine_reason,
    case when checked.quarantine_reason is not null then {{ raw_record_text('checked.raw_record') }} end as raw_record,
    {{ row_fingerprint(['checked.account_key']) }} as account_hash,
    checked.account_key,
    checked.country_code,
    checked.updated_at,
    cast(checked.updated_at as date) as event_date
from checked
inner join landed_files on checked.file_name = landed_files.file_name
