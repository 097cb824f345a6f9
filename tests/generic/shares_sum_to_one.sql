{#-
    Fails for each group whose shares do not add to 1 (to 1e-9). Null shares are left out: a group in which all are null has
    nothing to share. `group_by` empty = the whole relation is one group.
-#}
{% test shares_sum_to_one(model, column_name, group_by=[]) %}

select
    {% for column in group_by -%}
    {{ column }},
    {% endfor -%}
    sum({{ column_name }}) as sum_of_shares
from {{ model }}
where {{ column_name }} is not null
{% if group_by -%}
group by {{ group_by | join(', ') }}
{% endif -%}
having abs(sum({{ column_name }}) - 1) > 1e-9

{% endtest %}
