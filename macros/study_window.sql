{#- True for a date inside the study window (vars study_start, study_end; both inclusive, null = open). -#}
{% macro in_study_window(date_column) -%}
    {%- set bounds = [] -%}
    {%- if var('study_start') is not none -%}
        {%- do bounds.append(date_column ~ " >= date '" ~ var('study_start') ~ "'") -%}
    {%- endif -%}
    {%- if var('study_end') is not none -%}
        {%- do bounds.append(date_column ~ " <= date '" ~ var('study_end') ~ "'") -%}
    {%- endif -%}
    ({{ bounds | join(' and ') if bounds else 'true' }})
{%- endmacro %}

{#- The Monday that names a date's week (Monday to Sunday, UTC). -#}
{% macro week_start(date_column) -%}
    cast(date_trunc('week', {{ date_column }}) as date)
{%- endmacro %}

{#- The first day of a date's calendar month (UTC). -#}
{% macro month_start(date_column) -%}
    cast(date_trunc('month', {{ date_column }}) as date)
{%- endmacro %}
