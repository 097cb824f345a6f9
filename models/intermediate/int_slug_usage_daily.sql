{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('event_date'),
        pre_hook="{{ drop_stale_parts(parts_of('fct_usage_daily'), 'event_date') }}",
        post_hook="{{ account_for_parts(parts_of('fct_usage_daily')) }}"
    )
}}

{% set parts = parts_of('fct_usage_daily') -%}
with usage_daily as (

    select * from {{ ref('fct_usage_daily') }}
    where {{ missing_parts(parts, 'event_date') if is_incremental() else 'true' }}

)

select
    -- grain, on natural keys
    event_date,
    model_slug,
    is_byok,
    finish_reason,
    native_finish_reason,

    -- how much
    cast(sum(generations) as bigint) as generations,
    cast(sum(total_tokens) as bigint) as total_tokens,
    cast(sum(prompt_tokens) as bigint) as prompt_tokens,
    cast(sum(completion_tokens) as bigint) as completion_tokens,
    cast(sum(reasoning_tokens) as bigint) as reasoning_tokens,
    cast(sum(tools_provided_generations) as bigint) as tools_provided_generations,
    cast(sum(tools_provided_tokens) as bigint) as tools_provided_tokens,
    cast(sum(tools_unknown_generations) as bigint) as tools_unknown_generations,
    {{ sum_usd('spend_usd') }} as spend_usd
from usage_daily
group by
    event_date,
    model_slug,
    is_byok,
    finish_reason,
    native_finish_reason
