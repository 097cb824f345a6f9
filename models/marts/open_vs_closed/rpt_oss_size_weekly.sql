with model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}
    where is_open_source

),

models as (

    select * from {{ ref('dim_models') }}
    where source_type in ('chinese_oss', 'row_oss')

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

size_buckets as (

    select size_bucket
    from (values ('small'), ('medium'), ('large'), ('unknown')) as buckets (size_bucket)

),

weekly as (

    select
        week_start,
        size_bucket,
        cast(sum(total_tokens) as bigint) as total_tokens,
        count(distinct case when total_tokens > 0 then model_id end) as active_models
    from model_usage_daily
    group by week_start, size_bucket

),

available as (

    select
        weeks.week_start,
        models.size_bucket,
        count(*) as available_models
    from weeks
    inner join models on {{ is_offered_in_week('models', 'weeks') }}
    group by weeks.week_start, models.size_bucket

),

filled as (

    -- The three sizes have a row in every week; `unknown` only where it has tokens.
    select
        weeks.week_start,
        weeks.is_complete_week,
        size_buckets.size_bucket,
        coalesce(weekly.total_tokens, 0) as total_tokens,
        coalesce(available.available_models, 0) as available_models,
        coalesce(weekly.active_models, 0) as active_models
    from weeks
    cross join size_buckets
    left join weekly
        on
            weeks.week_start = weekly.week_start
            and size_buckets.size_bucket = weekly.size_bucket
    left join available
        on
            weeks.week_start = available.week_start
            and size_buckets.size_bucket = available.size_bucket
    where
        size_buckets.size_bucket <> 'unknown'
        or weekly.total_tokens > 0

)

select
    week_start,
    size_bucket,
    total_tokens,
    {{ share_of('total_tokens', 'sum(total_tokens) over (partition by week_start)') }} as share_of_oss,
    available_models,
    active_models,
    is_complete_week
from filled
