{#-
    Casts of landed values, one value at a time: a value that cannot be cast gives null, and the matching
    `*_is_invalid` macro tells that it was there. A column is text (blank = null) or, if `types` has it, of that type of its
    files, and then nothing is parsed. `types` comes with the rows, see landed_shapes.
-#}
{% macro landed_timestamp(column, types={}) -%}
    {{ return(adapter.dispatch('landed_timestamp', 'llm_traffic')(column, types)) }}
{%- endmacro %}

{#- Text with a zone is converted, text without one means UTC (the session's time zone is UTC). -#}
{% macro duckdb__landed_timestamp(column, types={}) -%}
    {%- if types.get(column, '') in ['TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS'] -%}
    case when isfinite({{ column }}) then cast({{ column }} as timestamp) end
    {%- else -%}
    case
        when isfinite(try_cast({{ column }} as timestamp with time zone))
            then cast(try_cast({{ column }} as timestamp with time zone) as timestamp)
    end
    {%- endif -%}
{%- endmacro %}

{#-
    As DuckDB: Spark would take a year, a month or a time alone for a timestamp. No session time zone in it: text without a zone
    means UTC, which the session's is.
-#}
{% macro spark__landed_timestamp(column, types={}) -%}
    {%- if types.get(column, '') in ['TIMESTAMP', 'TIMESTAMP_NTZ'] -%}
    cast({{ column }} as timestamp)
    {%- else -%}
    case
        when
            regexp_like(
                cast({{ column }} as string),
                '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?( ?(Z|[A-Za-z][A-Za-z0-9_/+-]*|[+-][0-9]{2}(:?[0-9]{2}){0,2}))?)?$'
            )
            then try_cast(regexp_replace(cast({{ column }} as string), '([+-][0-9]{2})([0-9]{2})$', '$1:$2') as timestamp)
    end
    {%- endif -%}
{%- endmacro %}

{#- Types of files whose every value is a whole number, and those that are some number. -#}
{% macro is_whole_number_type(landed_type) %}
    {{ return(landed_type in ['TINYINT', 'SMALLINT', 'INT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT']) }}
{% endmacro %}

{% macro is_number_type(landed_type) %}
    {{ return(is_whole_number_type(landed_type) or landed_type in ['FLOAT', 'DOUBLE'] or landed_type.startswith('DECIMAL(')) }}
{% endmacro %}

{#- A number written as text, or a value of some other type that may be one; null where it is none. -#}
{% macro text_as_double(column) -%}
    {{ return(adapter.dispatch('text_as_double', 'llm_traffic')(column)) }}
{%- endmacro %}

{% macro default__text_as_double(column) -%}
    try_cast({{ column }} as double)
{%- endmacro %}

{#- Spark takes `1d`, `2f` and hexadecimal numbers for numbers, too. -#}
{% macro spark__text_as_double(column) -%}
    case when regexp_like(cast({{ column }} as string), '^[0-9eE.+-]+$') then try_cast({{ column }} as double) end
{%- endmacro %}

{#- Whole, non-negative counts below 1e12 only; anything else is null: no request has a trillion tokens, and sums have to fit. -#}
{% macro landed_count(column, types={}) -%}
    {%- if is_whole_number_type(types.get(column, '')) -%}
    case when {{ column }} >= 0 and {{ column }} < 1000000000000 then cast({{ column }} as bigint) end
    {%- else -%}
    case
        when
            {{ text_as_double(column) }} >= 0
            and {{ text_as_double(column) }} < 1e12
            and {{ text_as_double(column) }} = floor({{ text_as_double(column) }})
            then try_cast({{ text_as_double(column) }} as bigint)
    end
    {%- endif -%}
{%- endmacro %}

{% macro landed_count_is_invalid(column, types={}) -%}
    ({{ column }} is not null and {{ landed_count(column, types) }} is null)
{%- endmacro %}

{#- Finite numbers below 1e12 only: a larger one is an accident, and would overflow the sums of a whole day. -#}
{% macro landed_number(column, types={}) -%}
    {%- if is_number_type(types.get(column, '')) -%}
    case when {{ column }} > -1e12 and {{ column }} < 1e12 then cast({{ column }} as double) end
    {%- else -%}
    case
        when abs({{ text_as_double(column) }}) < 1e12 then {{ text_as_double(column) }}
    end
    {%- endif -%}
{%- endmacro %}

{% macro landed_number_is_invalid(column, types={}) -%}
    ({{ column }} is not null and {{ landed_number(column, types) }} is null)
{%- endmacro %}

{#- Words and the whole numbers 0 and 1: a flag with nulls in it is often delivered as 1.0. -#}
{% macro landed_boolean(column, types={}) -%}
    {%- if types.get(column, '') == 'BOOLEAN' -%}
    {{ column }}
    {%- else -%}
    coalesce(
        try_cast({{ column }} as boolean),
        case {{ text_as_double(column) }} when 1 then true when 0 then false end
    )
    {%- endif -%}
{%- endmacro %}

{% macro landed_boolean_is_invalid(column, types={}) -%}
    ({{ column }} is not null and {{ landed_boolean(column, types) }} is null)
{%- endmacro %}

{#- Whole milliseconds; a provider may report fractions. -#}
{% macro landed_milliseconds(column, types={}) -%}
    cast(floor({{ landed_number(column, types) }}) as bigint)
{%- endmacro %}
