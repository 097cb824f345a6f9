with model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}

),

source_type_weekly as (

    select * from {{ ref('rpt_source_type_weekly') }}

),

landmark_models as (

    select
        *,
        {{ week_start('released_on') }} as release_week
    from {{ ref('dim_models') }}
    where is_landmark

),

complete_weeks as (

    select week_start
    from {{ ref('dim_weeks') }}
    where is_complete_week

),

first_complete_week as (

    select min(week_start) as week_start from complete_weeks

),

weeks_with_tokens as (

    select week_start
    from source_type_weekly
    group by week_start
    having sum(total_tokens) > 0

),

weeks_around_release as (

    -- A complete week in which the source type was not used at all counts with a share of zero.
    select
        landmark_models.model_id,
        complete_weeks.week_start < landmark_models.release_week as is_before,
        coalesce(source_type_weekly.token_share, 0) as source_share
    from landmark_models
    inner join complete_weeks
        on
            complete_weeks.week_start >= cast(landmark_models.release_week - interval '28' day as date)
            and complete_weeks.week_start <= cast(landmark_models.release_week + interval '28' day as date)
            and landmark_models.release_week <> complete_weeks.week_start
    inner join weeks_with_tokens on complete_weeks.week_start = weeks_with_tokens.week_start
    left join source_type_weekly
        on
            complete_weeks.week_start = source_type_weekly.week_start
            and landmark_models.source_type = source_type_weekly.source_type

),

source_shares as (

    select
        model_id,
        {{ exact_avg('source_share', condition="is_before") }} as source_share_before,
        {{ exact_avg('source_share', condition="not is_before") }} as source_share_after
    from weeks_around_release
    group by model_id

),

open_source_weekly as (

    select
        week_start,
        sum(total_tokens) as oss_tokens
    from model_usage_daily
    where is_open_source
    group by week_start

),

model_weekly as (

    select
        model_id,
        week_start,
        sum(total_tokens) as model_tokens
    from model_usage_daily
    where is_open_source
    group by model_id, week_start

),

adoption as (

    select
        landmark_models.model_id,
        min(
            case
                when model_weekly.model_tokens >= 0.01 * open_source_weekly.oss_tokens and open_source_weekly.oss_tokens > 0
                    then model_weekly.week_start
            end
        ) as reached_1pct_in,
        min(
            case
                when model_weekly.model_tokens >= 0.05 * open_source_weekly.oss_tokens and open_source_weekly.oss_tokens > 0
                    then model_weekly.week_start
            end
        ) as reached_5pct_in
    from landmark_models
    inner join model_weekly
        on
            landmark_models.model_id = model_weekly.model_id
            and landmark_models.release_week <= model_weekly.week_start
    inner join open_source_weekly on model_weekly.week_start = open_source_weekly.week_start
    group by landmark_models.model_id

)

select
    landmark_models.model_id,
    landmark_models.source_type,
    landmark_models.released_on,
    landmark_models.release_week,
    source_shares.source_share_before,
    source_shares.source_share_after,
    case
        when landmark_models.release_week >= first_complete_week.week_start
            then cast({{ dbt.datediff('landmark_models.release_week', 'adoption.reached_1pct_in', 'day') }} / 7 as bigint) -- noqa: LT05
    end as weeks_to_1pct_of_oss,
    case
        when landmark_models.release_week >= first_complete_week.week_start
            then cast({{ dbt.datediff('landmark_models.release_week', 'adoption.reached_5pct_in', 'day') }} / 7 as bigint) -- noqa: LT05
    end as weeks_to_5pct_of_oss
from landmark_models
cross join first_complete_week
left join source_shares on landmark_models.model_id = source_shares.model_id
left join adoption on landmark_models.model_id = adoption.model_id
