{#- Fails for each pair of periods (inclusive dates; a null end is open) of one group that share a day, or that end before they start. -#}
{% test no_overlapping_periods(model, partition_by, starts_on, ends_on) %}

with periods as (

    select
        {{ partition_by }} as period_group,
        {{ starts_on }} as starts_on,
        coalesce({{ ends_on }}, date '9999-12-31') as ends_on,
        lead({{ starts_on }}) over (partition by {{ partition_by }} order by {{ starts_on }}) as next_starts_on
    from {{ model }}

)

select *
from periods
where
    ends_on < starts_on
    or ends_on >= next_starts_on

{% endtest %}
