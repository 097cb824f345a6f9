-- A row is a scope whose line is not the one that the engine's own regression draws through the same models.
with points as (

    select
        'all' as scope,
        log10(cost_per_1m_usd) as log_cost,
        log10(total_tokens) as log_tokens
    from {{ ref('rpt_model_cost_usage') }}
    where model_id <> 'unknown'

    union all

    select
        source_type as scope,
        log10(cost_per_1m_usd) as log_cost,
        log10(total_tokens) as log_tokens
    from {{ ref('rpt_model_cost_usage') }}
    where model_id <> 'unknown'

),

lines as (

    select
        scope,
        count(*) as models,
        regr_slope(log_tokens, log_cost) as slope,
        regr_intercept(log_tokens, log_cost) as intercept
    from points
    group by scope

)

select
    coalesce(fit.scope, lines.scope) as scope,
    fit.models,
    lines.models as expected_models,
    fit.slope,
    lines.slope as expected_slope
from {{ ref('rpt_cost_usage_fit') }} as fit
full outer join lines on fit.scope = lines.scope
where
    fit.models is null
    or lines.models is null
    or fit.models <> lines.models
    -- A line that is undefined in the mart has nothing to be compared with.
    or abs(fit.slope - lines.slope) > 1e-6 * (1 + abs(lines.slope))
    or abs(fit.intercept - lines.intercept) > 1e-6 * (1 + abs(lines.intercept))
