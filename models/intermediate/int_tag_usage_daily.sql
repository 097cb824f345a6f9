{{ config(materialized='table') }}

with tag_usage_daily as (

    select * from {{ ref('fct_tag_usage_daily') }}
    where {{ from_category_start('event_date') }}

),

category_paths as (

    select * from {{ ref('dim_category_paths') }}

),

model_slugs as (

    select * from {{ ref('dim_model_slugs') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

-- Countries and languages are summed away first.
rolled_up as (

    select
        event_date,
        model_slug,
        is_byok,
        label_paths,
        category_path,
        sum(sampled_generations) as sampled_generations,
        sum(zero_token_generations) as zero_token_generations,
        sum(sampled_tokens) as sampled_tokens,
        sum(prompt_tokens) as prompt_tokens,
        sum(completion_tokens) as completion_tokens,
        sum(token_squares) as token_squares,
        sum(weighted_token_squares) as weighted_token_squares,
        {{ sum_usd('spend_usd') }} as spend_usd
    from tag_usage_daily
    group by
        event_date,
        model_slug,
        is_byok,
        label_paths,
        category_path

),

labels_together as (

    select distinct
        rolled_up.label_paths,
        rolled_up.category_path,
        case when category_paths.category = 'others' then 'others' else category_paths.tag end as tag,
        category_paths.category
    from rolled_up
    inner join category_paths on rolled_up.category_path = category_paths.path

),

labels_in_order as (

    select
        *,
        row_number() over (partition by label_paths order by category_path) as order_in_generation,
        row_number() over (partition by label_paths, category order by category_path) as order_in_category,
        row_number() over (partition by label_paths, category, tag order by category_path) as order_in_tag
    from labels_together

),

labels_counted as (

    select
        *,
        count(*) over (partition by label_paths) as labels,
        count(*) over (partition by label_paths, category) as labels_in_category,
        count(*) over (partition by label_paths, category, tag) as labels_in_tag,
        sum(case when category <> 'others' then 1 else 0 end) over (partition by label_paths) as labels_in_named,
        sum(case when order_in_tag = 1 then 1 else 0 end) over (partition by label_paths, category) as tags_in_category,
        sum(case when order_in_category = 1 and category <> 'others' then 1 else 0 end)
            over (partition by label_paths) as named_categories
    from labels_in_order

),

-- How much of each row's sums counts in its tag, its category and all named categories together.
label_parts as (

    select
        label_paths,
        category_path,
        tag,
        category,
        {% if var('category_attribution') == 'full' -%}
        order_in_tag = 1 as counts_for_tag,
        order_in_category = 1 as counts_for_category,
        order_in_generation = 1 as counts_for_generation,
        cast(tags_in_category as double) as tags_in_category,
        cast(nullif(named_categories, 0) as double) as named_categories
        {%- else -%}
        true as counts_for_tag,
        true as counts_for_category,
        true as counts_for_generation,
        -- Of the generation's other labels, the part that is in the same tag, category or any named category.
        coalesce({{ share_of('labels_in_tag - 1', 'labels - 1') }}, 0) as rest_in_tag,
        coalesce({{ share_of('labels_in_category - 1', 'labels - 1') }}, 0) as rest_in_category,
        coalesce({{ share_of('labels_in_named - 1', 'labels - 1') }}, 0) as rest_in_named
        {%- endif %}
    from labels_counted

),

mapped as (

    select
        -- grain
        rolled_up.event_date,
        rolled_up.model_slug,
        rolled_up.is_byok,
        rolled_up.label_paths,
        rolled_up.category_path,

        -- when
        {{ week_start('rolled_up.event_date') }} as week_start,
        {{ in_study_window('rolled_up.event_date') }} as is_in_study_window,

        -- which model
        models.model_id,
        model_slugs.model_variant,
        models.author_slug,
        models.source_type,
        models.source_type in ('chinese_oss', 'row_oss') as is_open_source,

        -- what for
        label_parts.tag,
        label_parts.category,
        label_parts.counts_for_tag,
        label_parts.counts_for_category,
        label_parts.counts_for_generation,

        -- who pays
        {{ is_free_access('model_slugs.model_variant', 'models.model_id', 'rolled_up.event_date') }} as is_free_access,

        -- how much
        rolled_up.sampled_generations,
        rolled_up.zero_token_generations,
        rolled_up.sampled_tokens,
        rolled_up.prompt_tokens,
        rolled_up.completion_tokens,
        rolled_up.spend_usd,

        -- additive parts of intervals
        {% if var('category_attribution') == 'full' -%}
        rolled_up.token_squares as tag_token_squares,
        rolled_up.token_squares * label_parts.tags_in_category as tag_category_token_products,
        rolled_up.sampled_generations / label_parts.tags_in_category as category_sample_size,
        rolled_up.token_squares as category_token_squares,
        rolled_up.token_squares * coalesce(label_parts.named_categories, 0) as category_named_token_products,
        case
            when label_parts.category = 'others' then 0
            else rolled_up.sampled_generations / label_parts.named_categories
        end as named_sample_size
        {%- else -%}
        {%- set rest = '(rolled_up.token_squares - rolled_up.weighted_token_squares)' %}
        rolled_up.weighted_token_squares + {{ rest }} * label_parts.rest_in_tag as tag_token_squares,
        rolled_up.weighted_token_squares + {{ rest }} * label_parts.rest_in_category as tag_category_token_products,
        rolled_up.sampled_generations as category_sample_size,
        rolled_up.weighted_token_squares + {{ rest }} * label_parts.rest_in_category as category_token_squares,
        rolled_up.weighted_token_squares + {{ rest }} * label_parts.rest_in_named as category_named_token_products,
        case when label_parts.category = 'others' then 0 else rolled_up.sampled_generations end as named_sample_size
        {%- endif %}
    from rolled_up
    inner join label_parts
        on
            rolled_up.label_paths = label_parts.label_paths
            and rolled_up.category_path = label_parts.category_path
    inner join model_slugs on rolled_up.model_slug = model_slugs.model_slug
    inner join models on model_slugs.model_id = models.model_id

)

select
    *,
    not is_byok and not is_free_access as is_billed
from mapped
