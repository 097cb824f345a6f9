with model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

weekly as (

    select
        week_start,
        is_reasoning_model,
        cast(sum(total_tokens) as bigint) as total_tokens,
        cast(sum(generations) as bigint) as generations
    from model_usage_daily
    group by week_start, is_reasoning_model

)

select
    weekly.week_start,
    weekly.is_reasoning_model,
    weekly.total_tokens,
    {{ share_of('weekly.total_tokens', 'sum(weekly.total_tokens) over (partition by weekly.week_start)') }} as token_share,
    weekly.generations,
    weeks.is_complete_week
from weekly
inner join weeks on weekly.week_start = weeks.week_start
