{{ config(materialized='table') }}

with event_months as (

    select * from {{ ref('int_event_months') }}

),

model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}

),

-- What was first depends on all months before, and on none after.
month_versions as (

    select
        month_start,
        {{ row_fingerprint([
            'count(*) over (order by month_start asc)',
            'bit_xor(' ~ row_fingerprint(['month_start', 'usage_version']) ~ ') over (order by month_start asc)',
        ]) }} as version
    from event_months

),

slug_months as (

    select distinct
        {{ month_start('event_date') }} as month_start,
        model_id,
        model_slug
    from model_usage_daily

),

model_months as (

    select
        month_start,
        model_id,
        count(*) as slugs,
        bit_xor({{ row_fingerprint(['month_start', 'model_slug']) }}) as fingerprint
    from slug_months
    group by month_start, model_id

),

-- And on which slugs were the model's until then: another mapping of a slug is of no concern to the months before its first.
mappings as (

    select
        month_start,
        model_id,
        {{ row_fingerprint([
            'sum(slugs) over (partition by model_id order by month_start asc)',
            'bit_xor(fingerprint) over (partition by model_id order by month_start asc)',
        ]) }} as fingerprint
    from model_months

)

select
    mappings.month_start,
    mappings.model_id,
    cast(mappings.month_start as string) || '|' || mappings.model_id as part,
    {{ row_fingerprint(['month_versions.version', 'mappings.fingerprint']) }} as version
from mappings
inner join month_versions on mappings.month_start = month_versions.month_start
