with tag_usage_daily as (

    select * from {{ ref('int_tag_usage_daily') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

scoped as (

    select
        week_start,
        category,
        sampled_generations - zero_token_generations as sampled_generations,
        sampled_tokens,
        prompt_tokens,
        completion_tokens
    from tag_usage_daily
    where
        counts_for_category
        and sampled_tokens > 0

    union all

    select
        week_start,
        'all' as category,
        sampled_generations - zero_token_generations as sampled_generations,
        sampled_tokens,
        prompt_tokens,
        completion_tokens
    from tag_usage_daily
    where
        counts_for_generation
        and sampled_tokens > 0

),

weekly as (

    select
        week_start,
        category,
        sum(sampled_generations) as sampled_generations,
        sum(sampled_tokens) as sampled_tokens,
        sum(prompt_tokens) as prompt_tokens,
        sum(completion_tokens) as completion_tokens
    from scoped
    group by week_start, category

),

averages as (

    select
        *,
        {{ share_of('prompt_tokens', 'sampled_generations') }} as avg_prompt_tokens,
        {{ share_of('completion_tokens', 'sampled_generations') }} as avg_completion_tokens,
        {{ share_of('sampled_tokens', 'sampled_generations') }} as avg_sequence_tokens
    from weekly

)

select
    averages.week_start,
    averages.category,
    {{ sampled_count('averages.sampled_generations') }} as sampled_generations,
    {{ sampled_count('averages.sampled_tokens') }} as sampled_tokens,
    averages.avg_prompt_tokens,
    averages.avg_completion_tokens,
    averages.avg_sequence_tokens,
    {{ share_of(
        'averages.avg_sequence_tokens', 'all_categories.avg_sequence_tokens'
    ) }} as ratio_to_all,
    weeks.is_complete_week and {{ from_category_start('weeks.week_start') }} as is_complete_week
from averages
inner join averages as all_categories
    on
        averages.week_start = all_categories.week_start
        and all_categories.category = 'all'
inner join weeks on averages.week_start = weeks.week_start
