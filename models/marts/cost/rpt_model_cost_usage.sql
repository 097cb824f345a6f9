with model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}
    where
        is_in_study_window
        and {{ enters_cost_metrics('is_byok', 'is_free_access') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

segments as (

    select * from {{ ref('usage_cost_segments') }}

),

model_totals as (

    select
        model_id,
        cast(sum(total_tokens) as bigint) as total_tokens,
        {{ sum_usd("spend_usd") }} as spend_usd
    from model_usage_daily
    group by model_id

),

priced_models as (

    select
        model_id,
        total_tokens,
        spend_usd,
        {{ share_of('1e6 * spend_usd', 'total_tokens') }} as cost_per_1m_usd
    from model_totals
    where
        total_tokens > 0
        and spend_usd > 0

),

-- The unknown models taken together are no model: they have no place among the others.
placed_models as (

    select
        model_id,
        case
            when model_id <> 'unknown'
                then percent_rank() over (partition by model_id = 'unknown' order by total_tokens)
        end as usage_percentile
    from priced_models

)

select
    priced_models.model_id,

    -- whose it is
    models.author_slug,
    models.source_type,

    -- usage
    priced_models.total_tokens,
    log10(priced_models.total_tokens / 1e6) as tokens_millions_log10,
    placed_models.usage_percentile,

    -- cost
    priced_models.spend_usd,
    priced_models.cost_per_1m_usd,

    coalesce(segments.segment, 'unsegmented') as segment
from priced_models
inner join placed_models on priced_models.model_id = placed_models.model_id
inner join models on priced_models.model_id = models.model_id
left join segments
    on
        priced_models.model_id <> 'unknown'
        and priced_models.cost_per_1m_usd >= coalesce(segments.min_cost, 0)
        and (segments.max_cost is null or priced_models.cost_per_1m_usd < segments.max_cost)
        and placed_models.usage_percentile >= coalesce(segments.min_usage_percentile, 0)
        and (
            coalesce(segments.max_usage_percentile, 1) = 1
            or placed_models.usage_percentile < segments.max_usage_percentile
        )
