{#- Fails when the number of rows is outside [min_value, max_value] (either may be left out). -#}
{% test row_count_between(model, min_value=none, max_value=none) %}

select count(*) as row_count
from {{ model }}
having
    false
    {%- if min_value is not none %}
    or count(*) < {{ min_value }}
    {%- endif %}
    {%- if max_value is not none %}
    or count(*) > {{ max_value }}
    {%- endif %}

{% endtest %}
