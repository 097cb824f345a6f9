-- depends_on: {{ ref('int_event_months') }}
-- depends_on: {{ ref('int_generations_checked') }}
-- depends_on: {{ ref('int_generations_superseded') }}
{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('month_start'),
        pre_hook="{{ drop_touched_keys(period_parts('int_event_months', 'month_start', 'usage_version'), 'month_start', ['account_key', 'model_slug'], premises_of('int_event_months')) }}",
        post_hook="{{ account_for_touched_keys(period_parts('int_event_months', 'month_start', 'usage_version'), premises_of('int_event_months')) }}"
    )
}}

{% set parts = period_parts('int_event_months', 'month_start', 'usage_version') -%}
with generations as (

    select * from {{ ref('int_counted_generations') }}
    {% if is_incremental() -%}
    where
        {{ missing_parts(parts, month_start('event_date'), days_of='event_date', period='month') }}
        and {{ is_touched(['account_key', 'model_slug'], premises_of('int_event_months')) }}
    {%- endif %}

)

select
    -- grain, on natural keys
    {{ month_start('generations.event_date') }} as month_start,
    generations.account_key,
    generations.model_slug,

    -- when
    min(generations.event_date) as first_event_date,
    max(generations.event_date) as last_event_date,
    -- A bit for each day of the month: counting distinct days takes twice as long.
    cast(
        bit_count(bit_or(cast(power(2, extract(day from generations.event_date) - 1) as bigint))) as bigint
    ) as active_days,

    -- how much
    count(*) as generations,
    cast(sum(generations.total_tokens) as bigint) as total_tokens,
    {{ sum_usd("generations.spend_usd") }} as spend_usd
from generations
group by
    {{ month_start('generations.event_date') }},
    generations.account_key,
    generations.model_slug
{{ stored_by('month_start') if not is_incremental() }}
