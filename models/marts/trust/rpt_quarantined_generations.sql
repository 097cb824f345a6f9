with quarantined as (

    select
        landed_files.source_name,
        generations.ingest_date,
        landed_files.file_name,
        generations.generation_id,
        generations.quarantine_reason,
        generations.raw_record
    from {{ ref('int_generations_checked') }} as generations
    inner join {{ ref('int_landed_files') }} as landed_files on generations.file_key = landed_files.file_key
    where generations.quarantine_reason is not null

    union all

    select
        source_name,
        ingest_date,
        file_name,
        cast(null as string) as generation_id,
        quarantine_reason,
        raw_record
    from {{ ref('int_accounts_checked') }}
    where quarantine_reason is not null

    union all

    select
        source_name,
        ingest_date,
        file_name,
        generation_id,
        quarantine_reason,
        raw_record
    from {{ ref('int_classifications_checked') }}
    where quarantine_reason is not null

),

numbered as (

    -- Identical bad rows of one file are told apart by a number, in no particular order: they are identical.
    select
        *,
        row_number() over (
            partition by source_name, file_name, quarantine_reason, raw_record
            order by generation_id nulls last
        ) as repetition
    from quarantined

)

select
    md5(
        concat_ws('|', source_name, file_name, quarantine_reason, raw_record, cast(repetition as string))
    ) as quarantined_record_key,
    source_name,
    ingest_date,
    file_name,
    generation_id,
    quarantine_reason as reason,
    raw_record
from numbered
