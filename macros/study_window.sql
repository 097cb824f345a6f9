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

{#-
    The Monday that names a date's week (Monday to Sunday, UTC). Elsewhere weeks begin on Sunday, or as a session says: an adapter
    without a variant of its own is told so, instead of shifting every week.
-#}
{% macro week_start(date_column) -%}
    {{ return(adapter.dispatch('week_start', 'llm_traffic')(date_column)) }}
{%- endmacro %}

{% macro duckdb__week_start(date_column) -%}
    cast(date_trunc('week', {{ date_column }}) as date)
{%- endmacro %}

{% macro spark__week_start(date_column) -%}
    {{ return(duckdb__week_start(date_column)) }}
{%- endmacro %}

{#- The first day of a date's calendar month (UTC). -#}
{% macro month_start(date_column) -%}
    cast(date_trunc('month', {{ date_column }}) as date)
{%- endmacro %}
