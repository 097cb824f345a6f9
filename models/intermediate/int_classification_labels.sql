{{ config(materialized='table') }}

{% if var('category_attribution') not in ['primary', 'weighted', 'full'] -%}
    {{ exceptions.raise_compiler_error(
        "var category_attribution is '" ~ var('category_attribution') ~ "'. Set it to primary, weighted or full."
    ) }}
{%- endif %}

with classifications as (

    select * from {{ ref('int_classifications') }}

),

confident_labels as (

    select
        generation_id,
        generation_hash,
        id_partition,
        category_path,
        confidence,
        sum(confidence) over (partition by generation_id) as generation_confidence,
        row_number() over (
            partition by generation_id
            order by confidence desc, length(category_path) desc, category_path asc
        ) as preference
    from classifications
    where
        category_path is not null
        and confidence >= {{ var('classifier_min_confidence') }}

),

attributed_labels as (

    select
        generation_id,
        generation_hash,
        id_partition,
        category_path,
        preference = 1 as is_primary,
        {% if var('category_attribution') == 'weighted' -%}
        -- Labels of confidence 0 can only be left where the threshold is 0: they share equally.
        case
            when generation_confidence > 0 then confidence / generation_confidence
            else 1.0 / count(*) over (partition by generation_id)
        end as label_weight
        {%- else -%}
        cast(1 as double) as label_weight
        {%- endif %}
    from confident_labels
    {% if var('category_attribution') == 'primary' -%}
    where preference = 1
    {%- endif %}

),

unlabelled_generations as (

    select distinct
        generation_id,
        generation_hash,
        id_partition,
        'unknown' as category_path,
        true as is_primary,
        cast(1 as double) as label_weight
    from classifications
    where generation_id not in (select confident_labels.generation_id from confident_labels)

)

select * from attributed_labels

union all

select * from unlabelled_generations
