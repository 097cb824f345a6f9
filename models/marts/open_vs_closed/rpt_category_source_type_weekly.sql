with tag_usage_daily as (

    select * from {{ ref('int_tag_usage_daily') }}
    where counts_for_category

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

weekly as (

    -- A generation's tokens in the category lie wholly in one source type: squares and products are the same.
    select
        week_start,
        category,
        source_type,
        sum(sampled_generations) as sampled_generations,
        sum(sampled_tokens) as sampled_tokens,
        sum(category_token_squares) as token_squares,
        sum(category_token_squares) as token_products,
        sum(sampled_generations) as sample_size
    from tag_usage_daily
    group by
        week_start,
        category,
        source_type

),

with_basis as (

    select
        *,
        {{ token_share_basis(['week_start', 'category']) }}
    from weekly

)

select
    with_basis.week_start,
    with_basis.category,
    with_basis.source_type,
    {{ sampled_count('with_basis.sampled_generations') }} as sampled_generations,
    {{ sampled_count('with_basis.sampled_tokens') }} as sampled_tokens,
    {{ token_share() }} as token_share,
    {{ token_share_bound('low') }} as token_share_low,
    {{ token_share_bound('high') }} as token_share_high,
    weeks.is_complete_week and {{ from_category_start('weeks.week_start') }} as is_complete_week
from with_basis
inner join weeks on with_basis.week_start = weeks.week_start
