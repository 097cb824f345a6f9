with tag_usage_daily as (

    select * from {{ ref('int_tag_usage_daily') }}
    where is_in_study_window

),

tags as (

    select
        category,
        tag,
        sum(sampled_generations) as sampled_generations,
        sum(sampled_tokens) as sampled_tokens,
        sum(tag_token_squares) as token_squares,
        sum(tag_category_token_products) as token_products,
        sum(category_sample_size) as sample_size
    from tag_usage_daily
    where counts_for_tag
    group by category, tag

),

named_categories as (

    select
        category,
        cast(row_number() over (order by sum(sampled_tokens) desc, category asc) as bigint) as category_rank
    from tag_usage_daily
    where
        counts_for_category
        and category <> 'others'
    group by category

),

with_basis as (

    select
        *,
        cast(row_number() over (partition by category order by sampled_tokens desc, tag asc) as bigint) as rank_in_category,
        {{ token_share_basis(['category']) }}
    from tags

)

select
    with_basis.category,
    with_basis.tag,
    {{ sampled_count('with_basis.sampled_generations') }} as sampled_generations,
    {{ sampled_count('with_basis.sampled_tokens') }} as sampled_tokens,
    {{ token_share() }} as share_of_category,
    {{ token_share_bound('low') }} as share_of_category_low,
    {{ token_share_bound('high') }} as share_of_category_high,
    with_basis.rank_in_category,
    coalesce({{ token_share() }} >= 0.07, false) as is_labelled,
    named_categories.category_rank,
    case
        when named_categories.category_rank <= 6 then 'top_6'
        when named_categories.category_rank <= 12 then 'next_6'
    end as panel
from with_basis
left join named_categories on with_basis.category = named_categories.category
