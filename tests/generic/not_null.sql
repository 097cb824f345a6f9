{#-
    Fails for each row with a null. Stands on a column, as dbt's own, or on the model with the `columns` that have none, which are
    then read in one pass; failing rows have all of them.
-#}
{% test not_null(model, columns=none, column_name=none) %}

{% set columns = columns or [column_name] -%}
select {{ columns | join(', ') }}
from {{ model }}
where {{ columns | join(' is null or ') }} is null

{% endtest %}
