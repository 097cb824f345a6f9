with tag_usage_daily as (

    select * from {{ ref('int_tag_usage_daily') }}
    where counts_for_category

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

weekly as (

    select
        week_start,
        author_slug,
        category,
        sum(sampled_generations) as sampled_generations,
        sum(sampled_tokens) as sampled_tokens,
        sum(category_token_squares) as token_squares,
        sum(category_named_token_products) as token_products,
        sum(named_sample_size) as sample_size
    from tag_usage_daily
    group by
        week_start,
        author_slug,
        category

),

with_basis as (

    select
        *,
        {{ token_share_basis(['week_start', 'author_slug'], "category <> 'others'") }}
    from weekly

)

select
    with_basis.week_start,
    with_basis.author_slug,
    with_basis.category,
    {{ sampled_count('with_basis.sampled_generations') }} as sampled_generations,
    {{ sampled_count('with_basis.sampled_tokens') }} as sampled_tokens,
    {{ token_share("category <> 'others'") }} as share_of_author,
    {{ token_share_bound('low', "category <> 'others'") }} as share_of_author_low,
    {{ token_share_bound('high', "category <> 'others'") }} as share_of_author_high,
    weeks.is_complete_week and {{ from_category_start('weeks.week_start') }} as is_complete_week
from with_basis
inner join weeks on with_basis.week_start = weeks.week_start
