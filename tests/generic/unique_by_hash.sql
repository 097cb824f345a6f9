{#-
    Fails for each value of a column that occurs more than once or is null, as `unique` and `not_null`, of tables with a hash of the
    value: numbers are grouped in two thirds of the time of texts. Equal values have equal hashes; where hashes are equal, values
    are compared.
-#}
{% test unique_by_hash(model, column_name, hash) %}

with repeated_hashes as (

    select {{ hash }}
    from {{ model }}
    group by {{ hash }}
    having count(*) > 1

)

select
    {{ column_name }},
    count(*) as occurrences
from {{ model }}
where
    {{ hash }} in (select repeated_hashes.{{ hash }} from repeated_hashes)
    or {{ hash }} is null
    or {{ column_name }} is null
group by {{ column_name }}
having
    count(*) > 1
    or {{ column_name }} is null

{% endtest %}
