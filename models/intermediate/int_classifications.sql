with checked as (

    select * from {{ ref('int_classifications_checked') }}

),

superseded as (

    select * from {{ ref('int_classifications_superseded') }}

)

select
    generation_id,
    generation_hash,
    id_partition,
    category_path,
    source_name,
    ingest_date,
    confidence,
    classified_at,
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
