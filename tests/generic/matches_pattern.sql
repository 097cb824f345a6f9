{#- Fails for each value that the regular expression does not match somewhere (anchor it with ^ and $). Nulls pass. -#}
{% test matches_pattern(model, column_name, pattern) %}

select {{ column_name }}
from {{ model }}
where not {{ regexp_found(column_name, pattern) }}

{% endtest %}
