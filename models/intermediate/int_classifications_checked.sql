{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('file_key'),
        pre_hook=[
            "{{ check_staging(['stg_openrouter__classifications']) }}",
            "{{ drop_stale_parts(landed_file_parts(['openrouter.classifications']), 'file_key') }}"
        ],
        post_hook="{{ account_for_parts(staged_file_parts({'stg_openrouter__classifications': 'openrouter.classifications'})) }}"
    )
}}

{% set parts = staged_file_parts({'stg_openrouter__classifications': 'openrouter.classifications'}) -%}
with raw_records as (

    select *
    from {{ ref('stg_openrouter__classifications') }}
    where {{ missing_parts(parts, 'file_name') if is_incremental() else 'true' }}

),

landed_files as (

    select * from {{ ref('int_landed_files') }}

),

checked as (

    select
        *,
        case
            when generation_id is null then 'missing_id'
            when {{ is_implausible_timestamp('classified_at') }} then 'invalid_timestamp'
            when {{ is_future_timestamp('classified_at', 'ingest_date') }} then 'future_timestamp'
            when has_invalid_value or confidence < 0 or confidence > 1 then 'invalid_value'
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
    {{ row_fingerprint(['checked.generation_id', 'checked.category_path']) }} as label_hash,
    {{ row_fingerprint(['checked.generation_id']) }} as generation_hash,
    {{ id_partition('checked.generation_id') }} as id_partition,
    checked.generation_id,
    checked.category_path,
    checked.confidence,
    checked.classified_at,
    cast(checked.classified_at as date) as event_date
from checked
inner join landed_files on checked.file_name = landed_files.file_name
