{#-
    SQL condition: the account belongs to a cohort of the model, that of `first_month`. With var retention_cohort_basis
    `platform`, who came to the model in a later month is in no cohort of it: month 0 is 1, and no cohort grows afterwards.
-#}
{% macro is_in_cohort(first_month, first_month_on_platform) -%}
    {%- set cohort_basis = var('retention_cohort_basis', 'model') -%}
    {%- if cohort_basis not in ['model', 'platform'] -%}
        {{ exceptions.raise_compiler_error(
            "var retention_cohort_basis is '" ~ cohort_basis ~ "'. Set it to model or platform."
        ) }}
    {%- endif -%}
    {{ 'true' if cohort_basis == 'model' else first_month ~ ' = ' ~ first_month_on_platform }}
{%- endmacro %}
