{#-
    The share of what a condition names, one row a week: rows that are absent count as zero, weeks without any share to
    speak of give null. For weekly marts grouped by week_start.
-#}
{% macro weekly_share(share_column, condition) -%}
    sum(case when {{ condition }} then {{ share_column }} else {{ share_column }} * 0 end)
{%- endmacro %}
