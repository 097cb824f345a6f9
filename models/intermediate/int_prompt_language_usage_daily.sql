-- depends_on: {{ ref('int_event_days') }}
{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('event_date'),
        pre_hook="{{ drop_stale_parts(period_parts('int_event_days', 'event_date', 'record_version'), 'event_date') }}",
        post_hook="{{ account_for_parts(period_parts('int_event_days', 'event_date', 'record_version')) }}"
    )
}}

{% set parts = period_parts('int_event_days', 'event_date', 'record_version') -%}
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
