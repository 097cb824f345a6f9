{#- A table on Spark, where reading hundreds of small partitions would cost more than writing them saves. -#}
{{
    config(
        materialized='table' if target.type == 'spark' else 'incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_stale_parts(model_usage_parts(), 'event_date') }}",
        post_hook="{{ account_for_parts(model_usage_parts()) }}"
    )
}}

with usage_daily as (

    select * from {{ ref('int_slug_usage_daily') }}
    where {{ missing_parts(model_usage_parts(), 'event_date') if is_incremental() else 'true' }}

),

model_slugs as (

    select * from {{ ref('dim_model_slugs') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

finish_reasons as (

    select * from {{ ref('finish_reasons') }}

),

-- Native finish reasons are summed away.
rolled_up as (

    select
        usage_daily.event_date,
        usage_daily.model_slug,
        usage_daily.is_byok,
        {{ mapped_finish_reason('usage_daily', 'finish_reasons') }} as finish_reason,
        cast(sum(usage_daily.generations) as bigint) as generations,
        cast(sum(usage_daily.total_tokens) as bigint) as total_tokens,
        cast(sum(usage_daily.prompt_tokens) as bigint) as prompt_tokens,
        cast(sum(usage_daily.completion_tokens) as bigint) as completion_tokens,
        cast(sum(usage_daily.reasoning_tokens) as bigint) as reasoning_tokens,
        cast(sum(usage_daily.tools_provided_generations) as bigint) as tools_provided_generations,
        cast(sum(usage_daily.tools_provided_tokens) as bigint) as tools_provided_tokens,
        cast(sum(usage_daily.tools_unknown_generations) as bigint) as tools_unknown_generations,
        {{ sum_usd("usage_daily.spend_usd") }} as spend_usd
    from usage_daily
    left join finish_reasons on usage_daily.native_finish_reason = finish_reasons.native_finish_reason
    group by
        usage_daily.event_date,
        usage_daily.model_slug,
        usage_daily.is_byok,
        {{ mapped_finish_reason('usage_daily', 'finish_reasons') }}

),

mapped as (

    select
        -- grain
        rolled_up.event_date,
        rolled_up.model_slug,
        rolled_up.is_byok,
        rolled_up.finish_reason,

        -- when
        {{ week_start('rolled_up.event_date') }} as week_start,
        {{ in_study_window('rolled_up.event_date') }} as is_in_study_window,

        -- which model
        models.model_id,
        model_slugs.model_variant,
        models.author_slug,
        models.source_type,
        models.source_type in ('chinese_oss', 'row_oss') as is_open_source,
        models.size_bucket,

        -- what kind of use
        (
            models.is_reasoning
            and rolled_up.event_date >= coalesce(models.reasoning_from, rolled_up.event_date)
            and model_slugs.model_variant = coalesce(models.reasoning_variant, model_slugs.model_variant)
        ) as is_reasoning_model,
        rolled_up.finish_reason = 'tool_calls' as is_tool_call,
        {{ is_free_access('model_slugs.model_variant', 'models.model_id', 'rolled_up.event_date') }} as is_free_access,

        -- how much
        rolled_up.generations,
        rolled_up.total_tokens,
        rolled_up.prompt_tokens,
        rolled_up.completion_tokens,
        rolled_up.reasoning_tokens,
        rolled_up.tools_provided_generations,
        rolled_up.tools_provided_tokens,
        rolled_up.tools_unknown_generations,
        rolled_up.spend_usd
    from rolled_up
    inner join model_slugs on rolled_up.model_slug = model_slugs.model_slug
    inner join models on model_slugs.model_id = models.model_id

)

select
    *,
    not is_byok and not is_free_access as is_billed
from mapped
