{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('week_start'),
        pre_hook="{{ drop_stale_parts(tool_call_parts(), 'week_start') }}",
        post_hook="{{ account_for_parts(tool_call_parts()) }}"
    )
}}

with account_finish_reason_weeks as (

    select * from {{ ref('fct_account_finish_reason_weeks') }}
    where {{ missing_parts(tool_call_parts(), 'week_start') if is_incremental() else 'true' }}

),

finish_reasons as (

    select * from {{ ref('finish_reasons') }}

),

with_meaning as (

    select
        account_finish_reason_weeks.week_start,
        account_finish_reason_weeks.account_key,
        account_finish_reason_weeks.generations,
        account_finish_reason_weeks.total_tokens,
        {{ mapped_finish_reason('account_finish_reason_weeks', 'finish_reasons') }} = 'tool_calls' as is_tool_call
    from account_finish_reason_weeks
    left join finish_reasons on account_finish_reason_weeks.native_finish_reason = finish_reasons.native_finish_reason

),

account_weeks as (

    select
        week_start,
        account_key,
        sum(generations) as generations,
        sum(case when is_tool_call then generations else 0 end) as tool_call_generations,
        sum(total_tokens) as total_tokens,
        sum(case when is_tool_call then total_tokens else 0 end) as tool_call_tokens
    from with_meaning
    group by week_start, account_key

),

-- Of accounts with equally many tool-call tokens the busier one counts, so that the numbers do not depend on the pseudonyms.
ranked_accounts as (

    select
        week_start,
        tool_call_tokens,
        total_tokens,
        row_number() over (
            partition by week_start
            order by tool_call_tokens desc, total_tokens desc, account_key asc
        ) as account_rank
    from account_weeks
    where tool_call_tokens > 0

),

weekly as (

    select
        week_start,
        cast(sum(tool_call_tokens) as bigint) as tool_call_tokens,
        cast(sum(total_tokens) as bigint) as total_tokens,
        cast(sum(tool_call_generations) as bigint) as tool_call_generations,
        cast(sum(generations) as bigint) as generations
    from account_weeks
    group by week_start

)

select
    -- grain
    weekly.week_start,

    -- all accounts
    weekly.tool_call_tokens,
    weekly.total_tokens,
    weekly.tool_call_generations,
    weekly.generations,

    -- the account with most tool-call tokens; null where nobody has any
    top_accounts.tool_call_tokens as top_account_tool_call_tokens,
    top_accounts.total_tokens as top_account_total_tokens
from weekly
left join ranked_accounts as top_accounts
    on
        weekly.week_start = top_accounts.week_start
        and top_accounts.account_rank = 1
