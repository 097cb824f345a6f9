with tag_usage_daily as (

    select * from {{ ref('int_tag_usage_daily') }}
    where counts_for_category

),

usage_daily as (

    select * from {{ ref('int_prompt_language_usage_daily') }}
    where {{ from_category_start('event_date') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

all_usage_weekly as (

    select
        {{ week_start('event_date') }} as week_start,
        cast(sum(total_tokens) as bigint) as total_tokens
    from usage_daily
    group by {{ week_start('event_date') }}

),

weekly as (

    select
        week_start,
        category,
        sum(sampled_generations) as sampled_generations,
        sum(sampled_tokens) as sampled_tokens,
        sum(category_token_squares) as token_squares,
        sum(category_named_token_products) as token_products,
        sum(named_sample_size) as sample_size
    from tag_usage_daily
    group by week_start, category

),

with_basis as (

    select
        *,
        sum(sampled_tokens) over (partition by week_start) as all_sampled_tokens,
        sum(case when category <> 'others' then sampled_generations end)
            over (partition by week_start) as named_generations,
        {{ token_share_basis(['week_start'], "category <> 'others'") }}
    from weekly

)

select
    with_basis.week_start,
    with_basis.category,
    {{ sampled_count('with_basis.sampled_generations') }} as sampled_generations,
    {{ sampled_count('with_basis.sampled_tokens') }} as sampled_tokens,
    {{ token_share("category <> 'others'") }} as token_share,
    {{ token_share_bound('low', "category <> 'others'") }} as token_share_low,
    {{ token_share_bound('high', "category <> 'others'") }} as token_share_high,
    {{ share_of('with_basis.sampled_tokens', 'with_basis.all_sampled_tokens') }} as token_share_with_others,
    case
        when with_basis.category <> 'others'
            then {{ share_of('with_basis.sampled_generations', 'with_basis.named_generations') }}
    end as generation_share,
    {{ share_of('with_basis.sampled_tokens', 'with_basis.all_sampled_tokens') }}
    * all_usage_weekly.total_tokens as estimated_tokens,
    weeks.is_complete_week and {{ from_category_start('weeks.week_start') }} as is_complete_week
from with_basis
inner join weeks on with_basis.week_start = weeks.week_start
inner join all_usage_weekly on with_basis.week_start = all_usage_weekly.week_start
