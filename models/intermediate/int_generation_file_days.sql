{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('file_key'),
        pre_hook="{{ drop_stale_parts(parts_of('int_generations_checked'), 'file_key') }}",
        post_hook="{{ account_for_parts(parts_of('int_generations_checked')) }}"
    )
}}

with checked as (

    select * from {{ ref('int_generations_checked') }}
    where {{ missing_parts(parts_of('int_generations_checked'), 'file_key') if is_incremental() else 'true' }}

)

select
    -- grain
    file_key,
    ingest_date,
    id_partition,
    event_date,
    quarantine_reason is not null as is_quarantined,

    -- how much
    count(*) as raw_rows
from checked
group by
    file_key,
    ingest_date,
    id_partition,
    event_date,
    quarantine_reason is not null
