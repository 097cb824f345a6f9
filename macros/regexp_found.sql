{#- Whether a regular expression is found in a value. Write patterns without backslashes: engines escape them differently. -#}
{% macro regexp_found(column, pattern) -%}
    {{ return(adapter.dispatch('regexp_found', 'llm_traffic')(column, pattern)) }}
{%- endmacro %}

{% macro duckdb__regexp_found(column, pattern) -%}
    regexp_matches({{ column }}, '{{ pattern }}')
{%- endmacro %}

{% macro spark__regexp_found(column, pattern) -%}
    regexp_like({{ column }}, '{{ pattern }}')
{%- endmacro %}
