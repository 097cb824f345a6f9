-- A row is a week whose concentration is not that of the open-weight tokens in fct_usage_daily.
with weekly_by_model as (

    select
        {{ week_start('usage_daily.event_date') }} as week_start,
        models.model_id,
        cast(sum(usage_daily.total_tokens) as double) as tokens
    from {{ ref('fct_usage_daily') }} as usage_daily
    inner join {{ ref('dim_model_slugs') }} as model_slugs on usage_daily.model_slug = model_slugs.model_slug
    inner join {{ ref('dim_models') }} as models on model_slugs.model_id = models.model_id
    where models.source_type in ('chinese_oss', 'row_oss')
    group by {{ week_start('usage_daily.event_date') }}, models.model_id

),

weekly as (

    select
        week_start,
        max(tokens) / nullif(sum(tokens), 0) as top_model_share,
        sum(tokens * tokens) / nullif(sum(tokens) * sum(tokens), 0) as hhi
    from weekly_by_model
    group by week_start

)

select
    coalesce(concentration.week_start, weekly.week_start) as week_start,
    concentration.top_model_share,
    weekly.top_model_share as expected_top_model_share,
    concentration.hhi,
    weekly.hhi as expected_hhi
from {{ ref('rpt_oss_concentration_weekly') }} as concentration
full outer join weekly on concentration.week_start = weekly.week_start
where
    concentration.week_start is null
    or weekly.week_start is null
    or abs(coalesce(concentration.top_model_share, -1) - coalesce(weekly.top_model_share, -1)) > 1e-9
    or abs(coalesce(concentration.hhi, -1) - coalesce(weekly.hhi, -1)) > 1e-9
