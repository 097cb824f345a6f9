{#-
    Fails for each value outside [min_value, max_value] (either may be left out), and for each null: a number that may be missing
    is `nullable`.
-#}
{% test accepted_range(model, column_name, min_value=none, max_value=none, inclusive=true, nullable=false) %}

select {{ column_name }}
from {{ model }}
where
    {{ 'false' if nullable else column_name ~ ' is null' }}
    {%- if min_value is not none %}
    or {{ column_name }} {{ '<' if inclusive else '<=' }} {{ min_value }}
    {%- endif %}
    {%- if max_value is not none %}
    or {{ column_name }} {{ '>' if inclusive else '>=' }} {{ max_value }}
    {%- endif %}

{% endtest %}
