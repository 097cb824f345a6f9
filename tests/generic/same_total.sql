{#-
    Fails when the sum of a column differs from the sum of `field` in another relation by more than `relative_tolerance`
    (1e-9 by default: integer sums below a billion have to be equal; say 0 where larger ones have to be). `condition` and `to_condition` limit either side; `group_by` compares
    group by group, a group that one side lacks counting as zero there.
-#}
{% test same_total(
    model, column_name, to, field, group_by=[], to_group_by=none, condition='true', to_condition='true', relative_tolerance=1e-9
) %}

with here as (

    select
        {% for column in group_by -%}
        {{ column }} as group_{{ loop.index }},
        {% endfor -%}
        sum({{ column_name }}) as total
    from {{ model }}
    where {{ condition }}
    {% if group_by -%}
    group by {{ group_by | join(', ') }}
    {%- endif %}

),

there as (

    select
        {% for column in (to_group_by or group_by) -%}
        {{ column }} as group_{{ loop.index }},
        {% endfor -%}
        sum({{ field }}) as total
    from {{ to }}
    where {{ to_condition }}
    {% if group_by -%}
    group by {{ (to_group_by or group_by) | join(', ') }}
    {%- endif %}

)

select
    {% for column in group_by -%}
    coalesce(here.group_{{ loop.index }}, there.group_{{ loop.index }}) as {{ column }},
    {% endfor -%}
    here.total,
    there.total as expected_total
from here
full outer join there
    on
        true
        {%- for column in group_by %}
        and here.group_{{ loop.index }} = there.group_{{ loop.index }}
        {%- endfor %}
where abs(coalesce(here.total, 0) - coalesce(there.total, 0)) > {{ relative_tolerance }} * abs(coalesce(there.total, 0))

{% endtest %}
