with model_usage_daily as (

    select
        week_start,
        model_id,
        is_in_study_window,
        generations,
        case when is_tool_call then total_tokens else 0 end as tool_call_tokens,
        tools_provided_tokens,
        tools_unknown_generations
    from {{ ref('int_model_usage_daily') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

window_totals as (

    select
        model_id,
        sum(tool_call_tokens) as tool_call_tokens
    from model_usage_daily
    where
        is_in_study_window
        and model_id <> 'unknown'
    group by model_id

),

ranked_models as (

    select
        model_id,
        cast(row_number() over (order by tool_call_tokens desc, model_id asc) as bigint) as window_rank
    from window_totals
    where tool_call_tokens > 0

),

weekly as (

    select
        model_usage_daily.week_start,
        coalesce(ranked_models.model_id, 'other') as model_id,
        ranked_models.window_rank,
        cast(sum(model_usage_daily.tool_call_tokens) as bigint) as tool_call_tokens,
        case
            when sum(model_usage_daily.tools_unknown_generations) < sum(model_usage_daily.generations)
                then cast(sum(model_usage_daily.tools_provided_tokens) as bigint)
        end as tools_provided_tokens
    from model_usage_daily
    left join ranked_models
        on
            model_usage_daily.model_id = ranked_models.model_id
            and ranked_models.window_rank <= 10
    group by
        model_usage_daily.week_start,
        coalesce(ranked_models.model_id, 'other'),
        ranked_models.window_rank

)

select
    weekly.week_start,
    weekly.model_id,
    weekly.tool_call_tokens,
    {{ share_of('weekly.tool_call_tokens', 'sum(weekly.tool_call_tokens) over (partition by weekly.week_start)') }}
        as share_of_tool_calls,
    weekly.tools_provided_tokens,
    weekly.window_rank,
    weeks.is_complete_week
from weekly
inner join weeks on weekly.week_start = weeks.week_start
