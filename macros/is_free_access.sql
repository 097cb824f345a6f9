{#- Free access: a `:free` variant, or a day inside a free access period of the model (both ends included). -#}
{% macro is_free_access(model_variant, model_id, event_date) -%}
    (
        {{ model_variant }} = 'free'
        or exists (
            select 1
            from {{ ref('free_access_periods') }} as free_access_periods
            where
                free_access_periods.model_id = {{ model_id }}
                and {{ event_date }} >= free_access_periods.starts_on
                and {{ event_date }} <= coalesce(free_access_periods.ends_on, {{ event_date }})
        )
    )
{%- endmacro %}
