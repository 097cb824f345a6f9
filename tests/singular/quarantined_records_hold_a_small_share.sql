-- A row is a landed table of which more than var max_quarantined_share is quarantined: rather the source or its adapter is
-- wrong than single records. See the reasons in rpt_quarantined_generations. With fewer than var
-- unknown_share_min_generations rows nothing is said.
select
    source_name,
    sum(quarantined_rows) as quarantined_rows,
    sum(raw_rows) as raw_rows
from {{ ref('rpt_source_reconciliation') }}
group by source_name
having
    sum(raw_rows) >= {{ var('unknown_share_min_generations') }}
    and sum(quarantined_rows) > {{ var('max_quarantined_share') }} * sum(raw_rows)
