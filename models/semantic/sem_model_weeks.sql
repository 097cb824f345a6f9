with usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

model_weeks as (

    select
        week_start,
        model_id,
        is_open_source,
        cast(sum(total_tokens) as bigint) as total_tokens
    from usage_daily
    group by week_start, model_id, is_open_source

),

used_models as (

    select
        *,
        sum(total_tokens) over (partition by week_start) as week_tokens,
        sum(case when is_open_source then total_tokens else 0 end) over (partition by week_start) as week_oss_tokens
    from model_weeks

),

offered_models as (

    select
        weeks.week_start,
        models.model_id,
        models.source_type in ('chinese_oss', 'row_oss') as is_open_source
    from weeks
    inner join models on {{ is_offered_in_week('models', 'weeks') }}

),

all_models as (

    select
        coalesce(offered_models.week_start, used_models.week_start) as week_start,
        coalesce(offered_models.model_id, used_models.model_id) as model_id,
        coalesce(offered_models.is_open_source, used_models.is_open_source) as is_open_source,
        offered_models.model_id is not null as is_offered,
        coalesce(used_models.total_tokens, 0) as total_tokens,
        used_models.week_tokens,
        used_models.week_oss_tokens
    from offered_models
    full outer join used_models
        on
            offered_models.week_start = used_models.week_start
            and offered_models.model_id = used_models.model_id

)

select
    -- grain
    week_start,
    model_id,

    -- what it is
    is_open_source,
    is_offered,

    -- how much
    total_tokens,
    {{ share_of('total_tokens', 'week_tokens') }} as token_share,
    case when is_open_source then {{ share_of('total_tokens', 'week_oss_tokens') }} end as share_of_oss
from all_models
