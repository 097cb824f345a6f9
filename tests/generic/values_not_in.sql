{#- Fails for each value that does occur in another relation's column. -#}
{% test values_not_in(model, column_name, to, field) %}

select {{ column_name }}
from {{ model }}
where {{ column_name }} in (select {{ field }} from {{ to }} where {{ field }} is not null)

{% endtest %}
