{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_changed_periods('int_event_days', 'event_date', 'usage_version') }}"
    )
}}

with generations as (

    select * from {{ ref('int_counted_generations') }}
    where total_tokens > 0

),

event_days as (

    select
        event_date,
        usage_version
    from {{ ref('int_event_days') }}
    where {{ missing_periods_only('event_date', 'usage_version') if is_incremental() else 'true' }}

),

measured as (

    select
        generations.event_date,
        event_days.usage_version,
        measures.measure,
        case measures.measure
            when 'prompt' then generations.prompt_tokens
            when 'completion' then generations.completion_tokens
            when 'reasoning' then generations.reasoning_tokens
            else generations.total_tokens
        end as tokens
    from generations
    inner join event_days on generations.event_date = event_days.event_date
    cross join (values ('prompt'), ('completion'), ('reasoning'), ('sequence')) as measures (measure)

)

select
    -- grain
    event_date,
    measure,
    {{ token_length_bucket('tokens') }} as bucket,

    -- how much
    count(*) as generations,
    cast(sum(tokens) as bigint) as tokens,

    -- what the day was built from
    usage_version
from measured
group by
    event_date,
    measure,
    {{ token_length_bucket('tokens') }},
    usage_version
