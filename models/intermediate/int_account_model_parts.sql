{{ config(materialized='table', post_hook="{{ pass_on_premises('int_slug_months', has_models=true) }}") }}

with slug_months as (

    select * from {{ ref('int_slug_months') }}

),

model_slugs as (

    select * from {{ ref('dim_model_slugs') }}

),

fact_months as (

    select
        cast(part as date) as month_start,
        version
    from ({{ parts_of('int_slug_months') }}) as parts

),

-- What was first depends on all months before, and on none after.
month_versions as (

    select
        month_start,
        {{ row_fingerprint([
            'count(*) over (order by month_start asc)',
            'bit_xor(' ~ row_fingerprint(['month_start', 'version']) ~ ') over (order by month_start asc)',
        ]) }} as version
    from fact_months

),

model_months as (

    select
        slug_months.month_start,
        model_slugs.model_id,
        count(*) as slugs,
        bit_xor({{ row_fingerprint(['slug_months.month_start', 'slug_months.model_slug']) }}) as fingerprint
    from slug_months
    inner join model_slugs on slug_months.model_slug = model_slugs.model_slug
    group by slug_months.month_start, model_slugs.model_id

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
