with model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}
    where is_open_source

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

window_totals as (

    select
        model_id,
        sum(total_tokens) as total_tokens
    from model_usage_daily
    where is_in_study_window
    group by model_id

),

ranked_models as (

    select
        model_id,
        cast(row_number() over (order by total_tokens desc, model_id asc) as bigint) as window_rank
    from window_totals

),

weekly as (

    select
        model_usage_daily.week_start,
        coalesce(ranked_models.model_id, 'other') as model_id,
        ranked_models.window_rank,
        cast(sum(model_usage_daily.total_tokens) as bigint) as total_tokens
    from model_usage_daily
    left join ranked_models
        on
            model_usage_daily.model_id = ranked_models.model_id
            and ranked_models.window_rank <= 15
    group by
        model_usage_daily.week_start,
        coalesce(ranked_models.model_id, 'other'),
        ranked_models.window_rank

)

select
    weekly.week_start,
    weekly.model_id,
    weekly.total_tokens,
    {{ share_of('weekly.total_tokens', 'sum(weekly.total_tokens) over (partition by weekly.week_start)') }} as share_of_oss,
    weekly.window_rank,
    weeks.is_complete_week
from weekly
inner join weeks on weekly.week_start = weeks.week_start
