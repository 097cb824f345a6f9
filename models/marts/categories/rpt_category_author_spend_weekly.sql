with tag_usage_daily as (

    select * from {{ ref('int_tag_usage_daily') }}
    where
        counts_for_category
        and {{ enters_cost_metrics('is_byok', 'is_free_access') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

weekly as (

    select
        week_start,
        category,
        author_slug,
        sum(sampled_generations) as sampled_generations,
        sum(sampled_tokens) as sampled_tokens,
        {{ sum_usd('spend_usd') }} as spend_usd,
        {{ is_omitted_from_spend_share('author_slug') }} as is_omitted
    from tag_usage_daily
    group by
        week_start,
        category,
        author_slug

),

with_totals as (

    select
        *,
        {{ sum_usd('spend_usd', partition_by=['week_start', 'category']) }} as category_spend_usd,
        {{ sum_usd('spend_usd', condition='not is_omitted', partition_by=['week_start', 'category']) }} as shown_spend_usd
    from weekly

)

select
    with_totals.week_start,
    with_totals.category,
    with_totals.author_slug,
    {{ sampled_count('with_totals.sampled_generations') }} as sampled_generations,
    {{ sampled_count('with_totals.sampled_tokens') }} as sampled_tokens,
    with_totals.spend_usd,
    case
        when not with_totals.is_omitted then {{ share_of('with_totals.spend_usd', 'with_totals.shown_spend_usd') }}
    end as spend_share,
    {{ share_of('with_totals.spend_usd', 'with_totals.category_spend_usd') }} as spend_share_all,
    weeks.is_complete_week and {{ from_category_start('weeks.week_start') }} as is_complete_week
from with_totals
inner join weeks on with_totals.week_start = weeks.week_start
