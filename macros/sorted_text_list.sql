{#- Aggregate: the values of a text column, sorted, joined with ` | `. -#}
{% macro sorted_text_list(column) -%}
    {{ return(adapter.dispatch('sorted_text_list', 'llm_traffic')(column)) }}
{%- endmacro %}

{% macro duckdb__sorted_text_list(column) -%}
    string_agg({{ column }}, ' | ' order by {{ column }})
{%- endmacro %}

{% macro spark__sorted_text_list(column) -%}
    array_join(sort_array(collect_list({{ column }})), ' | ')
{%- endmacro %}
