{#- Present parts of int_model_usage_daily: event days of int_slug_usage_daily. -#}
{% macro model_usage_parts() -%}
    {{ parts_with_meanings('int_slug_usage_daily', model_usage_meanings(), ['study_start', 'study_end']) }}
{%- endmacro %}

{#- Relation: its columns that int_model_usage_daily reads. A test compares them with its SQL, and those below with theirs. -#}
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

{#- Present parts of int_tool_calls_weekly: weeks of fct_account_finish_reason_weeks. -#}
{% macro tool_call_parts() -%}
    {{ parts_with_meanings('fct_account_finish_reason_weeks', tool_call_meanings()) }}
{%- endmacro %}

{% macro tool_call_meanings() -%}
    {{ return({'finish_reasons': ['native_finish_reason', 'finish_reason']}) }}
{%- endmacro %}
