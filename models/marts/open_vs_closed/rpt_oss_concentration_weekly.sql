with model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}
    where is_open_source

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

weekly_by_model as (

    select
        week_start,
        model_id,
        sum(total_tokens) as total_tokens
    from model_usage_daily
    group by week_start, model_id

),

shares as (

    select
        week_start,
        model_id,
        {{ share_of('total_tokens', 'sum(total_tokens) over (partition by week_start)') }} as share_of_oss,
        row_number() over (partition by week_start order by total_tokens desc, model_id asc) as week_rank
    from weekly_by_model

),

concentration as (

    select
        week_start,
        max(model_id) filter (where week_rank = 1) as top_model_id,
        max(share_of_oss) as top_model_share,
        sum(share_of_oss * share_of_oss) as hhi,
        cast(count(*) filter (where share_of_oss > 0.05) as bigint) as models_over_5pct,
        sum(
            case
                when
                    model_id in (
                        'deepseek/deepseek-chat', 'deepseek/deepseek-chat-v3-0324', 'deepseek/deepseek-r1',
                        'deepseek/deepseek-r1-0528'
                    )
                    then share_of_oss
                -- Zero where there are open tokens to share, null where there are none.
                else share_of_oss * 0
            end
        ) as deepseek_v3_r1_share
    from shares
    group by week_start

)

select
    concentration.week_start,
    concentration.top_model_id,
    concentration.top_model_share,
    concentration.hhi,
    1 / nullif(concentration.hhi, 0) as effective_models,
    concentration.models_over_5pct,
    concentration.deepseek_v3_r1_share,
    weeks.is_complete_week
from concentration
inner join weeks on concentration.week_start = weeks.week_start
