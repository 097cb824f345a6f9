{{ config(materialized='table') }}

with checked as (

    select * from {{ ref('int_classifications_checked') }}

),

ranked as (

    select
        file_name,
        file_row_number,
        source_name,
        ingest_date,
        generation_id,
        category_path,
        row_number() over (
            partition by generation_id, category_path
            order by
                ingest_date desc,
                classified_at desc,
                confidence desc nulls last,
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
    generation_id,
    category_path
from ranked
where preference > 1
