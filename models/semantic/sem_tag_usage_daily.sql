{{ config(materialized='table' if target.type == 'spark' else 'view') }}

with tag_usage as (

    select * from {{ ref('fct_tag_usage_daily') }}
    where {{ from_category_start('event_date') }}

),

-- What a label means, and where it counts, is written in int_tag_usage_daily, and only there.
tag_meanings as (

    select * from {{ ref('int_tag_usage_daily') }}

),

model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}

),

countries as (

    select * from {{ ref('dim_countries') }}

),

prompt_languages as (

    select * from {{ ref('int_prompt_languages') }}

),

reasoning_days as (

    select distinct
        event_date,
        model_slug,
        is_reasoning_model
    from model_usage_daily

),

rolled_up as (

    select
        tag_usage.event_date,
        tag_meanings.model_id,
        tag_meanings.model_variant,
        coalesce(countries.country_code, 'unknown') as country_code,
        prompt_languages.language_code,
        tag_meanings.category,
        tag_meanings.tag,
        tag_usage.is_byok,
        tag_meanings.counts_for_tag,
        tag_meanings.counts_for_category,
        tag_meanings.counts_for_generation,
        tag_meanings.week_start,
        tag_meanings.is_in_study_window,
        tag_meanings.source_type,
        tag_meanings.is_open_source,
        reasoning_days.is_reasoning_model,
        tag_meanings.is_free_access,
        {{ enters_cost_metrics('tag_usage.is_byok', 'tag_meanings.is_free_access') }} as is_priced,
        {{ is_omitted_from_spend_share('tag_meanings.author_slug') }} as is_omitted_author,
        sum(tag_usage.sampled_generations) as sampled_generations,
        sum(tag_usage.zero_token_generations) as zero_token_generations,
        sum(tag_usage.sampled_tokens) as sampled_tokens,
        sum(tag_usage.prompt_tokens) as prompt_tokens,
        sum(tag_usage.completion_tokens) as completion_tokens,
        {{ sum_usd('tag_usage.spend_usd') }} as spend_usd
    from tag_usage
    inner join tag_meanings
        on
            tag_usage.event_date = tag_meanings.event_date
            and tag_usage.model_slug = tag_meanings.model_slug
            and tag_usage.is_byok = tag_meanings.is_byok
            and tag_usage.label_paths = tag_meanings.label_paths
            and tag_usage.category_path = tag_meanings.category_path
    inner join reasoning_days
        on
            tag_usage.event_date = reasoning_days.event_date
            and tag_usage.model_slug = reasoning_days.model_slug
    inner join prompt_languages on tag_usage.prompt_language = prompt_languages.prompt_language
    left join countries on tag_usage.country_code = countries.country_code
    group by
        tag_usage.event_date,
        tag_meanings.model_id,
        tag_meanings.model_variant,
        coalesce(countries.country_code, 'unknown'),
        prompt_languages.language_code,
        tag_meanings.category,
        tag_meanings.tag,
        tag_usage.is_byok,
        tag_meanings.counts_for_tag,
        tag_meanings.counts_for_category,
        tag_meanings.counts_for_generation,
        tag_meanings.week_start,
        tag_meanings.is_in_study_window,
        tag_meanings.source_type,
        tag_meanings.is_open_source,
        reasoning_days.is_reasoning_model,
        tag_meanings.is_free_access,
        {{ enters_cost_metrics('tag_usage.is_byok', 'tag_meanings.is_free_access') }},
        {{ is_omitted_from_spend_share('tag_meanings.author_slug') }}

),

all_traffic_weeks as (

    select
        week_start,
        cast(sum(total_tokens) as bigint) as total_tokens
    from model_usage_daily
    where {{ from_category_start('event_date') }}
    group by week_start

),

