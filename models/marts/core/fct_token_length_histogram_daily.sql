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
with generations as (

    select * from {{ ref('int_counted_generations') }}
    where
        total_tokens > 0
        and {{ missing_parts(parts, 'event_date') if is_incremental() else 'true' }}

),

measured as (

    select
        generations.event_date,
        measures.measure,
        case measures.measure
            when 'prompt' then generations.prompt_tokens
            when 'completion' then generations.completion_tokens
            when 'reasoning' then generations.reasoning_tokens
            else generations.total_tokens
        end as tokens
    from generations
    cross join (values ('prompt'), ('completion'), ('reasoning'), ('sequence')) as measures (measure)

)

select
    -- grain
    event_date,
    measure,
    {{ token_length_bucket('tokens') }} as bucket,

    -- how much
    count(*) as generations,
    cast(sum(tokens) as bigint) as tokens
from measured
group by
    event_date,
    measure,
    {{ token_length_bucket('tokens') }}
