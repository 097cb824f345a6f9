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
    prompt_language,

    -- how much
    cast(sum(generations) as bigint) as generations,
    cast(sum(total_tokens) as bigint) as total_tokens
from usage_daily
group by
    event_date,
    prompt_language
