{#-
    What is measured, by the figure it is read off. Each column of such a CTE is named as the claim of the seed
    paper_claims that it measures. A test compares these names with the seed's, in both directions.
-#}
{% set measured_in = {
    'dataset': [
        'dataset_tokens_trillions', 'dataset_generations_billions', 'active_models', 'hundreds_of_models',
    ],
    'loaded_days': ['dataset_months', 'study_period_months'],
    'usage_by_country': ['outside_united_states_share'],
    'classified_sample': ['classified_share', 'classifier_threshold', 'categories_start'],
    'releases': [
        'release_o1', 'release_o1_preview', 'release_gpt_oss_120b', 'release_qwen_2_5_coder_32b',
        'release_mistral_small_3', 'release_gpt_oss_20b', 'release_qwen3_235b_a22b_instruct', 'release_gemma_3_12b',
    ],
    'figure_1': [
        'oss_share_recent_third', 'oss_share_recent_equilibrium', 'chinese_oss_smallest_week',
        'chinese_oss_largest_week', 'chinese_oss_mean', 'row_oss_mean', 'closed_mean', 'closed_majority_recent',
        'oss_largest_week',
    ],
    'table_1': [
        'table_1_deepseek', 'table_1_qwen', 'table_1_meta_llama', 'table_1_mistralai', 'table_1_openai',
        'table_1_minimax', 'table_1_z_ai', 'table_1_tngtech', 'table_1_moonshotai', 'table_1_google', 'table_1_order',
    ],
    'figure_3': [
        'deepseek_v3_r1_majority', 'largest_open_model_recent_week', 'largest_open_model_recent_mean',
        'open_models_with_meaningful_share',
    ],
    'size_buckets': [
        'small_models_largest', 'medium_models_smallest', 'medium_models_largest', 'large_models_smallest',
    ],
    'figures_4_and_5': [
        'small_models_share_change', 'medium_models_share_change', 'large_models_share_change',
        'small_models_on_offer_change', 'medium_models_on_offer_change', 'large_models_on_offer_change',
        'medium_models_share_before',
    ],
    'figures_6_and_7': [
        'oss_roleplay_caption', 'oss_roleplay_majority', 'oss_roleplay_majority_discussion', 'oss_programming',
        'oss_roleplay_and_programming', 'oss_programming_and_technology_caption', 'chinese_roleplay',
        'chinese_programming_and_technology', 'chinese_programming_and_technology_caption',
    ],
    'oss_category_ranks': [
        'oss_roleplay_rank', 'oss_programming_rank', 'chinese_roleplay_rank', 'row_roleplay_rank',
    ],
    'figures_8_and_9': [
        'programming_closed_recent', 'programming_row_of_open_late', 'programming_chinese_of_open_middle',
        'roleplay_row_recent', 'roleplay_closed_recent', 'roleplay_closed_may', 'roleplay_row_may',
        'roleplay_chinese_may', 'roleplay_open_evenly_divided',
    ],
    'figure_10': ['reasoning_share_now', 'reasoning_share_half', 'reasoning_share_first_quarter'],
    'figure_11': [
        'reasoning_rank_grok_code_fast_1', 'reasoning_rank_gemini_2_5_pro', 'reasoning_rank_gemini_2_5_flash',
        'reasoning_rank_grok_4_fast', 'reasoning_rank_gpt_oss_120b', 'reasoning_rank_gemini_2_5_pro_before',
    ],
    'figure_12': ['tool_call_spike_of_one_account', 'tool_call_share_change'],
    'figure_13': ['tool_calls_early_leaders', 'tools_provided_since'],
    'figures_14_15_and_17': [
        'prompt_tokens_early_2024', 'prompt_tokens_recent', 'prompt_tokens_growth', 'completion_tokens_early_2024',
        'completion_tokens_recent', 'completion_tokens_growth', 'sequence_tokens_late_2023', 'sequence_tokens_recent',
        'sequence_tokens_growth', 'completion_growth_from_reasoning',
    ],
    'figures_16_and_18': [
        'programming_prompt_tokens_recent', 'programming_length_ratio', 'programming_prompt_rank',
    ],
    'figure_19': ['programming_share_early', 'programming_share_recent'],
    'figure_20': [
        'programming_spend_anthropic_weeks', 'programming_spend_anthropic_november',
        'programming_spend_anthropic_first_time', 'programming_spend_openai_july', 'programming_spend_openai_recent',
        'programming_spend_google',
    ],
    'figure_20_ranks': ['programming_spend_anthropic_rank'],
    'figures_21_and_29': [
        'tag_roleplaying_games', 'tag_roleplaying_games_appendix', 'tag_writers_resources', 'tag_adult',
        'tag_programming_other', 'tag_programming_other_appendix', 'tag_development_tools',
        'tag_foreign_language_resources', 'tag_machine_learning_ai', 'tag_largest_of_health', 'tag_largest_of_finance',
        'tag_government_other', 'tag_legal_other', 'tag_technology_top_two', 'tag_smallest_labelled',
        'tag_categories_shown',
    ],
    'figures_22_and_23': [
        'anthropic_programming_and_technology', 'google_legal', 'google_science', 'google_programming_recent',
        'xai_programming', 'openai_science_early', 'openai_science_recent', 'openai_programming_recent',
        'openai_technology_recent', 'openai_programming_and_technology_recent', 'deepseek_roleplay',
        'qwen_programming', 'xai_programming_late_november', 'qwen_roleplay_autumn', 'qwen_roleplay_november',
    ],
    'figure_24': [
        'spend_north_america_weeks_under_half', 'spend_north_america_rank', 'spend_europe', 'spend_asia_first',
        'spend_asia_recent', 'spend_asia_growth', 'tokens_asia_first', 'tokens_asia_recent',
    ],
    'table_2': [
        'table_2_english', 'table_2_chinese_simplified', 'table_2_russian', 'table_2_spanish', 'table_2_thai',
        'table_2_other', 'english_majority', 'chinese_simplified_nearly_5', 'table_2_order',
    ],
    'figure_25_rates': ['retention_claude_sonnet_4_month_5', 'retention_gemini_2_5_pro_month_5'],
    'figure_25_signals': [
        'retention_gpt_4o_mini_launch_month', 'retention_deepseek_r1_resurrection_month',
        'retention_deepseek_v3_0324_resurrection_month',
    ],
    'figure_25_archetypes': [
        'retention_claude_sonnet_4_foundational', 'retention_gemini_2_5_pro_foundational',
        'retention_gpt_4o_mini_foundational', 'retention_gemini_2_0_flash_foundational',
        'retention_llama_4_maverick_foundational', 'retention_deepseek_boomerang_cohorts',
    ],
    'figure_26': [
        'category_cost_median', 'category_cost_technology_rank', 'category_usage_programming_rank',
        'category_usage_roleplay_rank', 'category_cost_programming_to_median', 'quadrant_premium_workloads',
        'quadrant_mass_market', 'quadrant_specialized_experts', 'quadrant_niche_utilities',
        'niche_largest_is_translation', 'niche_smallest_is_trivia',
    ],
    'figure_27': ['usage_change_for_10pct_cheaper'],
    'figure_28_and_table_3': [
        'table_3_gemini_2_0_flash_cost', 'table_3_gemini_2_0_flash_usage', 'table_3_deepseek_v3_0324_cost',
        'table_3_deepseek_v3_0324_usage', 'table_3_claude_3_7_sonnet_cost', 'table_3_claude_3_7_sonnet_usage',
        'table_3_claude_sonnet_4_cost', 'table_3_claude_sonnet_4_usage', 'table_3_qwen_2_7b_instruct_cost',
        'table_3_qwen_2_7b_instruct_usage', 'table_3_granite_4_0_micro_cost', 'table_3_granite_4_0_micro_usage',
        'table_3_gpt_4_cost', 'table_3_gpt_4_usage', 'table_3_gpt_5_pro_cost', 'table_3_gpt_5_pro_usage',
        'premium_leaders_cost', 'efficient_giants_cost', 'long_tail_cost', 'long_tail_usage',
        'premium_specialists_cost', 'premium_specialists_usage', 'table_3_models_in_their_segment',
    ],
} %}

{#- Which models, authors and categories the claims name. -#}
{% set release_days = {
    'release_o1': ['openai/o1', '2024-12-05'],
    'release_o1_preview': ['openai/o1-preview', '2024-09-12'],
    'release_gpt_oss_120b': ['openai/gpt-oss-120b', '2025-08-05'],
} %}
{% set release_months = {
    'release_qwen_2_5_coder_32b': ['qwen/qwen-2.5-coder-32b-instruct', '2024-11-01'],
    'release_mistral_small_3': ['mistralai/mistral-small-24b-instruct-2501', '2025-01-01'],
    'release_gpt_oss_20b': ['openai/gpt-oss-20b', '2025-08-01'],
    'release_qwen3_235b_a22b_instruct': ['qwen/qwen3-235b-a22b-2507', '2025-07-01'],
} %}
{% set table_1_authors = [
    'deepseek', 'qwen', 'meta-llama', 'mistralai', 'openai', 'minimax', 'z-ai', 'tngtech', 'moonshotai', 'google'
] %}
{% set lengths = ['prompt', 'completion', 'reasoning'] %}
{% set authors = ['anthropic', 'openai', 'google'] %}
{% set categories = ['programming', 'technology', 'roleplay', 'science', 'legal'] %}
{% set foundational = {
    'retention_claude_sonnet_4_foundational': 'anthropic/claude-sonnet-4',
    'retention_gemini_2_5_pro_foundational': 'google/gemini-2.5-pro',
    'retention_gpt_4o_mini_foundational': 'openai/gpt-4o-mini',
    'retention_gemini_2_0_flash_foundational': 'google/gemini-2.0-flash-001',
    'retention_llama_4_maverick_foundational': 'meta-llama/llama-4-maverick',
} %}
{% set quadrants = {
    'premium_workloads': ['technology', 'science'],
    'mass_market': ['roleplay', 'programming'],
    'specialized_experts': ['finance', 'academia', 'health', 'marketing'],
    'niche_utilities': ['translation', 'legal', 'trivia'],
} %}
{% set table_3_models = {
'gemini_2_0_flash': ['google/gemini-2.0-flash-001', 'efficient_giants'],
'deepseek_v3_0324': ['deepseek/deepseek-chat-v3-0324', 'efficient_giants'],
'claude_3_7_sonnet': ['anthropic/claude-3.7-sonnet', 'premium_leaders'],
'claude_sonnet_4': ['anthropic/claude-sonnet-4', 'premium_leaders'],
'qwen_2_7b_instruct': ['qwen/qwen-2-7b-instruct', 'long_tail'],
'granite_4_0_micro': ['ibm-granite/granite-4.0-h-micro', 'long_tail'],
'gpt_4': ['openai/gpt-4', 'premium_specialists'],
'gpt_5_pro': ['openai/gpt-5-pro', 'premium_specialists'],
} %}
{% set table_2_languages = ['English', 'Chinese (Simplified)', 'Russian', 'Spanish', 'Thai'] %}

with paper_claims as (

    select * from {{ ref('paper_claims') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

countries as (

    select * from {{ ref('dim_countries') }}

),

usage_daily as (

    select * from {{ ref('int_country_usage_daily') }}

),

tag_usage_daily as (

    select * from {{ ref('fct_tag_usage_daily') }}
    where {{ from_category_start('event_date') }}

),

model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}

),

source_type_weekly as (

    select * from {{ ref('rpt_source_type_weekly') }}

),

oss_authors as (

    select * from {{ ref('rpt_oss_authors') }}

),

oss_concentration_weekly as (

    select * from {{ ref('rpt_oss_concentration_weekly') }}

),

oss_size_weekly as (

    select * from {{ ref('rpt_oss_size_weekly') }}
    where is_complete_week

),

oss_category_weekly as (

    select * from {{ ref('rpt_oss_category_weekly') }}

),

category_source_type_weekly as (

    select * from {{ ref('rpt_category_source_type_weekly') }}

),

reasoning_weekly as (

    select * from {{ ref('rpt_reasoning_weekly') }}

),

reasoning_models_weekly as (

    select * from {{ ref('rpt_reasoning_models_weekly') }}
    where model_id <> 'other'

),

tool_calls_weekly as (

    select * from {{ ref('rpt_tool_calls_weekly') }}
    where is_complete_week

),

tool_call_models_weekly as (

    select * from {{ ref('rpt_tool_call_models_weekly') }}

),

sequence_length_weekly as (

    select * from {{ ref('rpt_sequence_length_weekly') }}
    where is_complete_week

),

sequence_length_by_category_weekly as (

    select * from {{ ref('rpt_sequence_length_by_category_weekly') }}

),

category_weekly as (

    select * from {{ ref('rpt_category_weekly') }}
    where is_complete_week

),

category_author_spend_weekly as (

    select * from {{ ref('rpt_category_author_spend_weekly') }}

),

category_tags as (

    select * from {{ ref('rpt_category_tags') }}

),

author_category_weekly as (

    select * from {{ ref('rpt_author_category_weekly') }}

),

region_weekly as (

    select * from {{ ref('rpt_region_weekly') }}

),

language_tokens as (

    select * from {{ ref('rpt_language_tokens') }}

),

model_cohort_retention as (

    select * from {{ ref('rpt_model_cohort_retention') }}

),

model_cohort_signals as (

    select * from {{ ref('rpt_model_cohort_signals') }}

),

model_retention_archetypes as (

    select * from {{ ref('rpt_model_retention_archetypes') }}

),

category_cost_usage as (

    select * from {{ ref('rpt_category_cost_usage') }}

),

cost_usage_fit as (

    select * from {{ ref('rpt_cost_usage_fit') }}

),

model_cost_usage as (

    select * from {{ ref('rpt_model_cost_usage') }}

),

-- When: complete weeks that lie wholly inside the study window.
study_weeks as (

    select
        week_start,
        row_number() over (order by week_start desc) as weeks_back,
        row_number() over (order by week_start desc) <= 4 as is_recent,
        row_number() over (order by week_start asc) <= 4 as is_first,
        row_number() over (order by week_start asc) = 1 as is_first_of_all
    from weeks
    where
        is_complete_week
        and {{ in_study_window('week_start') }}
        and {{ in_study_window('week_end') }}

),

-- Those of them with categories: the first four of these are not the first four of the study.
tagged_weeks as (

    select
        study_weeks.week_start,
        study_weeks.is_recent,
        row_number() over (order by study_weeks.week_start asc) <= 4 as is_first
    from study_weeks
    inner join
        (select distinct category_weekly.week_start from category_weekly) as weeks_with_categories
        on study_weeks.week_start = weeks_with_categories.week_start

),

-- How large: the ten authors of Table 1 add up to 33.80 trillion tokens.
scale as (

    select 33.80e12 / nullif(cast(sum(total_tokens) as double), 0) as factor
    from oss_authors
    where token_rank <= 10

),

dataset as (

    select
        cast(sum(model_usage_daily.total_tokens) as double) * max(scale.factor) / 1e12 as dataset_tokens_trillions,
        cast(sum(model_usage_daily.generations) as double) * max(scale.factor) / 1e9 as dataset_generations_billions,
        nullif(
            count(
                distinct case
                    when model_usage_daily.model_id <> 'unknown' and model_usage_daily.total_tokens > 0
                        then model_usage_daily.model_id
                end
            ), 0
        ) as active_models,
        nullif(
            count(
                distinct case
                    when model_usage_daily.model_id <> 'unknown' and model_usage_daily.total_tokens > 0
                        then model_usage_daily.model_id
                end
            ), 0
        ) as hundreds_of_models
    from model_usage_daily
    cross join scale
    where model_usage_daily.is_in_study_window

),

first_and_last_days as (

    select
        min(event_date) as first_day,
        max(event_date) as last_day,
        min(case when {{ in_study_window('event_date') }} then event_date end) as first_study_day,
        max(case when {{ in_study_window('event_date') }} then event_date end) as last_study_day
    from usage_daily

),

loaded_days as (

    select
        ({{ dbt.datediff('first_day', 'last_day', 'day') }} + 1) / 30.44e0 -- noqa: LT05
            as dataset_months,
        ({{ dbt.datediff('first_study_day', 'last_study_day', 'day') }} + 1) / 30.44e0 -- noqa: LT05
            as study_period_months
    from first_and_last_days

),

usage_by_country as (

    select
        {{ share_of(
            "sum(case when countries.country_code <> 'US' then usage_daily.total_tokens else 0 end)",
            'sum(usage_daily.total_tokens)'
        ) }} as outside_united_states_share
    from usage_daily
    inner join countries on usage_daily.country_code = countries.country_code
    where
        countries.country_code <> 'unknown'
        and {{ in_study_window('usage_daily.event_date') }}

),

generations_with_categories as (

    select sum(generations) as generations
    from usage_daily
    where {{ from_category_start('event_date') }} and {{ in_study_window('event_date') }}

),

classified_sample as (

    select
        {{ share_of('sum(tag_usage_daily.primary_generations)', 'max(generations_with_categories.generations)') }}
            as classified_share,
        max({{ var('classifier_min_confidence') }}) as classifier_threshold,
        {{ months_since('min(tag_usage_daily.event_date)', "date '2025-05-01'") }} as categories_start
    from tag_usage_daily
    cross join generations_with_categories
    where {{ in_study_window('tag_usage_daily.event_date') }}

),

releases as (

    select
        {% for claim, (model_id, stated_on) in release_days.items() %}
        max(
            case
                when model_id = '{{ model_id }}'
                    then {{ dbt.datediff("cast('" ~ stated_on ~ "' as date)", 'released_on', 'day') }}
            end
        ) as {{ claim }},
        {% endfor %}
        {% for claim, (model_id, stated_month) in release_months.items() %}
        max(
            case
                when model_id = '{{ model_id }}'
                    then {{ months_since('released_on', "date '" ~ stated_month ~ "'") }}
            end
        ) as {{ claim }},
        {% endfor %}
        max(
            case
                when model_id = 'google/gemma-3-12b-it'
                    then {{ months_since('released_on', "date '2025-08-01'") }}
            end
        ) as release_gemma_3_12b
    from models

),

source_type_shares as (

    select
        study_weeks.week_start,
        study_weeks.is_recent,
        {{ weekly_share('source_type_weekly.token_share', "source_type_weekly.source_type = 'closed'") }} as closed_share,
        {{ weekly_share('source_type_weekly.token_share', "source_type_weekly.source_type = 'chinese_oss'") }} as chinese_share,
        {{ weekly_share('source_type_weekly.token_share', "source_type_weekly.source_type = 'row_oss'") }} as row_share
    from source_type_weekly
    inner join study_weeks on source_type_weekly.week_start = study_weeks.week_start
    group by study_weeks.week_start, study_weeks.is_recent

),

figure_1 as (

    select
        {{ exact_avg('chinese_share + row_share', condition="is_recent") }} as oss_share_recent_third,
        {{ exact_avg('chinese_share + row_share', condition="is_recent") }} as oss_share_recent_equilibrium,
        min(chinese_share) as chinese_oss_smallest_week,
        max(chinese_share) as chinese_oss_largest_week,
        {{ exact_avg('chinese_share') }} as chinese_oss_mean,
        {{ exact_avg('row_share') }} as row_oss_mean,
        {{ exact_avg('closed_share') }} as closed_mean,
        {{ exact_avg('closed_share', condition="is_recent") }} as closed_majority_recent,
        max(chinese_share + row_share) as oss_largest_week
    from source_type_shares

),

table_1 as (

    select
        {% for author_slug in table_1_authors %}
        max(case when oss_authors.author_slug = '{{ author_slug }}' then oss_authors.tokens_trillions * scale.factor end)
            as table_1_{{ author_slug | replace('-', '_') }},
        {% endfor %}
        sum(
            case
                {%- for author_slug in table_1_authors %}
                when oss_authors.author_slug = '{{ author_slug }}' and oss_authors.token_rank = {{ loop.index }} then 1
                {%- endfor %}
                else 0
            end
        ) as table_1_order
    from oss_authors
    cross join scale

),

figure_3 as (

    select
        {{ exact_avg(
            'oss_concentration_weekly.deepseek_v3_r1_share',
            condition="study_weeks.week_start >= date '2025-02-01' and study_weeks.week_start < date '2025-07-01'"
        ) }} as deepseek_v3_r1_majority,
        max(oss_concentration_weekly.top_model_share) filter (where study_weeks.is_recent) as largest_open_model_recent_week,
        {{ exact_avg('oss_concentration_weekly.top_model_share', condition="study_weeks.is_recent") }}
            as largest_open_model_recent_mean,
        {{ exact_avg('oss_concentration_weekly.models_over_5pct', condition="study_weeks.is_recent") }}
            as open_models_with_meaningful_share
    from oss_concentration_weekly
    inner join study_weeks on oss_concentration_weekly.week_start = study_weeks.week_start

),

size_buckets as (

    select
        max(total_parameters_b) filter (where size_bucket = 'small') as small_models_largest,
        min(total_parameters_b) filter (where size_bucket = 'medium') as medium_models_smallest,
        max(total_parameters_b) filter (where size_bucket = 'medium') as medium_models_largest,
        min(total_parameters_b) filter (where size_bucket = 'large') as large_models_smallest
    from models
    where source_type in ('chinese_oss', 'row_oss')

),

size_changes as (

    select
        oss_size_weekly.size_bucket,
        {{ exact_avg('oss_size_weekly.share_of_oss', condition="study_weeks.is_recent") }} as recent_share,
        {{ exact_avg('oss_size_weekly.share_of_oss', condition="study_weeks.is_first") }} as first_share,
        max(oss_size_weekly.available_models) filter (where study_weeks.weeks_back = 1) as last_on_offer,
        max(oss_size_weekly.available_models) filter (where study_weeks.is_first_of_all) as first_on_offer,
        {{ exact_avg('oss_size_weekly.share_of_oss', condition="oss_size_weekly.week_start < date '2024-11-01'") }}
            as share_before
    from oss_size_weekly
    left join study_weeks on oss_size_weekly.week_start = study_weeks.week_start
    group by oss_size_weekly.size_bucket

),

figures_4_and_5 as (

    select
        {% for size_bucket in ['small', 'medium', 'large'] %}
        max(recent_share / nullif(first_share, 0)) filter (where size_bucket = '{{ size_bucket }}')
            as {{ size_bucket }}_models_share_change,
        max({{ share_of('last_on_offer', 'first_on_offer') }}) filter (where size_bucket = '{{ size_bucket }}')
            as {{ size_bucket }}_models_on_offer_change,
        {% endfor %}
        max(share_before) filter (where size_bucket = 'medium') as medium_models_share_before
    from size_changes

),

oss_category_shares as (

    select
        tagged_weeks.week_start,
        oss_category_weekly.scope,
        {{ weekly_share('oss_category_weekly.token_share', "oss_category_weekly.category = 'roleplay'") }} as roleplay_share,
        {{ weekly_share('oss_category_weekly.token_share', "oss_category_weekly.category = 'programming'") }}
            as programming_share,
        {{ weekly_share('oss_category_weekly.token_share', "oss_category_weekly.category = 'technology'") }} as technology_share
    from oss_category_weekly
    inner join tagged_weeks on oss_category_weekly.week_start = tagged_weeks.week_start
    group by tagged_weeks.week_start, oss_category_weekly.scope

),

figures_6_and_7 as (

    select
        {{ exact_avg('roleplay_share', condition="scope = 'all_oss'") }} as oss_roleplay_caption,
        {{ exact_avg('roleplay_share', condition="scope = 'all_oss'") }} as oss_roleplay_majority,
        {{ exact_avg('roleplay_share', condition="scope = 'all_oss'") }} as oss_roleplay_majority_discussion,
        {{ exact_avg('programming_share', condition="scope = 'all_oss'") }} as oss_programming,
        {{ exact_avg('roleplay_share + programming_share', condition="scope = 'all_oss'") }} as oss_roleplay_and_programming,
        {{ exact_avg('programming_share + technology_share', condition="scope = 'all_oss'") }}
            as oss_programming_and_technology_caption,
        {{ exact_avg('roleplay_share', condition="scope = 'chinese_oss'") }} as chinese_roleplay,
        {{ exact_avg('programming_share + technology_share', condition="scope = 'chinese_oss'") }}
            as chinese_programming_and_technology,
        {{ exact_avg('programming_share + technology_share', condition="scope = 'chinese_oss'") }}
            as chinese_programming_and_technology_caption
    from oss_category_shares

),

ranked_oss_categories as (

    select
        oss_category_weekly.scope,
        oss_category_weekly.category,
        rank() over (
            partition by oss_category_weekly.scope
            order by sum(oss_category_weekly.token_share) desc nulls last
        ) as share_rank
    from oss_category_weekly
    inner join tagged_weeks on oss_category_weekly.week_start = tagged_weeks.week_start
    where oss_category_weekly.category <> 'others'
    group by oss_category_weekly.scope, oss_category_weekly.category

),

oss_category_ranks as (

    select
        max(share_rank) filter (where scope = 'all_oss' and category = 'roleplay') as oss_roleplay_rank,
        max(share_rank) filter (where scope = 'all_oss' and category = 'programming') as oss_programming_rank,
        max(share_rank) filter (where scope = 'chinese_oss' and category = 'roleplay') as chinese_roleplay_rank,
        max(share_rank) filter (where scope = 'row_oss' and category = 'roleplay') as row_roleplay_rank
    from ranked_oss_categories

),

category_source_shares as (

    select
        tagged_weeks.week_start,
        tagged_weeks.is_recent,
        category_source_type_weekly.category,
        {{ weekly_share('category_source_type_weekly.token_share', "category_source_type_weekly.source_type = 'closed'") }}
            as closed_share,
        {{ weekly_share('category_source_type_weekly.token_share', "category_source_type_weekly.source_type = 'chinese_oss'") }}
            as chinese_share,
        {{ weekly_share('category_source_type_weekly.token_share', "category_source_type_weekly.source_type = 'row_oss'") }}
            as row_share
    from category_source_type_weekly
    inner join tagged_weeks on category_source_type_weekly.week_start = tagged_weeks.week_start
    group by tagged_weeks.week_start, tagged_weeks.is_recent, category_source_type_weekly.category

),

figures_8_and_9 as (

    select
        {{ exact_avg('closed_share', condition="category = 'programming' and is_recent") }} as programming_closed_recent,
        {{ exact_avg(
            'row_share / nullif(row_share + chinese_share, 0)',
            condition="category = 'programming' and week_start >= date '2025-10-01' and week_start < date '2025-12-01'"
        ) }} as programming_row_of_open_late,
        {{ exact_avg(
            'chinese_share / nullif(row_share + chinese_share, 0)',
            condition="category = 'programming' and week_start >= date '2025-06-01' and week_start < date '2025-09-01'"
        ) }} as programming_chinese_of_open_middle,
        {{ exact_avg('row_share', condition="category = 'roleplay' and is_recent") }} as roleplay_row_recent,
        {{ exact_avg('closed_share', condition="category = 'roleplay' and is_recent") }} as roleplay_closed_recent,
        {{ exact_avg(
            'closed_share',
            condition="category = 'roleplay' and week_start >= date '2025-05-01' and week_start < date '2025-06-01'"
        ) }} as roleplay_closed_may,
        {{ exact_avg(
            'row_share',
            condition="category = 'roleplay' and week_start >= date '2025-05-01' and week_start < date '2025-06-01'"
        ) }} as roleplay_row_may,
        {{ exact_avg(
            'chinese_share',
            condition="category = 'roleplay' and week_start >= date '2025-05-01' and week_start < date '2025-06-01'"
        ) }} as roleplay_chinese_may,
        {{ exact_avg('chinese_share / nullif(row_share + chinese_share, 0)', condition="category = 'roleplay' and is_recent") }}
            as roleplay_open_evenly_divided
    from category_source_shares

),

reasoning_shares as (

    select
        study_weeks.week_start,
        study_weeks.weeks_back,
        {{ weekly_share('reasoning_weekly.token_share', 'reasoning_weekly.is_reasoning_model') }} as reasoning_share
    from reasoning_weekly
    inner join study_weeks on reasoning_weekly.week_start = study_weeks.week_start
    group by study_weeks.week_start, study_weeks.weeks_back

),

figure_10 as (

    select
        max(reasoning_share) filter (where weeks_back = 1) as reasoning_share_now,
        max(reasoning_share) filter (where weeks_back = 1) as reasoning_share_half,
        {{ exact_avg('reasoning_share', condition="week_start >= date '2025-01-01' and week_start < date '2025-02-01'") }}
            as reasoning_share_first_quarter
    from reasoning_shares

),

reasoning_model_tokens as (

    select
        reasoning_models_weekly.model_id,
        sum(case when study_weeks.is_recent then reasoning_models_weekly.total_tokens end) as recent_tokens,
        sum(case when study_weeks.weeks_back between 13 and 20 then reasoning_models_weekly.total_tokens end)
            as earlier_tokens
    from reasoning_models_weekly
    inner join study_weeks on reasoning_models_weekly.week_start = study_weeks.week_start
    group by reasoning_models_weekly.model_id

),

reasoning_model_ranks as (

    select
        model_id,
        case when recent_tokens > 0 then rank() over (order by recent_tokens desc nulls last) end as recent_rank,
        case when earlier_tokens > 0 then rank() over (order by earlier_tokens desc nulls last) end as earlier_rank
    from reasoning_model_tokens

),

figure_11 as (

    select
        max(recent_rank) filter (where model_id = 'x-ai/grok-code-fast-1') as reasoning_rank_grok_code_fast_1,
        max(recent_rank) filter (where model_id = 'google/gemini-2.5-pro') as reasoning_rank_gemini_2_5_pro,
        max(recent_rank) filter (where model_id = 'google/gemini-2.5-flash') as reasoning_rank_gemini_2_5_flash,
        max(recent_rank) filter (where model_id = 'x-ai/grok-4-fast') as reasoning_rank_grok_4_fast,
        max(recent_rank) filter (where model_id = 'openai/gpt-oss-120b') as reasoning_rank_gpt_oss_120b,
        max(earlier_rank) filter (where model_id = 'google/gemini-2.5-pro') as reasoning_rank_gemini_2_5_pro_before
    from reasoning_model_ranks

),

tool_calls_in_may as (

    select
        token_share,
        token_share_without_top_account,
        row_number() over (order by token_share desc nulls last, week_start asc) as share_rank
    from tool_calls_weekly
    where week_start >= date '2025-05-01' and week_start < date '2025-06-01'

),

tool_calls_in_april as (

    select {{ exact_avg('token_share') }} as token_share
    from tool_calls_weekly
    where week_start >= date '2025-04-01' and week_start < date '2025-05-01'

),

tool_call_shares as (

    select
        {{ exact_avg('tool_calls_weekly.token_share', condition="study_weeks.is_recent") }} as recent_share,
        {{ exact_avg('tool_calls_weekly.token_share', condition="study_weeks.is_first") }} as first_share
    from tool_calls_weekly
    inner join study_weeks on tool_calls_weekly.week_start = study_weeks.week_start

),

figure_12 as (

    select
        (tool_calls_in_may.token_share - tool_calls_in_may.token_share_without_top_account)
        / nullif(tool_calls_in_may.token_share - tool_calls_in_april.token_share, 0) as tool_call_spike_of_one_account,
        tool_call_shares.recent_share / nullif(tool_call_shares.first_share, 0) as tool_call_share_change
    from tool_call_shares
    cross join tool_calls_in_april
    left join tool_calls_in_may on tool_calls_in_may.share_rank = 1

),

early_tool_call_leaders as (

    select
        week_start,
        {{ weekly_share(
            'share_of_tool_calls',
            "model_id = 'openai/gpt-4o-mini' or model_id like 'anthropic/claude-3.5-%' or model_id like 'anthropic/claude-3.7-%'"
        ) }} as leaders_share
    from tool_call_models_weekly
    where is_complete_week and week_start >= date '2025-01-01' and week_start < date '2025-04-01'
    group by week_start

),

first_tools_provided as (

    select min(week_start) as week_start
    from tool_call_models_weekly
    where tools_provided_tokens is not null

),

figure_13 as (

    select
        {{ exact_avg('early_tool_call_leaders.leaders_share') }} as tool_calls_early_leaders,
        {{ months_since('max(first_tools_provided.week_start)', "date '2025-09-01'") }} as tools_provided_since
    from first_tools_provided
    left join early_tool_call_leaders on true

),

lengths as (

    select
        {% for length in lengths %}
        {{ exact_avg(
            'sequence_length_weekly.avg_' ~ length ~ '_tokens',
            condition="sequence_length_weekly.week_start >= date '2024-01-01' and sequence_length_weekly.week_start < date '2024-04-01'"
        ) }} as early_2024_{{ length }},
        {{ exact_avg('sequence_length_weekly.avg_' ~ length ~ '_tokens', condition="study_weeks.is_recent") }}
            as recent_{{ length }},
        {% endfor %}
        {{ exact_avg(
            'sequence_length_weekly.avg_sequence_tokens',
            condition="sequence_length_weekly.week_start >= date '2023-10-01' and sequence_length_weekly.week_start < date '2024-01-01'"
        ) }} as late_2023_sequence,
        {{ exact_avg('sequence_length_weekly.avg_sequence_tokens', condition="study_weeks.is_recent") }} as recent_sequence
    from sequence_length_weekly
    left join study_weeks on sequence_length_weekly.week_start = study_weeks.week_start

),

figures_14_15_and_17 as (

    select
        early_2024_prompt as prompt_tokens_early_2024,
        recent_prompt as prompt_tokens_recent,
        recent_prompt / nullif(early_2024_prompt, 0) as prompt_tokens_growth,
        early_2024_completion as completion_tokens_early_2024,
        recent_completion as completion_tokens_recent,
        recent_completion / nullif(early_2024_completion, 0) as completion_tokens_growth,
        late_2023_sequence as sequence_tokens_late_2023,
        recent_sequence as sequence_tokens_recent,
        recent_sequence / nullif(late_2023_sequence, 0) as sequence_tokens_growth,
        (recent_reasoning - early_2024_reasoning) / nullif(recent_completion - early_2024_completion, 0)
            as completion_growth_from_reasoning
    from lengths

),

category_lengths as (

    select
        sequence_length_by_category_weekly.category,
        {{ exact_avg('sequence_length_by_category_weekly.avg_prompt_tokens') }} as prompt_tokens,
        {{ exact_avg('sequence_length_by_category_weekly.ratio_to_all') }} as length_ratio,
        rank() over (
            order by {{ exact_avg('sequence_length_by_category_weekly.avg_prompt_tokens') }} desc nulls last
        ) as prompt_rank
    from sequence_length_by_category_weekly
    inner join tagged_weeks on sequence_length_by_category_weekly.week_start = tagged_weeks.week_start
    where
        tagged_weeks.is_recent
        and sequence_length_by_category_weekly.category not in ('all', 'others')
    group by sequence_length_by_category_weekly.category

),

figures_16_and_18 as (

    select
        max(prompt_tokens) filter (where category = 'programming') as programming_prompt_tokens_recent,
        max(length_ratio) filter (where category = 'programming') as programming_length_ratio,
        max(prompt_rank) filter (where category = 'programming') as programming_prompt_rank
    from category_lengths

),

programming_shares as (

    select
        tagged_weeks.week_start,
        tagged_weeks.is_recent,
        tagged_weeks.is_first,
        {{ weekly_share('category_weekly.token_share', "category_weekly.category = 'programming'") }} as programming_share
    from category_weekly
    inner join tagged_weeks on category_weekly.week_start = tagged_weeks.week_start
    group by tagged_weeks.week_start, tagged_weeks.is_recent, tagged_weeks.is_first

),

figure_19 as (

    select
        {{ exact_avg('programming_share', condition="is_first") }} as programming_share_early,
        {{ exact_avg('programming_share', condition="is_recent") }} as programming_share_recent
    from programming_shares

),

programming_spend_shares as (

    select
        {% for author_slug in authors %}
        {{ weekly_share(
            'category_author_spend_weekly.spend_share', "category_author_spend_weekly.author_slug = '" ~ author_slug ~ "'"
        ) }} as {{ author_slug }}_share,
        {% endfor %}
        tagged_weeks.week_start,
        tagged_weeks.is_recent
    from category_author_spend_weekly
    inner join tagged_weeks on category_author_spend_weekly.week_start = tagged_weeks.week_start
    where category_author_spend_weekly.category = 'programming'
    group by tagged_weeks.week_start, tagged_weeks.is_recent

),

ranked_programming_authors as (

    select
        category_author_spend_weekly.author_slug,
        rank() over (order by sum(category_author_spend_weekly.spend_usd) desc nulls last) as spend_rank
    from category_author_spend_weekly
    inner join tagged_weeks on category_author_spend_weekly.week_start = tagged_weeks.week_start
    where
        category_author_spend_weekly.category = 'programming'
        and category_author_spend_weekly.spend_share is not null
    group by category_author_spend_weekly.author_slug

),

figure_20_ranks as (

    select max(spend_rank) as programming_spend_anthropic_rank
    from ranked_programming_authors
    where author_slug = 'anthropic'

),

figure_20 as (

    select
        {{ exact_avg('case when anthropic_share > 0.6 then 1.0 when anthropic_share <= 0.6 then 0.0 end') }}
            as programming_spend_anthropic_weeks,
        max(anthropic_share) filter (where week_start = date '2025-11-17') as programming_spend_anthropic_november,
        sum(case when anthropic_share > 0.6 then 0 when anthropic_share <= 0.6 then 1 end) filter (
            where week_start < date '2025-11-17'
        ) as programming_spend_anthropic_first_time,
        {{ exact_avg('openai_share', condition="week_start >= date '2025-07-01' and week_start < date '2025-08-01'") }}
            as programming_spend_openai_july,
        {{ exact_avg('openai_share', condition="is_recent") }} as programming_spend_openai_recent,
        {{ exact_avg('google_share', condition="week_start >= date '2025-07-01'") }} as programming_spend_google
    from programming_spend_shares

),

figures_21_and_29 as (

    select
        max(share_of_category) filter (where tag = 'roleplaying_games') as tag_roleplaying_games,
        max(share_of_category) filter (where tag = 'roleplaying_games') as tag_roleplaying_games_appendix,
        max(share_of_category) filter (where tag = 'writers_resources') as tag_writers_resources,
        max(share_of_category) filter (where tag = 'adult') as tag_adult,
        max(share_of_category) filter (where tag = 'programming_other') as tag_programming_other,
        max(share_of_category) filter (where tag = 'programming_other') as tag_programming_other_appendix,
        max(share_of_category) filter (where tag = 'development_tools') as tag_development_tools,
        max(share_of_category) filter (where tag = 'foreign_language_resources') as tag_foreign_language_resources,
        max(share_of_category) filter (where tag = 'machine_learning_ai') as tag_machine_learning_ai,
        max(share_of_category) filter (where category = 'health') as tag_largest_of_health,
        max(share_of_category) filter (where category = 'finance') as tag_largest_of_finance,
        max(share_of_category) filter (where tag = 'government_other') as tag_government_other,
        max(share_of_category) filter (where tag = 'legal_other') as tag_legal_other,
        {{ exact_sum(
            "case when tag in ('intelligent_assistants', 'productivity_software') then share_of_category end"
        ) }} as tag_technology_top_two,
        min(share_of_category) filter (where is_labelled) as tag_smallest_labelled,
        nullif(count(distinct case when panel is not null then category end), 0) as tag_categories_shown
    from category_tags

),

author_category_shares as (

    select
        {% for category in categories %}
        {{ weekly_share('author_category_weekly.share_of_author', "author_category_weekly.category = '" ~ category ~ "'") }}
            as {{ category }}_share,
        {% endfor %}
        tagged_weeks.week_start,
        tagged_weeks.is_recent,
        tagged_weeks.is_first,
        author_category_weekly.author_slug
    from author_category_weekly
    inner join tagged_weeks on author_category_weekly.week_start = tagged_weeks.week_start
    group by tagged_weeks.week_start, tagged_weeks.is_recent, tagged_weeks.is_first, author_category_weekly.author_slug

),

figures_22_and_23 as (

    select
        {{ exact_avg('programming_share + technology_share', condition="author_slug = 'anthropic'") }}
            as anthropic_programming_and_technology,
        {{ exact_avg('legal_share', condition="author_slug = 'google'") }} as google_legal,
        {{ exact_avg('science_share', condition="author_slug = 'google'") }} as google_science,
        {{ exact_avg('programming_share', condition="author_slug = 'google' and is_recent") }} as google_programming_recent,
        {{ exact_avg(
            'case when programming_share > 0.8 then 1.0 when programming_share <= 0.8 then 0.0 end',
            condition="author_slug = 'x-ai' and week_start < date '2025-11-17'"
        ) }} as xai_programming,
        {{ exact_avg('programming_share', condition="author_slug = 'x-ai' and week_start >= date '2025-11-17'") }}
            as xai_programming_late_november,
        {{ exact_avg('science_share', condition="author_slug = 'openai' and is_first") }} as openai_science_early,
        {{ exact_avg('science_share', condition="author_slug = 'openai' and is_recent") }} as openai_science_recent,
        {{ exact_avg('programming_share', condition="author_slug = 'openai' and is_recent") }} as openai_programming_recent,
        {{ exact_avg('technology_share', condition="author_slug = 'openai' and is_recent") }} as openai_technology_recent,
        {{ exact_avg('programming_share + technology_share', condition="author_slug = 'openai' and is_recent") }}
            as openai_programming_and_technology_recent,
        {{ exact_avg(
            'case when roleplay_share > 2.0 / 3 then 1.0 when roleplay_share <= 2.0 / 3 then 0.0 end',
            condition="author_slug = 'deepseek'"
        ) }} as deepseek_roleplay,
        {{ exact_avg('programming_share', condition="author_slug = 'qwen'") }} as qwen_programming,
        {{ exact_avg(
            'roleplay_share',
            condition="author_slug = 'qwen' and week_start >= date '2025-09-01' and week_start < date '2025-11-01'"
        ) }} / nullif(
            {{ exact_avg(
                'roleplay_share',
                condition="author_slug = 'qwen' and week_start >= date '2025-05-01' and week_start < date '2025-09-01'"
            ) }}, 0
        ) as qwen_roleplay_autumn,
        {{ exact_avg(
            'roleplay_share',
            condition="author_slug = 'qwen' and week_start >= date '2025-11-01' and week_start < date '2025-12-01'"
        ) }} / nullif(
            {{ exact_avg(
                'roleplay_share',
                condition="author_slug = 'qwen' and week_start >= date '2025-09-01' and week_start < date '2025-11-01'"
            ) }}, 0
        ) as qwen_roleplay_november
    from author_category_shares

),

region_shares as (

    select
        study_weeks.week_start,
        study_weeks.is_recent,
        study_weeks.is_first,
        {{ weekly_share('region_weekly.spend_share', "region_weekly.region = 'North America'") }} as america_spend_share,
        {{ weekly_share('region_weekly.spend_share', "region_weekly.region = 'Europe'") }} as europe_spend_share,
        {{ weekly_share('region_weekly.spend_share', "region_weekly.region = 'Asia'") }} as asia_spend_share,
        {{ weekly_share('region_weekly.token_share', "region_weekly.region = 'Asia'") }} as asia_token_share
    from region_weekly
    inner join study_weeks on region_weekly.week_start = study_weeks.week_start
    group by study_weeks.week_start, study_weeks.is_recent, study_weeks.is_first

),

ranked_regions as (

    select
        region_weekly.region,
        rank() over (order by sum(region_weekly.spend_usd) desc nulls last) as spend_rank
    from region_weekly
    inner join study_weeks on region_weekly.week_start = study_weeks.week_start
    group by region_weekly.region
    having sum(region_weekly.spend_usd) > 0

),

north_america as (

    select max(spend_rank) as spend_rank
    from ranked_regions
    where region = 'North America'

),

figure_24 as (

    select
        {{ exact_avg(
            'case when region_shares.america_spend_share < 0.5 then 1.0'
            ~ ' when region_shares.america_spend_share >= 0.5 then 0.0 end'
        ) }} as spend_north_america_weeks_under_half,
        max(north_america.spend_rank) as spend_north_america_rank,
        {{ exact_avg('region_shares.europe_spend_share') }} as spend_europe,
        {{ exact_avg('region_shares.asia_spend_share', condition="region_shares.is_first") }} as spend_asia_first,
        {{ exact_avg('region_shares.asia_spend_share', condition="region_shares.is_recent") }} as spend_asia_recent,
        {{ exact_avg('region_shares.asia_spend_share', condition="region_shares.is_recent") }}
        / nullif({{ exact_avg('region_shares.asia_spend_share', condition="region_shares.is_first") }}, 0) as spend_asia_growth,
        {{ exact_avg('region_shares.asia_token_share', condition="region_shares.is_first") }} as tokens_asia_first,
        {{ exact_avg('region_shares.asia_token_share', condition="region_shares.is_recent") }} as tokens_asia_recent
    from region_shares
    cross join north_america

),

table_2 as (

    select
        max(token_share) filter (where language_name = 'English') as table_2_english,
        max(token_share) filter (where language_name = 'Chinese (Simplified)') as table_2_chinese_simplified,
        max(token_share) filter (where language_name = 'Russian') as table_2_russian,
        max(token_share) filter (where language_name = 'Spanish') as table_2_spanish,
        max(token_share) filter (where language_name = 'Thai') as table_2_thai,
        max(token_share) filter (where language_name = 'Other') as table_2_other,
        max(token_share) filter (where language_name = 'English') as english_majority,
        max(token_share) filter (where language_name = 'Chinese (Simplified)') as chinese_simplified_nearly_5,
        sum(
            case
                {%- for language_name in table_2_languages %}
                when language_name = '{{ language_name }}' and token_rank = {{ loop.index }} then 1
                {%- endfor %}
                else 0
            end
        ) as table_2_order
    from language_tokens

),

figure_25_rates as (

    select
        max(retention_rate) filter (
            where model_id = 'anthropic/claude-sonnet-4' and cohort_month = date '2025-05-01'
        ) as retention_claude_sonnet_4_month_5,
        max(retention_rate) filter (
            where model_id = 'google/gemini-2.5-pro' and cohort_month = date '2025-06-01'
        ) as retention_gemini_2_5_pro_month_5
    from model_cohort_retention
    where months_since = 5

),

figure_25_signals as (

    select
        {{ months_since(
            "min(case when model_id = 'openai/gpt-4o-mini' and is_foundational then cohort_month end)", "date '2024-07-01'"
        ) }} as retention_gpt_4o_mini_launch_month,
        max(resurrection_month) filter (
            where model_id = 'deepseek/deepseek-r1' and cohort_month = date '2025-04-01'
        ) as retention_deepseek_r1_resurrection_month,
        max(resurrection_month) filter (
            where model_id = 'deepseek/deepseek-chat-v3-0324' and cohort_month = date '2025-07-01'
        ) as retention_deepseek_v3_0324_resurrection_month
    from model_cohort_signals

),

figure_25_archetypes as (

    select
        {% for claim, model_id in foundational.items() %}
        max(foundational_cohorts) filter (where model_id = '{{ model_id }}') as {{ claim }},
        {% endfor %}
        sum(boomerang_cohorts) filter (
            where model_id in ('deepseek/deepseek-r1', 'deepseek/deepseek-chat-v3-0324')
        ) as retention_deepseek_boomerang_cohorts
    from model_retention_archetypes

),

ranked_categories as (

    select
        category,
        cost_per_1m_usd,
        median_cost_per_1m_usd,
        quadrant,
        rank() over (order by cost_per_1m_usd desc nulls last) as cost_rank,
        rank() over (order by estimated_tokens desc nulls last) as usage_rank,
        rank() over (
            partition by category in ('translation', 'legal', 'trivia')
            order by estimated_tokens desc nulls last
        ) as niche_usage_rank
    from category_cost_usage

),

figure_26 as (

    select
        max(median_cost_per_1m_usd) as category_cost_median,
        max(cost_rank) filter (where category = 'technology') as category_cost_technology_rank,
        max(usage_rank) filter (where category = 'programming') as category_usage_programming_rank,
        max(usage_rank) filter (where category = 'roleplay') as category_usage_roleplay_rank,
        max(cost_per_1m_usd / nullif(median_cost_per_1m_usd, 0)) filter (where category = 'programming')
            as category_cost_programming_to_median,
        {% for quadrant, members in quadrants.items() %}
        sum(case when quadrant = '{{ quadrant }}' then 1 else 0 end) filter (
            where category in ('{{ members | join("', '") }}')
        ) as quadrant_{{ quadrant }},
        {% endfor %}
        max(niche_usage_rank) filter (where category = 'translation') as niche_largest_is_translation,
        max(niche_usage_rank) filter (where category = 'trivia') as niche_smallest_is_trivia
    from ranked_categories

),

figure_27 as (

    select max(usage_change_for_10pct_cheaper) as usage_change_for_10pct_cheaper
    from cost_usage_fit
    where scope = 'all'

),

table_3_models as (

    select
        {% for name, (model_id, segment) in table_3_models.items() %}
        max(case when model_cost_usage.model_id = '{{ model_id }}' then model_cost_usage.cost_per_1m_usd end)
            as {{ name }}_cost,
        max(
            case
                when model_cost_usage.model_id = '{{ model_id }}'
                    then model_cost_usage.tokens_millions_log10 + log10(scale.factor)
            end
        ) as {{ name }}_usage,
        {% endfor %}
        sum(
            case
                {%- for name, (model_id, segment) in table_3_models.items() %}
                when model_cost_usage.model_id = '{{ model_id }}' and model_cost_usage.segment = '{{ segment }}' then 1
                {%- endfor %}
                else 0
            end
        ) as models_in_their_segment
    from model_cost_usage
    cross join scale

),

figure_28_and_table_3 as (

    select
        {% for name in table_3_models %}
        {{ name }}_cost as table_3_{{ name }}_cost,
        {{ name }}_usage as table_3_{{ name }}_usage,
        {% endfor %}
        (claude_3_7_sonnet_cost + claude_sonnet_4_cost) / 2 as premium_leaders_cost,
        greatest(gemini_2_0_flash_cost, deepseek_v3_0324_cost) as efficient_giants_cost,
        greatest(qwen_2_7b_instruct_cost, granite_4_0_micro_cost) as long_tail_cost,
        (qwen_2_7b_instruct_usage + granite_4_0_micro_usage) / 2 as long_tail_usage,
        (gpt_4_cost + gpt_5_pro_cost) / 2 as premium_specialists_cost,
        (gpt_4_usage + gpt_5_pro_usage) / 2 as premium_specialists_usage,
        models_in_their_segment as table_3_models_in_their_segment
    from table_3_models

),

-- A figure is read once, for all its claims: an engine that writes out a CTE wherever it is read would plan it for each.
measured_values as (

    {% for figure, claims in measured_in.items() %}
    {{ 'union all' if not loop.first }}
    select
        paper_claims.claim_id,
        -- Rounded: the last digits of a mean of doubles depend on the order in which threads add.
        round(
            case paper_claims.claim_id
                {% for claim in claims %}
                when '{{ claim }}' then cast({{ figure }}.{{ claim }} as double)
                {% endfor %}
            end,
            9
        ) as measured_value
    from paper_claims
    cross join {{ figure }}
    where paper_claims.claim_id in ('{{ claims | join("', '") }}')
    {% endfor %}

)

select
    paper_claims.claim_id,

    -- what the paper says, and where
    paper_claims.section,
    paper_claims.figure,
    paper_claims.statement,
    paper_claims.unit,
    paper_claims.paper_value,
    paper_claims.paper_low,
    paper_claims.paper_high,

    -- what is measured here
    measured_values.measured_value,
    case
        when measured_values.measured_value is not null
            then
                measured_values.measured_value
                >= coalesce(paper_claims.paper_low, paper_claims.paper_value, measured_values.measured_value)
                - paper_claims.tolerance - 1e-9
                and measured_values.measured_value
                <= coalesce(paper_claims.paper_high, paper_claims.paper_value, measured_values.measured_value)
                + paper_claims.tolerance + 1e-9
    end as is_within,

    -- how to read it
    paper_claims.tolerance,
    paper_claims.tolerance_basis,
    paper_claims.is_measurable,
    paper_claims.note
from paper_claims
left join measured_values on paper_claims.claim_id = measured_values.claim_id
