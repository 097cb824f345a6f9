{#-
    Fails for each row with a value outside [min_value, max_value] (either may be left out), or with a null: a number that may be
    missing is `nullable`. Stands on a column, or on the model with the `columns` that share a range, which are then read in one
    pass; failing rows have all of them.
-#}
{% test accepted_range(
    model, columns=none, column_name=none, min_value=none, max_value=none, inclusive=true, nullable=false
) %}

{% set columns = columns or [column_name] -%}
select {{ columns | join(', ') }}
from {{ model }}
where
    false
    {%- for column in columns %}
    {%- if not nullable %}
    or {{ column }} is null
    {%- endif %}
    {%- if min_value is not none %}
    or {{ column }} {{ '<' if inclusive else '<=' }} {{ min_value }}
    {%- endif %}
    {%- if max_value is not none %}
    or {{ column }} {{ '>' if inclusive else '>=' }} {{ max_value }}
    {%- endif %}
    {%- endfor %}

{% endtest %}
