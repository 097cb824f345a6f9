-- A row is a landmark model whose shares before and after its release are not those of the tokens in fct_usage_daily.
with weekly as (

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
        models.model_id,
        {{ dbt.datediff(week_start('models.released_on'), 'weekly.week_start', 'day') }} as days_since_release_week,
        cast(sum(case when weekly.source_type = models.source_type then weekly.tokens else 0 end) as double)
        / nullif(sum(weekly.tokens), 0) as source_share
    from {{ ref('dim_models') }} as models
    cross join weekly
    inner join {{ ref('dim_weeks') }} as weeks on weekly.week_start = weeks.week_start
    where
        models.is_landmark
        and weeks.is_complete_week
    group by
        models.model_id,
        {{ dbt.datediff(week_start('models.released_on'), 'weekly.week_start', 'day') }}

),

landmarks as (

    select
        models.model_id,
        avg(case when landmark_weeks.days_since_release_week between -28 and -7 then landmark_weeks.source_share end) as share_before,
        avg(case when landmark_weeks.days_since_release_week between 7 and 28 then landmark_weeks.source_share end) as share_after
    from {{ ref('dim_models') }} as models
    left join landmark_weeks on models.model_id = landmark_weeks.model_id
    where models.is_landmark
    group by models.model_id

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
