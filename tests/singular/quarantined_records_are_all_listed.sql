-- A row is a landed table and ingest date whose quarantined rows are not all listed in rpt_quarantined_generations.
with reconciled as (

    select
        source_name,
        ingest_date,
        quarantined_rows
    from {{ ref('rpt_source_reconciliation') }}
    where quarantined_rows > 0

),

listed as (

    select
        source_name,
        ingest_date,
        count(*) as quarantined_rows
    from {{ ref('rpt_quarantined_generations') }}
    group by source_name, ingest_date

)

select
    coalesce(reconciled.source_name, listed.source_name) as source_name,
    coalesce(reconciled.ingest_date, listed.ingest_date) as ingest_date,
    reconciled.quarantined_rows as reconciled_rows,
    listed.quarantined_rows as listed_rows
from reconciled
full outer join listed
    on
        reconciled.source_name = listed.source_name
        and reconciled.ingest_date = listed.ingest_date
where coalesce(reconciled.quarantined_rows, 0) <> coalesce(listed.quarantined_rows, 0)
