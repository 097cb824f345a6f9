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

    -- By the hash first, as in fct_tag_usage_daily: few records are sampled.
    select * from {{ ref('int_counted_generations') }}
    where
        generation_hash in (select labels.generation_hash from labels)
        and {{ missing_parts(parts, 'event_date') if is_incremental() else 'true' }}

)

select
    -- grain, on natural keys
    generations.event_date,
    generations.account_key,
    generations.model_slug,
    labels.category_path,
    generations.is_byok,

    -- counts, by the weight of the label
    sum(labels.label_weight) as sampled_generations,
    coalesce(sum(labels.label_weight) filter (where generations.total_tokens = 0), 0) as zero_token_generations,

    -- tokens and US dollars, by the weight of the label
    sum(labels.label_weight * generations.total_tokens) as sampled_tokens,
    {{ sum_usd("labels.label_weight * generations.spend_usd") }} as spend_usd
from generations
inner join labels on generations.generation_id = labels.generation_id
group by
    generations.event_date,
    generations.account_key,
    generations.model_slug,
    labels.category_path,
    generations.is_byok
