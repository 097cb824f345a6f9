with checked as (

    select
        source_name,
        ingest_date,
        event_date,
        quarantine_reason
    from {{ ref('int_generations_checked') }}

    union all

    select
        source_name,
        ingest_date,
        event_date,
        quarantine_reason
    from {{ ref('int_accounts_checked') }}

    union all

    select
        source_name,
        ingest_date,
        event_date,
        quarantine_reason
    from {{ ref('int_classifications_checked') }}

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

accepted as (

    -- Counted where the accepted rows are read from, not as what is left over: so that the sum can be tested.
    select
        source_name,
        ingest_date,
        event_date
    from {{ ref('int_generations') }}

    union all

    select
        source_name,
        ingest_date,
        event_date
    from {{ ref('int_accounts') }}

    union all

    select
        source_name,
        ingest_date,
        event_date
    from {{ ref('int_classifications') }}

),

raw_counts as (

    select
        source_name,
        ingest_date,
        count(*) as raw_rows,
        cast(count(*) filter (where quarantine_reason is not null) as bigint) as quarantined_rows
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
        count(*) as accepted_rows,
        cast(count(*) filter (where event_date < ingest_date) as bigint) as late_rows,
        max({{ dbt.datediff('event_date', 'ingest_date', 'day') }}) as max_lateness_days
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
