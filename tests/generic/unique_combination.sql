{#-
    Fails for each combination of the columns that occurs more than once, or that has a null in it: a key has neither. Of a view
    that is dear to compute an `expression` can be checked in the same pass: it fails where a row does not satisfy it, too.
-#}
{% test unique_combination(model, columns, expression=none) %}

select
    {{ columns | join(',\n    ') }},
    count(*) as occurrences
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
    {%- if expression is not none %}
    or sum(case when {{ expression }} then 0 else 1 end) > 0
    {%- endif %}

{% endtest %}
