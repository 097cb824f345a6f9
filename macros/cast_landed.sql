{#-
    Casts of landed values, one value at a time: a value that cannot be cast gives null, and the matching
    `*_is_invalid` macro tells that it was there. A column is text (blank = null) or, if `types` has it, of that type of its
    files, and then nothing is parsed. `types` comes with the rows, see landed_shapes.
-#}
{% macro landed_timestamp(column, types={}) -%}
    {{ return(adapter.dispatch('landed_timestamp', 'llm_traffic')(column, types)) }}
{%- endmacro %}

{#- Text with a zone is converted, text without one means UTC (the session's time zone is UTC). -#}
{% macro default__landed_timestamp(column, types={}) -%}
    {%- if types.get(column, '') in ['TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS'] -%}
    case when isfinite({{ column }}) then cast({{ column }} as timestamp) end
    {%- else -%}
    case
        when isfinite(try_cast({{ column }} as timestamp with time zone))
            then cast(try_cast({{ column }} as timestamp with time zone) as timestamp)
    end
    {%- endif -%}
{%- endmacro %}

{#- Types of files whose every value is a whole number, and those that are some number. -#}
{% macro is_whole_number_type(landed_type) %}
    {{ return(landed_type in ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT']) }}
{% endmacro %}

{% macro is_number_type(landed_type) %}
    {{ return(is_whole_number_type(landed_type) or landed_type in ['FLOAT', 'DOUBLE'] or landed_type.startswith('DECIMAL(')) }}
{% endmacro %}

{#- Whole, non-negative counts below 1e12 only; anything else is null: no request has a trillion tokens, and sums have to fit. -#}
{% macro landed_count(column, types={}) -%}
    {%- if is_whole_number_type(types.get(column, '')) -%}
    case when {{ column }} >= 0 and {{ column }} < 1000000000000 then cast({{ column }} as bigint) end
    {%- else -%}
    case
        when
            try_cast({{ column }} as double) >= 0
            and try_cast({{ column }} as double) < 1e12
            and try_cast({{ column }} as double) = floor(try_cast({{ column }} as double))
            then try_cast(try_cast({{ column }} as double) as bigint)
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
        when abs(try_cast({{ column }} as double)) < 1e12 then try_cast({{ column }} as double)
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
        case try_cast({{ column }} as double) when 1 then true when 0 then false end
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
