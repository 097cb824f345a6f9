{#- Whole calendar months from one month to another, both given by their first day. -#}
{% macro months_since(month_start, cohort_month) -%}
    cast(
        12 * (extract(year from {{ month_start }}) - extract(year from {{ cohort_month }}))
        + extract(month from {{ month_start }}) - extract(month from {{ cohort_month }}) as bigint
    )
{%- endmacro %}
