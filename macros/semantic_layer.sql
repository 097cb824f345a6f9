{#- What the tables of the semantic layer share with the marts, so that each of these is written once. -#}

{#-
    The first month of the half-year that a date lies in. Half-years are counted from the month of var study_start, so that the
    study's twelve months fall into two of them; where it is null they are the calendar's.
-#}
{% macro study_half_year(date_column) -%}
    {%- set origin = "date '" ~ (var('study_start') or '2000-01-01') ~ "'" -%}
    cast(
        {{ month_start(origin) }}
        + 6 * cast(floor({{ months_since(month_start(date_column), month_start(origin)) }} / 6e0) as int) * interval '1' month as date
    )
{%- endmacro %}

{#- Whether a model of the catalogue was offered in a week: released by its Sunday, not retired before its Monday. -#}
{% macro is_offered_in_week(models, weeks) -%}
    (
        {{ weeks }}.week_end >= {{ models }}.released_on
        and {{ weeks }}.week_start <= coalesce({{ models }}.retired_on, {{ weeks }}.week_start)
    )
{%- endmacro %}

{#- Whether an author is left out of spend shares (var authors_omitted_from_spend_share), as Figure 20 leaves out xAI. -#}
{% macro is_omitted_from_spend_share(author_slug) -%}
    {%- set omitted_authors = [] -%}
    {%- for author in var('authors_omitted_from_spend_share') or [] -%}
        {%- do omitted_authors.append(dbt.string_literal(author)) -%}
    {%- endfor -%}
    {{ author_slug ~ ' in (' ~ omitted_authors | join(', ') ~ ')' if omitted_authors else 'false' }}
{%- endmacro %}
