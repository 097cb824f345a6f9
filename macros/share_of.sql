{#- Part over whole as a double; null, never an error, where the whole is zero. -#}
{% macro share_of(part, whole) -%}
    cast({{ part }} as double) / nullif(cast({{ whole }} as double), 0)
{%- endmacro %}