-- A week that the study window cuts is priced in two parts, as in rpt_category_cost_usage, which knows the part inside only.
priced_traffic_weeks as (

    select
        week_start,
        is_in_study_window,
        cast(sum(total_tokens) as bigint) as total_tokens
    from model_usage_daily
    where
        {{ from_category_start('event_date') }}
        and {{ enters_cost_metrics('is_byok', 'is_free_access') }}
    group by week_start, is_in_study_window

),

sample_weeks as (

    select
        week_start,
        sum(sampled_tokens) as sampled_tokens,
        sum(case when category <> 'others' then sampled_tokens else 0 end) as named_tokens,
        sum(case when category <> 'others' then sampled_generations else 0 end) as named_generations
    from rolled_up
    where counts_for_category
    group by week_start

),

priced_sample_weeks as (

    select
        week_start,
        is_in_study_window,
        sum(sampled_tokens) as sampled_tokens
    from rolled_up
    where
        counts_for_category
        and is_priced
    group by week_start, is_in_study_window

),

category_weeks as (

    select
        week_start,
        category,
        {{ sum_usd('spend_usd') }} as spend_usd,
        {{ sum_usd('spend_usd', condition='not is_omitted_author') }} as shown_spend_usd
    from rolled_up
    where
        counts_for_category
        and is_priced
    group by week_start, category

),

category_windows as (

    select
        category,
        sum(sampled_tokens) as sampled_tokens
    from rolled_up
    where
        counts_for_tag
        and is_in_study_window
    group by category

)

select
    -- grain
    rolled_up.event_date,
    rolled_up.model_id,
    rolled_up.model_variant,
    rolled_up.country_code,
    rolled_up.language_code,
    rolled_up.category,
    rolled_up.tag,
    rolled_up.is_byok,
    rolled_up.counts_for_tag,
    rolled_up.counts_for_category,
    rolled_up.counts_for_generation,

    -- when
    rolled_up.week_start,
    rolled_up.is_in_study_window,

    -- which model, what kind of use
    rolled_up.source_type,
    rolled_up.is_open_source,
    rolled_up.is_reasoning_model,
    rolled_up.is_free_access,
    rolled_up.is_priced,
    rolled_up.is_omitted_author,

    -- how much of the sample
    rolled_up.sampled_generations,
    rolled_up.zero_token_generations,
    rolled_up.sampled_tokens,
    rolled_up.prompt_tokens,
    rolled_up.completion_tokens,
    rolled_up.spend_usd,

    -- how much of all traffic that stands for
    {{ share_of('rolled_up.sampled_tokens', 'sample_weeks.sampled_tokens') }}
    * all_traffic_weeks.total_tokens as estimated_tokens,
    case
        when rolled_up.is_priced
            then
                {{ share_of('rolled_up.sampled_tokens', 'priced_sample_weeks.sampled_tokens') }}
                * priced_traffic_weeks.total_tokens
    end as estimated_priced_tokens,

    -- what shares are taken of
    sample_weeks.sampled_tokens as week_sampled_tokens,
    sample_weeks.named_tokens as week_named_tokens,
    sample_weeks.named_generations as week_named_generations,
    category_weeks.spend_usd as week_category_spend_usd,
    category_weeks.shown_spend_usd as week_category_shown_spend_usd,
    category_windows.sampled_tokens as window_category_tokens
from rolled_up
inner join all_traffic_weeks on rolled_up.week_start = all_traffic_weeks.week_start
left join sample_weeks on rolled_up.week_start = sample_weeks.week_start
left join priced_traffic_weeks
    on
        rolled_up.week_start = priced_traffic_weeks.week_start
        and rolled_up.is_in_study_window = priced_traffic_weeks.is_in_study_window
left join priced_sample_weeks
    on
        rolled_up.week_start = priced_sample_weeks.week_start
        and rolled_up.is_in_study_window = priced_sample_weeks.is_in_study_window
left join category_weeks
    on
        rolled_up.week_start = category_weeks.week_start
        and rolled_up.category = category_weeks.category
left join category_windows on rolled_up.category = category_windows.category
