with tag_usage_daily as (

    select * from {{ ref('int_tag_usage_daily') }}
    where
        is_in_study_window
        and counts_for_category
        and {{ enters_cost_metrics('is_byok', 'is_free_access') }}

),

model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}
    where
        is_in_study_window
        and {{ enters_cost_metrics('is_byok', 'is_free_access') }}
        and {{ from_category_start('event_date') }}

),

billed_weekly as (

    select
        week_start,
        cast(sum(total_tokens) as bigint) as total_tokens
    from model_usage_daily
    group by week_start

),

sampled_weekly as (

    select
        week_start,
        category,
        sum(sampled_generations) as sampled_generations,
        sum(sampled_tokens) as sampled_tokens,
        sum(sum(sampled_tokens)) over (partition by week_start) as all_sampled_tokens,
        {{ sum_usd('spend_usd') }} as spend_usd
    from tag_usage_daily
    group by week_start, category

),

categories as (

    select
        sampled_weekly.category,
        sum(sampled_weekly.sampled_generations) as sampled_generations,
        sum(sampled_weekly.sampled_tokens) as sampled_tokens,
        {{ sum_usd('sampled_weekly.spend_usd') }} as spend_usd,
        {{ exact_sum(
            share_of('sampled_weekly.sampled_tokens', 'sampled_weekly.all_sampled_tokens') ~ ' * billed_weekly.total_tokens'
        ) }} as estimated_tokens
    from sampled_weekly
    inner join billed_weekly on sampled_weekly.week_start = billed_weekly.week_start
    where sampled_weekly.category <> 'others'
    group by sampled_weekly.category

),

priced as (

    select
        *,
        1e6 * {{ share_of('spend_usd', 'sampled_tokens') }} as cost_per_1m_usd
    from categories

),

medians as (

    select
        median(cost_per_1m_usd) as median_cost_per_1m_usd,
        median(estimated_tokens) as median_tokens
    from priced

)

select
    priced.category,
    {{ sampled_count('priced.sampled_generations') }} as sampled_generations,
    {{ sampled_count('priced.sampled_tokens') }} as sampled_tokens,
    priced.spend_usd as sampled_spend_usd,
    priced.estimated_tokens,
    priced.cost_per_1m_usd,
    case when priced.estimated_tokens > 0 then log10(priced.estimated_tokens) end as log10_tokens,
    case when priced.cost_per_1m_usd > 0 then log10(priced.cost_per_1m_usd) end as log10_cost,
    medians.median_cost_per_1m_usd,
    medians.median_tokens,
    case
        when priced.cost_per_1m_usd is null or priced.estimated_tokens is null then null
        when priced.cost_per_1m_usd > medians.median_cost_per_1m_usd and priced.estimated_tokens >= medians.median_tokens
            then 'premium_workloads'
        when priced.estimated_tokens >= medians.median_tokens then 'mass_market'
        when priced.cost_per_1m_usd > medians.median_cost_per_1m_usd then 'specialized_experts'
        else 'niche_utilities'
    end as quadrant
from priced
cross join medians
