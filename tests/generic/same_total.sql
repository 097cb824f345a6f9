{#-
    Fails when the sum of a column differs from the sum of `field` in another relation by more than `relative_tolerance`
    (1e-9 by default: integer sums below a billion have to be equal; say 0 where larger ones have to be). With `columns`
    instead of `column_name`, `field` is a list of as many columns, all compared in one pass: a list called `column_name`
    would stop dbt's documentation page, which takes it for text. `condition` and `to_condition` limit either side;
    `group_by` compares group by group, a group that one side lacks counting as zero there.
-#}
{% test same_total(
    model, to, field, column_name=none, columns=none, group_by=[], to_group_by=none, condition='true', to_condition='true',
    relative_tolerance=1e-9
) %}

{%- set columns = columns or [column_name] -%}
{%- set fields = [field] if field is string else field -%}
{%- if columns | length != fields | length -%}
    {{ exceptions.raise_compiler_error("same_total compares " ~ columns | length ~ " columns with " ~ fields | length ~ " fields.") }}
{%- endif -%}

with here as (

    select
        {% for column in group_by -%}
        {{ column }} as group_{{ loop.index }},
        {% endfor -%}
        {% for column in columns -%}
        sum({{ column }}) as total_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor -%}
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
        {% for column in fields -%}
        sum({{ column }}) as total_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor -%}
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
    {% for column in columns -%}
    here.total_{{ loop.index }} as total_{{ loop.index }},
    there.total_{{ loop.index }} as expected_total_{{ loop.index }}{{ ',' if not loop.last }}
    {% endfor -%}
from here
full outer join there
    on
        true
        {%- for column in group_by %}
        and here.group_{{ loop.index }} = there.group_{{ loop.index }}
        {%- endfor %}
where
    false
    {%- for column in columns %}
    or abs(coalesce(here.total_{{ loop.index }}, 0) - coalesce(there.total_{{ loop.index }}, 0))
    > {{ relative_tolerance }} * abs(coalesce(there.total_{{ loop.index }}, 0))
    {%- endfor %}

{% endtest %}
