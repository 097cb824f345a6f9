{#-
    A 63-bit fingerprint of a row's columns, for change detection inside one engine only (engines hash differently,
    so it is never compared between them, and never a public key).
-#}
{% macro row_fingerprint(columns) -%}
    {{ return(adapter.dispatch('row_fingerprint', 'llm_traffic')(columns)) }}
{%- endmacro %}

{% macro duckdb__row_fingerprint(columns) -%}
    cast(hash({{ columns | join(', ') }}) >> 1 as bigint)
{%- endmacro %}

{#- Spark passes over nulls: (a, null) would have the fingerprint of (null, a). -#}
{% macro spark__row_fingerprint(columns) -%}
    {%- set values = [] -%}
    {%- for column in columns -%}
        {%- do values.append(column ~ ', ' ~ column ~ ' is null') -%}
    {%- endfor -%}
    shiftrightunsigned(xxhash64({{ values | join(', ') }}), 1)
{%- endmacro %}
