with tag_usage_daily as (

    select * from {{ ref('int_tag_usage_daily') }}
    where
        is_open_source
        and counts_for_category

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

scopes as (

    select
        scope,
        source_type
    from (
        values
        ('all_oss', 'chinese_oss'),
        ('all_oss', 'row_oss'),
        ('chinese_oss', 'chinese_oss'),
        ('row_oss', 'row_oss')
    ) as source_types_of_scopes (scope, source_type)

),

weekly as (

    select
        tag_usage_daily.week_start,
        scopes.scope,
        tag_usage_daily.category,
        sum(tag_usage_daily.sampled_generations) as sampled_generations,
        sum(tag_usage_daily.sampled_tokens) as sampled_tokens,
        sum(tag_usage_daily.category_token_squares) as token_squares,
        sum(tag_usage_daily.category_named_token_products) as token_products,
        sum(tag_usage_daily.named_sample_size) as sample_size
    from tag_usage_daily
    inner join scopes on tag_usage_daily.source_type = scopes.source_type
    group by
        tag_usage_daily.week_start,
        scopes.scope,
        tag_usage_daily.category

),

with_basis as (

    select
        *,
        sum(sampled_tokens) over (partition by week_start, scope) as all_sampled_tokens,
        {{ token_share_basis(['week_start', 'scope'], "category <> 'others'") }}
    from weekly

)

select
    with_basis.week_start,
    with_basis.scope,
    with_basis.category,
    {{ sampled_count('with_basis.sampled_generations') }} as sampled_generations,
    {{ sampled_count('with_basis.sampled_tokens') }} as sampled_tokens,
    {{ token_share("category <> 'others'") }} as token_share,
    {{ token_share_bound('low', "category <> 'others'") }} as token_share_low,
    {{ token_share_bound('high', "category <> 'others'") }} as token_share_high,
    {{ share_of('sampled_tokens', 'all_sampled_tokens') }} as token_share_with_others,
    weeks.is_complete_week and {{ from_category_start('weeks.week_start') }} as is_complete_week
from with_basis
inner join weeks on with_basis.week_start = weeks.week_start
