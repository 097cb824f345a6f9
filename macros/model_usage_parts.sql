{#-
    Present parts of int_model_usage_daily: event days, with a version of the records that int_slug_usage_daily has of the day and of all
    that says what they mean. A seed edit that is none of it (a display name) builds nothing again, any other all days.
-#}
{% macro model_usage_parts() -%}
    select
        slug_days.part,
        {{ row_fingerprint(['slug_days.version', 'meanings.fingerprint']) }} as version
    from ({{ parts_of('int_slug_usage_daily') }}) as slug_days
    cross join (
        select {{ row_fingerprint([
            'bit_xor(relations.fingerprint)', sql_text(var('study_start') | string), sql_text(var('study_end') | string),
        ]) }} as fingerprint
        from (
            {%- for relation, columns in model_usage_meanings().items() %}
            select {{ row_fingerprint([sql_text(relation)] + columns) }} as fingerprint
            from {{ ref(relation) }}
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        ) as relations
    ) as meanings
{%- endmacro %}

{#- Relation: its columns that int_model_usage_daily reads. A test compares them with its SQL. -#}
{% macro model_usage_meanings() -%}
    {{ return({
        'dim_model_slugs': ['model_slug', 'model_id', 'model_variant'],
        'dim_models': [
            'model_id', 'author_slug', 'source_type', 'size_bucket', 'is_reasoning', 'reasoning_from', 'reasoning_variant',
        ],
        'finish_reasons': ['native_finish_reason', 'finish_reason'],
        'free_access_periods': ['model_id', 'starts_on', 'ends_on'],
    }) }}
{%- endmacro %}
