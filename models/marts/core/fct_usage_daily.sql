-- depends_on: {{ ref('int_event_days') }}
{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('event_date'),
        pre_hook="{{ drop_stale_usage(period_parts('int_event_days', 'event_date', 'usage_version')) }}",
        post_hook="{{ account_for_parts(period_parts('int_event_days', 'event_date', 'usage_version')) }}"
    )
}}

{% set parts = period_parts('int_event_days', 'event_date', 'usage_version') -%}
with generations as (

    select * from {{ ref('int_counted_generations') }} as counted
    where {{ missing_usage(parts, 'counted') if is_incremental() else 'true' }}

),

account_countries as (

    select * from {{ ref('int_account_countries') }}

)

select
    -- grain, on natural keys
    generations.event_date,
    generations.model_slug,
    coalesce(account_countries.country_code, 'unknown') as country_code,
    generations.prompt_language,
    generations.finish_reason,
    generations.native_finish_reason,
    generations.is_byok,

    -- counts
    count(*) as generations,
    cast(count(*) filter (where generations.total_tokens = 0) as bigint) as zero_token_generations,
    cast(count(*) filter (where generations.is_cancelled) as bigint) as cancelled_generations,
    cast(count(*) filter (where generations.has_tools_provided) as bigint) as tools_provided_generations,
    cast(count(*) filter (where generations.has_tools_provided is null) as bigint) as tools_unknown_generations,

    -- tokens
    cast(sum(generations.total_tokens) as bigint) as total_tokens,
    cast(sum(generations.prompt_tokens) as bigint) as prompt_tokens,
    cast(sum(generations.completion_tokens) as bigint) as completion_tokens,
    cast(sum(generations.uncached_input_tokens) as bigint) as uncached_input_tokens,
    cast(sum(generations.cache_read_tokens) as bigint) as cache_read_tokens,
    cast(sum(generations.cache_write_tokens) as bigint) as cache_write_tokens,
    cast(sum(generations.visible_output_tokens) as bigint) as visible_output_tokens,
    cast(sum(generations.reasoning_tokens) as bigint) as reasoning_tokens,
    cast(
        coalesce(sum(generations.total_tokens) filter (where generations.has_tools_provided), 0) as bigint
    ) as tools_provided_tokens,

    -- US dollars
    {{ sum_usd("generations.spend_usd") }} as spend_usd,
    {{ sum_usd("generations.upstream_inference_cost_usd") }} as upstream_inference_cost_usd,
    {{ sum_usd("generations.cache_discount_usd") }} as cache_discount_usd
from generations
left join account_countries on generations.account_key = account_countries.account_key
group by
    generations.event_date,
    generations.model_slug,
    coalesce(account_countries.country_code, 'unknown'),
    generations.prompt_language,
    generations.finish_reason,
    generations.native_finish_reason,
    generations.is_byok
{{ stored_by('generations.event_date') if not is_incremental() }}
