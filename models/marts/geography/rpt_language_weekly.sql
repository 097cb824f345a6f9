with language_usage_daily as (

    select * from {{ ref('int_language_usage_daily') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

weekly as (

    select
        week_start,
        language_code,
        language_name,
        cast(sum(total_tokens) as bigint) as total_tokens,
        cast(sum(generations) as bigint) as generations
    from language_usage_daily
    group by week_start, language_code, language_name

)

select
    weekly.week_start,
    weekly.language_code,
    weekly.language_name,
    weekly.total_tokens,
    {{ share_of('weekly.total_tokens', 'sum(weekly.total_tokens) over (partition by weekly.week_start)') }} as token_share,
    weekly.generations,
    weeks.is_complete_week
from weekly
inner join weeks on weekly.week_start = weeks.week_start
