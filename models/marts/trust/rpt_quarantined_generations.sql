-- depends_on: {{ ref('int_landed_files') }}
{{
    config(
        materialized='table' if target.type == 'spark' else 'incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_stale_parts(checked_file_parts(), 'file_name') }}",
        post_hook="{{ account_for_parts(checked_file_parts()) }}"
    )
}}

{% set is_missing = missing_parts(checked_file_parts(), 'file_key') if is_incremental() else 'true' -%}
with landed_files as (

    select * from {{ ref('int_landed_files') }}

),

bad_generations as (

    select * from {{ ref('int_generations_checked') }}
    where
        {{ is_missing }}
        and quarantine_reason is not null

),

bad_accounts as (

    select * from {{ ref('int_accounts_checked') }}
    where
        {{ is_missing }}
        and quarantine_reason is not null

),

bad_classifications as (

    select * from {{ ref('int_classifications_checked') }}
    where
        {{ is_missing }}
        and quarantine_reason is not null

),

quarantined as (

    select
        landed_files.source_name,
        bad_generations.ingest_date,
        landed_files.file_name,
        bad_generations.generation_id,
        bad_generations.quarantine_reason,
        bad_generations.raw_record
    from bad_generations
    inner join landed_files on bad_generations.file_key = landed_files.file_key

    union all

    select
        source_name,
        ingest_date,
        file_name,
        cast(null as string) as generation_id,
        quarantine_reason,
        raw_record
    from bad_accounts

    union all

    select
        source_name,
        ingest_date,
        file_name,
        generation_id,
        quarantine_reason,
        raw_record
    from bad_classifications

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
