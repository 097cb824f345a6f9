with model_cost_usage as (

    select * from {{ ref('rpt_model_cost_usage') }}
    where model_id <> 'unknown'

),

points as (

    select
        'all' as scope,
        log10(cost_per_1m_usd) as log_cost,
        log10(total_tokens) as log_tokens
    from model_cost_usage

    union all

    select
        source_type as scope,
        log10(cost_per_1m_usd) as log_cost,
        log10(total_tokens) as log_tokens
    from model_cost_usage

),

centres as (

    select
        scope,
        count(*) as models,
        {{ exact_avg('log_cost') }} as mean_log_cost,
        {{ exact_avg('log_tokens') }} as mean_log_tokens
    from points
    group by scope

),

squares as (

    select
        centres.scope,
        centres.models,
        centres.mean_log_cost,
        centres.mean_log_tokens,
        {{ exact_sum('power(points.log_cost - centres.mean_log_cost, 2)', digits=18) }} as cost_squares,
        {{ exact_sum('power(points.log_tokens - centres.mean_log_tokens, 2)', digits=18) }} as token_squares,
        {{ exact_sum(
            '(points.log_cost - centres.mean_log_cost) * (points.log_tokens - centres.mean_log_tokens)', digits=18
        ) }} as products
    from points
    inner join centres on points.scope = centres.scope
    group by
        centres.scope,
        centres.models,
        centres.mean_log_cost,
        centres.mean_log_tokens

),

-- Costs that differ by rounding alone are one cost: through one point there is no line.
slopes as (

    select
        scope,
        models,
        mean_log_cost,
        mean_log_tokens,
        cost_squares,
        token_squares,
        products,
        case when cost_squares > 1e-18 * models then products / nullif(cost_squares, 0) end as slope
    from squares

),

errors as (

    select
        scope,
        models,
        mean_log_cost,
        mean_log_tokens,
        cost_squares,
        token_squares,
        products,
        slope,
        case
            when slope is not null
                then sqrt(greatest(token_squares - slope * products, 0) / nullif((models - 2) * cost_squares, 0))
        end as slope_stderr
    from slopes

)

select
    scope,

    -- the line
    slope,
    slope_stderr,
    slope - {{ student_t_quantile('(models - 2)') }} * slope_stderr as slope_low,
    slope + {{ student_t_quantile('(models - 2)') }} * slope_stderr as slope_high,
    mean_log_tokens - slope * mean_log_cost as intercept,
    case when token_squares > 1e-18 * models then slope * products / nullif(token_squares, 0) end as r_squared,

    -- what it is drawn through
    models,

    -- how to read it
    power(0.9, slope) - 1 as usage_change_for_10pct_cheaper
from errors
