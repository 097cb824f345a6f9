-- A row is a seed whose unknown values hold more than var max_unknown_token_share of the tokens: too much of the traffic is
-- placed nowhere for shares to be trusted. Add the rows that rpt_taxonomy_coverage suggests, or raise the var.
-- With fewer than var unknown_share_min_generations generations nothing is said. Paths that no rule matches are `others` by
-- design of the study, hence not counted here.
with coverage as (

    select * from {{ ref('rpt_taxonomy_coverage') }}

),

loaded as (

    select sum(generations) as generations from {{ ref('fct_usage_daily') }}

)

select
    coverage.seed_name,
    sum(coverage.token_share) as unknown_token_share
from coverage
cross join loaded
where
    coverage.seed_name <> 'tag_rules'
    and loaded.generations >= {{ var('unknown_share_min_generations') }}
group by coverage.seed_name
having sum(coverage.token_share) > {{ var('max_unknown_token_share') }}
