with checked as (

    select * from {{ ref('int_classifications_checked') }}

),

superseded as (

    select * from {{ ref('int_classifications_superseded') }}

)

select
    checked.generation_id,
    checked.generation_hash,
    checked.id_partition,
    checked.category_path,
    checked.source_name,
    checked.ingest_date,
    checked.confidence,
    checked.classified_at,
    checked.event_date
from checked
left join superseded
    on
        checked.file_key = superseded.file_key
        and checked.file_row_number = superseded.file_row_number
where
    checked.quarantine_reason is null
    and superseded.file_key is null
