with landed_files as (

    select * from {{ ref('int_landed_files') }}

),

generation_file_days as (

    select * from {{ ref('int_generation_file_days') }}

),

accepted_generations as (

    select * from {{ ref('int_accepted_records_daily') }}

),

superseded as (

    select
        source_name,
        ingest_date
    from {{ ref('int_generations_superseded') }}

    union all

    select
        source_name,
        ingest_date
    from {{ ref('int_accounts_superseded') }}

    union all

    select
        source_name,
        ingest_date
    from {{ ref('int_classifications_superseded') }}

),

checked as (

    select
        landed_files.source_name,
        generation_file_days.ingest_date,
        generation_file_days.is_quarantined,
        generation_file_days.raw_rows
    from generation_file_days
    inner join landed_files on generation_file_days.file_key = landed_files.file_key

    union all

    select
        source_name,
        ingest_date,
        quarantine_reason is not null as is_quarantined,
        1 as raw_rows
    from {{ ref('int_accounts_checked') }}

    union all

    select
        source_name,
        ingest_date,
        quarantine_reason is not null as is_quarantined,
        1 as raw_rows
    from {{ ref('int_classifications_checked') }}

),

accepted as (

    select
        landed_files.source_name,
        accepted_generations.ingest_date,
        accepted_generations.event_date,
        accepted_generations.accepted_rows
    from accepted_generations
    inner join landed_files on accepted_generations.file_key = landed_files.file_key

    union all

    select
        source_name,
        ingest_date,
        event_date,
        1 as accepted_rows
    from {{ ref('int_accounts') }}

    union all

    select
        source_name,
        ingest_date,
        event_date,
        1 as accepted_rows
    from {{ ref('int_classifications') }}

),

raw_counts as (

    select
        source_name,
        ingest_date,
        cast(sum(raw_rows) as bigint) as raw_rows,
        cast(coalesce(sum(raw_rows) filter (where is_quarantined), 0) as bigint) as quarantined_rows
    from checked
    group by source_name, ingest_date

),

duplicate_counts as (

    select
        source_name,
        ingest_date,
        count(*) as duplicate_rows
    from superseded
    group by source_name, ingest_date

),

accepted_counts as (

    select
        source_name,
        ingest_date,
        cast(sum(accepted_rows) as bigint) as accepted_rows,
        cast(coalesce(sum(accepted_rows) filter (where event_date < ingest_date), 0) as bigint) as late_rows,
        cast(max({{ dbt.datediff('event_date', 'ingest_date', 'day') }}) as bigint) as max_lateness_days
    from accepted
    group by source_name, ingest_date

)

select
    raw_counts.source_name,
    raw_counts.ingest_date,
    raw_counts.raw_rows,
    coalesce(accepted_counts.accepted_rows, 0) as accepted_rows,
    coalesce(duplicate_counts.duplicate_rows, 0) as duplicate_rows,
    raw_counts.quarantined_rows,
    coalesce(accepted_counts.late_rows, 0) as late_rows,
    greatest(coalesce(accepted_counts.max_lateness_days, 0), 0) as max_lateness_days
from raw_counts
left join accepted_counts
    on
        raw_counts.source_name = accepted_counts.source_name
        and raw_counts.ingest_date = accepted_counts.ingest_date
left join duplicate_counts
    on
        raw_counts.source_name = duplicate_counts.source_name
        and raw_counts.ingest_date = duplicate_counts.ingest_date
