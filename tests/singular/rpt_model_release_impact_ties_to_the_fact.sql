-- A row is a landmark model whose shares before and after its release are not those of the tokens in fct_usage_daily.
with landmark_models as (

    select
        model_id,
        source_type,
        {{ week_start('released_on') }} as release_week
    from {{ ref('dim_models') }}
    where is_landmark

),

weekly as (

    select
        {{ week_start('usage_daily.event_date') }} as week_start,
        models.source_type,
        sum(usage_daily.total_tokens) as tokens
    from {{ ref('fct_usage_daily') }} as usage_daily
    inner join {{ ref('dim_model_slugs') }} as model_slugs on usage_daily.model_slug = model_slugs.model_slug
    inner join {{ ref('dim_models') }} as models on model_slugs.model_id = models.model_id
    group by {{ week_start('usage_daily.event_date') }}, models.source_type

),

landmark_weeks as (

    select
        landmark_models.model_id,
        landmark_models.release_week,
        weekly.week_start,
        cast(sum(case when weekly.source_type = landmark_models.source_type then weekly.tokens else 0 end) as double)
        / nullif(sum(weekly.tokens), 0) as source_share
    from landmark_models
    cross join weekly
    inner join {{ ref('dim_weeks') }} as weeks on weekly.week_start = weeks.week_start
    where weeks.is_complete_week
    group by
        landmark_models.model_id,
        landmark_models.release_week,
        weekly.week_start

),

landmarks as (

    select
        landmark_models.model_id,
        avg(landmark_weeks.source_share) filter (
            where
            landmark_weeks.week_start < landmark_weeks.release_week
            and landmark_weeks.week_start >= landmark_weeks.release_week - interval '28' day
        ) as share_before,
        avg(landmark_weeks.source_share) filter (
            where
            landmark_weeks.week_start > landmark_weeks.release_week
            and landmark_weeks.week_start <= landmark_weeks.release_week + interval '28' day
        ) as share_after
    from landmark_models
    left join landmark_weeks on landmark_models.model_id = landmark_weeks.model_id
    group by landmark_models.model_id

)

select
    coalesce(impact.model_id, landmarks.model_id) as model_id,
    impact.source_share_before,
    landmarks.share_before as expected_share_before,
    impact.source_share_after,
    landmarks.share_after as expected_share_after
from {{ ref('rpt_model_release_impact') }} as impact
full outer join landmarks on impact.model_id = landmarks.model_id
where
    impact.model_id is null
    or landmarks.model_id is null
    or abs(coalesce(impact.source_share_before, -1) - coalesce(landmarks.share_before, -1)) > 1e-9
    or abs(coalesce(impact.source_share_after, -1) - coalesce(landmarks.share_after, -1)) > 1e-9
