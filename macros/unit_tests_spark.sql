{#-
    Rows of a unit test, as one inline table. dbt writes a select for each, all united: Spark analyses every row's columns one by
    one, three times, and makes a task of each.
-#}
{% macro get_fixture_sql(rows, column_name_to_data_types) %}
    {{ return(adapter.dispatch('get_fixture_sql', 'llm_traffic')(rows, column_name_to_data_types)) }}
{% endmacro %}

{% macro default__get_fixture_sql(rows, column_name_to_data_types) %}
    {{ return(dbt.get_fixture_sql(rows, column_name_to_data_types)) }}
{% endmacro %}

{% macro spark__get_fixture_sql(rows, column_name_to_data_types) %}
    {%- set types = column_name_to_data_types or {} -%}
    {%- if not types -%}
        {%- for column in adapter.get_columns_in_relation(this) -%}
            {%- do types.update({column.name | lower: column.data_type}) -%}
        {%- endfor -%}
    {%- endif -%}
    {#- dbt's own knows what to say where there are no columns, and makes what has none. -#}
    {{ return(inline_table(rows, types, types.keys()) if rows and types else dbt.get_fixture_sql(rows, column_name_to_data_types)) }}
{% endmacro %}

{% macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) %}
    {{ return(adapter.dispatch('get_expected_sql', 'llm_traffic')(rows, column_name_to_data_types, column_name_to_quoted)) }}
{% endmacro %}

{% macro default__get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) %}
    {{ return(dbt.get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted)) }}
{% endmacro %}

{% macro spark__get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) %}
    {%- if not rows -%}
        {{ return(dbt.get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted)) }}
    {%- endif -%}
    {{ return(inline_table(rows, column_name_to_data_types, dbt.format_row(rows[0], column_name_to_data_types).keys())) }}
{% endmacro %}

{#- These columns of the rows; null where a row does not say. -#}
{% macro inline_table(rows, types, columns) -%}
    select * from values
    {%- for row in rows %}
        {%- set formatted = dbt.format_row(row, types) %}
        (
        {%- for column in columns -%}
            {{ formatted[column] if column in formatted else safe_cast('null', types[column]) }}{{ ', ' if not loop.last }}
        {%- endfor -%}
        ){{ ',' if not loop.last }}
    {%- endfor %}
    as fixture ({{ columns | join(', ') }})
{%- endmacro %}
