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
    {%- if not (rows and types) -%}
        {#- dbt's own makes an empty one, and knows what to say where there are no columns. -#}
        {{ return(dbt.get_fixture_sql(rows, column_name_to_data_types)) }}
    {%- endif -%}
    {%- set whole_rows = [] -%}
    {%- for row in rows -%}
        {%- set whole_row = {} -%}
        {%- for name, type in types.items() -%}
            {%- do whole_row.update({name: safe_cast('null', type)}) -%}
        {%- endfor -%}
        {%- do whole_row.update(dbt.format_row(row, types)) -%}
        {%- do whole_rows.append(whole_row) -%}
    {%- endfor -%}
    {{ return(inline_table(whole_rows)) }}
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
    {%- set formatted_rows = [] -%}
    {%- for row in rows -%}
        {%- do formatted_rows.append(dbt.format_row(row, column_name_to_data_types)) -%}
    {%- endfor -%}
    {{ return(inline_table(formatted_rows)) }}
{% endmacro %}

{#- Rows of SQL expressions by column, all with the columns of the first: Spark refuses one that has more or fewer. -#}
{% macro inline_table(rows) -%}
    select * from values
    {%- for row in rows %}
        ({{ row.values() | join(', ') }}){{ ',' if not loop.last }}
    {%- endfor %}
    as fixture ({{ rows[0].keys() | join(', ') }})
{%- endmacro %}
