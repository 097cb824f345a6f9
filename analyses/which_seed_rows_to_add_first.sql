{#-
    Question: which values should be added to the seeds first?

    How to read it: one row an unknown value, the one with most tokens first within each seed. token_share is what it holds
    (of all counted tokens; of sampled tokens for tag_rules), covered_so_far what is placed if this row and all above it
    are added: stop where it no longer grows. is_still_arriving is false for a value that was not seen in the last four
    weeks: it still relabels history. suggested_row is the line to add, every field to be checked.
-#}
with coverage as (

    select * from {{ ref('rpt_taxonomy_coverage') }}

),

last_event as (

    select last_event_date from {{ ref('rpt_load_summary') }}

)

select
    coverage.seed_name,
    row_number() over (
        partition by coverage.seed_name
        order by coverage.total_tokens desc, coverage.generations desc, coverage.natural_key asc
    ) as add_as_number,
    coverage.natural_key,
    coverage.generations,
    round(coverage.token_share, 6) as token_share,
    round(
        sum(coverage.token_share) over (
            partition by coverage.seed_name
            order by coverage.total_tokens desc, coverage.generations desc, coverage.natural_key asc
            rows between unbounded preceding and current row
        ), 6
    ) as covered_so_far,
    coverage.last_seen >= cast(last_event.last_event_date - interval '28' day as date) as is_still_arriving,
    coverage.suggested_row
from coverage
cross join last_event
order by coverage.seed_name asc, add_as_number asc
