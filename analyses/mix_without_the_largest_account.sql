{#-
    Question: what would our mix be without the largest account?

    How to read it: one row a source type, over the whole calendar months of the study window. difference is what the
    largest account does to the share: a large one means that the figure tells of that customer, not of the market.
    account_share is the part of the source type's tokens that is its own. Nobody is named: account keys are pseudonyms,
    and none is shown. For the weekly form of the same question about tool calls see rpt_tool_calls_weekly.
-#}
with account_months as (

    select * from {{ ref('fct_account_model_months') }}
    where
        {{ in_study_window('month_start') }}
        and {{ in_study_window("cast(month_start + interval '1' month - interval '1' day as date)") }}

),

model_slugs as (

    select * from {{ ref('dim_model_slugs') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

ranked_accounts as (

    select
        account_key,
        row_number() over (order by sum(total_tokens) desc, account_key asc) as account_rank
    from account_months
    group by account_key

),

by_source_type as (

    select
        models.source_type,
        sum(account_months.total_tokens) as total_tokens,
        sum(case when ranked_accounts.account_rank = 1 then account_months.total_tokens else 0 end) as account_tokens
    from account_months
    inner join ranked_accounts on account_months.account_key = ranked_accounts.account_key
    inner join model_slugs on account_months.model_slug = model_slugs.model_slug
    inner join models on model_slugs.model_id = models.model_id
    group by models.source_type

),

shares as (

    select
        source_type,
        {{ share_of('total_tokens', 'sum(total_tokens) over ()') }} as share_with,
        {{ share_of('total_tokens - account_tokens', 'sum(total_tokens - account_tokens) over ()') }} as share_without,
        {{ share_of('account_tokens', 'total_tokens') }} as account_share
    from by_source_type

)

select
    source_type,
    round(share_with, 5) as share_with,
    round(share_without, 5) as share_without,
    round(share_without - share_with, 5) as difference,
    round(account_share, 5) as account_share
from shares
order by share_with desc
