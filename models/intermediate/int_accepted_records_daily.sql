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
-- Counted where the accepted records are read from, not as what is left over, so that the reconciliation can be tested.
with generations as (

    select * from {{ ref('int_generations') }}
    where {{ missing_parts(parts, 'event_date') if is_incremental() else 'true' }}

)

select
    -- grain
    event_date,
    file_key,
    ingest_date,

    -- how much
    count(*) as accepted_rows
from generations
group by
    event_date,
    file_key,
    ingest_date
