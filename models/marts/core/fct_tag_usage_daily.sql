-- depends_on: {{ ref('int_event_days') }}
{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('event_date'),
        pre_hook="{{ drop_stale_parts(period_parts('int_event_days', 'event_date', 'label_version'), 'event_date') }}",
        post_hook="{{ account_for_parts(period_parts('int_event_days', 'event_date', 'label_version')) }}"
    )
}}

{% set parts = period_parts('int_event_days', 'event_date', 'label_version') -%}
with labels as (

    select * from {{ ref('int_classification_labels') }}

),

generations as (

    -- By the hash first: few records are sampled, and numbers are quicker to compare than ids.
    select * from {{ ref('int_counted_generations') }}
    where
        generation_hash in (select labels.generation_hash from labels)
        and {{ missing_parts(parts, 'event_date') if is_incremental() else 'true' }}

),

account_countries as (

    select * from {{ ref('int_account_countries') }}

),

labels_together as (

    {% if var('category_attribution') == 'primary' -%}
    select
        generation_id,
        category_path as label_paths
    from labels
    {%- else -%}
    select
        generation_id,
        {{ sorted_text_list('category_path') }} as label_paths
    from labels
    group by generation_id
    {%- endif %}

)

select
    -- grain, on natural keys
    generations.event_date,
    generations.model_slug,
    coalesce(account_countries.country_code, 'unknown') as country_code,
    generations.prompt_language,
    labels.category_path,
    labels_together.label_paths,
    generations.is_byok,

    -- counts, by the weight of the label
    sum(labels.label_weight) as sampled_generations,
    coalesce(sum(labels.label_weight) filter (where generations.total_tokens = 0), 0) as zero_token_generations,

    -- by the most confident label alone, whatever the attribution
    cast(count(*) filter (where labels.is_primary) as bigint) as primary_generations,
    cast(coalesce(sum(generations.total_tokens) filter (where labels.is_primary), 0) as bigint) as primary_tokens,

    -- tokens, by the weight of the label
    sum(labels.label_weight * generations.total_tokens) as sampled_tokens,
    sum(labels.label_weight * generations.prompt_tokens) as prompt_tokens,
    sum(labels.label_weight * generations.completion_tokens) as completion_tokens,

    -- additive parts of the interval of a token share; as doubles, since squares of tokens overflow integers
    sum(
        labels.label_weight * cast(generations.total_tokens as double) * cast(generations.total_tokens as double)
    ) as token_squares,
    sum(
        labels.label_weight * labels.label_weight
        * cast(generations.total_tokens as double) * cast(generations.total_tokens as double)
    ) as weighted_token_squares,

    -- US dollars, by the weight of the label
    {{ sum_usd("labels.label_weight * generations.spend_usd") }} as spend_usd
from generations
left join account_countries on generations.account_key = account_countries.account_key
inner join labels on generations.generation_id = labels.generation_id
inner join labels_together on labels.generation_id = labels_together.generation_id
group by
    generations.event_date,
    generations.model_slug,
    coalesce(account_countries.country_code, 'unknown'),
    generations.prompt_language,
    labels.category_path,
    labels_together.label_paths,
    generations.is_byok
