with weekly as (

    select * from {{ ref('int_tool_calls_weekly') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

)

select
    weekly.week_start,

    -- tokens
    weekly.tool_call_tokens,
    weekly.total_tokens,
    {{ share_of('weekly.tool_call_tokens', 'weekly.total_tokens') }} as token_share,

    -- generations
    weekly.tool_call_generations,
    weekly.generations,
    {{ share_of('weekly.tool_call_generations', 'weekly.generations') }} as generation_share,

    -- what one account does to it
    {{ share_of('weekly.top_account_tool_call_tokens', 'weekly.tool_call_tokens') }} as top_account_share,
    {{ share_of(
        'weekly.tool_call_tokens - coalesce(weekly.top_account_tool_call_tokens, 0)',
        'weekly.total_tokens - coalesce(weekly.top_account_total_tokens, 0)'
    ) }} as token_share_without_top_account,

    weeks.is_complete_week
from weekly
inner join weeks on weekly.week_start = weeks.week_start
