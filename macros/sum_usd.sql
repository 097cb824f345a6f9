{#-
    Sum of a US-dollar column as a double, added up exactly (to 1e-12 dollars): floating-point sums depend on the order in
    which threads add, and a second build would differ in the last digits.
-#}
{% macro sum_usd(column, condition=none) -%}
    coalesce(
        cast(sum(cast({{ column }} as decimal(28, 12))) {{ 'filter (where ' ~ condition ~ ')' if condition }} as double), 0
    )
{%- endmacro %}
