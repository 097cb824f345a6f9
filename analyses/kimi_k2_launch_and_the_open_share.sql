{#-
    Question: what did the launch of Kimi K2 do to the share of open models? Did it bring tokens to open models, or move
    them from one open model to another?

    How to read it: one row a week, eight before the release week (week 0) to twelve after. If kimi_share grows while
    other_open_share falls by the same, tokens moved among open models; if other_open_share holds, closed_share paid for
    it. change_of_open_share is against the mean of the four weeks before the release week. Two caveats: other models
    were released in the same weeks (releases_of_the_week), and a share can fall while the tokens behind it grow
    (open_tokens). The mart rpt_model_release_impact has the short form for every landmark model.

    To ask it of another model, change the model_id in the first CTE.
-#}
with launch as (

    select
        model_id,
        {{ week_start('released_on') }} as release_week
    from {{ ref('dim_models') }}
    where model_id = 'moonshotai/kimi-k2'

),

models as (

    select
        model_id,
        source_type,
        {{ week_start('released_on') }} as release_week
    from {{ ref('dim_models') }}

),

usage_weekly as (

    select
        {{ week_start('usage_daily.event_date') }} as week_start,
        model_slugs.model_id,
        sum(usage_daily.total_tokens) as total_tokens
    from {{ ref('fct_usage_daily') }} as usage_daily
    inner join {{ ref('dim_model_slugs') }} as model_slugs on usage_daily.model_slug = model_slugs.model_slug
    group by {{ week_start('usage_daily.event_date') }}, model_slugs.model_id

),

complete_weeks as (

    select
        weeks.week_start,
        cast({{ dbt.datediff('launch.release_week', 'weeks.week_start', 'day') }} / 7 as bigint) -- noqa: LT05
            as weeks_since_release
    from {{ ref('dim_weeks') }} as weeks
    cross join launch
    where
        weeks.is_complete_week
        and weeks.week_start >= cast(launch.release_week - interval '56' day as date)
        and weeks.week_start <= cast(launch.release_week + interval '84' day as date)

),

releases as (

    select
        release_week as week_start,
        count(*) as releases_of_the_week
    from models
    where source_type in ('chinese_oss', 'row_oss')
    group by release_week

),

shares as (

    select
        complete_weeks.week_start,
        complete_weeks.weeks_since_release,
        sum(case when models.source_type in ('chinese_oss', 'row_oss') then usage_weekly.total_tokens else 0 end) as open_tokens,
        {{ share_of(
            'sum(case when models.model_id = launch.model_id then usage_weekly.total_tokens else 0 end)',
            'sum(usage_weekly.total_tokens)'
        ) }} as kimi_share,
        {{ share_of(
            "sum(case when models.source_type in ('chinese_oss', 'row_oss') and models.model_id <> launch.model_id "
            ~ "then usage_weekly.total_tokens else 0 end)",
            'sum(usage_weekly.total_tokens)'
        ) }} as other_open_share,
        {{ share_of(
            "sum(case when models.source_type = 'closed' then usage_weekly.total_tokens else 0 end)",
            'sum(usage_weekly.total_tokens)'
        ) }} as closed_share
    from complete_weeks
    inner join usage_weekly on complete_weeks.week_start = usage_weekly.week_start
    inner join models on usage_weekly.model_id = models.model_id
    cross join launch
    group by complete_weeks.week_start, complete_weeks.weeks_since_release

),

before_release as (

    select avg(kimi_share + other_open_share) as open_share
    from shares
    where weeks_since_release between -4 and -1

)

select
    shares.weeks_since_release,
    shares.week_start,
    shares.open_tokens,
    round(shares.kimi_share, 4) as kimi_share,
    round(shares.other_open_share, 4) as other_open_share,
    round(shares.closed_share, 4) as closed_share,
    round(shares.kimi_share + shares.other_open_share - before_release.open_share, 4) as change_of_open_share,
    coalesce(releases.releases_of_the_week, 0) as releases_of_the_week
from shares
cross join before_release
left join releases on shares.week_start = releases.week_start
order by shares.weeks_since_release asc
