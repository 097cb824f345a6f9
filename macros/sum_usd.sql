{#-
    Sum of a US-dollar column as a double, added up exactly (to 1e-12 dollars): floating-point sums depend on the order in
    which threads add, and a second build would differ in the last digits.
-#}
{% macro sum_usd(column, condition=none, partition_by=none) -%}
    {#- No filter clause: Spark has none in a window. -#}
    {%- set amount = 'case when ' ~ condition ~ ' then ' ~ column ~ ' end' if condition else column -%}
    {%- set window = ' over (partition by ' ~ partition_by | join(', ') ~ ')' if partition_by else '' -%}
    coalesce(cast(sum(cast({{ amount }} as decimal(28, 12))){{ window }} as double), 0)
{%- endmacro %}

{#- Mean and sum of any double, added up exactly (to 1e-15, and to 1e-12 or so many digits) for the same reason. -#}
{% macro exact_avg(expression, condition=none) -%}
    {%- set value = 'case when ' ~ condition ~ ' then ' ~ expression ~ ' end' if condition else expression -%}
    cast(sum(cast({{ value }} as decimal(38, 15))) as double) / nullif(count({{ value }}), 0)
{%- endmacro %}

{% macro exact_sum(expression, digits=12) -%}
    cast(sum(cast({{ expression }} as decimal(38, {{ digits }}))) as double)
{%- endmacro %}
