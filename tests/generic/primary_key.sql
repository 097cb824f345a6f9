{#-
    Fails for each key that occurs more than once, or that has a null in it: a key has neither. Stands on the column that is the
    key, or on the model with the `columns` that are. Of a view that is dear to compute an `expression` can be checked in the same
    pass: it fails where a row does not satisfy it, too.
-#}
{% test primary_key(model, columns=none, column_name=none, expression=none) %}

{% set key = columns or [column_name] -%}
select
    {{ key | join(',\n    ') }},
    count(*) as occurrences
from {{ model }}
group by {{ key | join(', ') }}
having
    count(*) > 1
    {%- for column in key %}
    or {{ column }} is null
    {%- endfor %}
    {%- if expression is not none %}
    or sum(case when {{ expression }} then 0 else 1 end) > 0
    {%- endif %}

{% endtest %}
