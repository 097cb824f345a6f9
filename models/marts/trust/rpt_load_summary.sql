with reconciliation as (

    select * from {{ ref('rpt_source_reconciliation') }}

),

usage_daily as (

    select * from {{ ref('int_prompt_language_usage_daily') }}

),

landed_files as (

    select count(*) as landed_files from {{ ref('int_landed_files') }}

),

records as (

    select
        cast(coalesce(sum(raw_rows), 0) as bigint) as raw_rows,
        cast(coalesce(sum(accepted_rows), 0) as bigint) as accepted_rows,
        cast(coalesce(sum(duplicate_rows), 0) as bigint) as duplicate_rows,
        cast(coalesce(sum(quarantined_rows), 0) as bigint) as quarantined_rows
    from reconciliation

),

counted as (

    select
        cast(coalesce(sum(generations), 0) as bigint) as generations,
        cast(coalesce(sum(total_tokens), 0) as bigint) as total_tokens,
        min(event_date) as first_event_date,
        max(event_date) as last_event_date
    from usage_daily

)

select
    {{ is_simulated_landing() }} as is_simulated,
    landed_files.landed_files,
    records.raw_rows,
    records.accepted_rows,
    records.duplicate_rows,
    records.quarantined_rows,
    counted.generations,
    counted.total_tokens,
    counted.first_event_date,
    counted.last_event_date
from landed_files
cross join records
cross join counted
