{#-
    Casts of landed values, one value at a time: a value that cannot be cast gives null, and the matching
    `*_is_invalid` macro tells that it was there. `landed_source` hands over either text (blank = null) or the natural
    type, so that each cast works whatever a file's own column type was.
-#}
{% macro landed_timestamp(column) -%}
    {{ return(adapter.dispatch('landed_timestamp', 'llm_traffic')(column)) }}
{%- endmacro %}

{#- Text with a zone is converted, text without one means UTC (the session's time zone is UTC). -#}
{% macro default__landed_timestamp(column) -%}
    case
        when isfinite(try_cast({{ column }} as timestamp with time zone))
            then cast(try_cast({{ column }} as timestamp with time zone) as timestamp)
    end
{%- endmacro %}

{#- Whole, non-negative counts below 1e12 only; anything else is null: no request has a trillion tokens, and sums have to fit. -#}
{% macro landed_count(column) -%}
    case
        when
            try_cast({{ column }} as double) >= 0
            and try_cast({{ column }} as double) < 1e12
            and try_cast({{ column }} as double) = floor(try_cast({{ column }} as double))
            then try_cast(try_cast({{ column }} as double) as bigint)
    end
{%- endmacro %}

{% macro landed_count_is_invalid(column) -%}
    ({{ column }} is not null and {{ landed_count(column) }} is null)
{%- endmacro %}

{#- Finite numbers below 1e12 only: a larger one is an accident, and would overflow the sums of a whole day. -#}
{% macro landed_number(column) -%}
    case
        when abs(try_cast({{ column }} as double)) < 1e12 then try_cast({{ column }} as double)
    end
{%- endmacro %}

{% macro landed_number_is_invalid(column) -%}
    ({{ column }} is not null and {{ landed_number(column) }} is null)
{%- endmacro %}

{#- Words and the whole numbers 0 and 1: a flag with nulls in it is often delivered as 1.0. -#}
{% macro landed_boolean(column) -%}
    coalesce(
        try_cast({{ column }} as boolean),
        case try_cast({{ column }} as double) when 1 then true when 0 then false end
    )
{%- endmacro %}

{% macro landed_boolean_is_invalid(column) -%}
    ({{ column }} is not null and {{ landed_boolean(column) }} is null)
{%- endmacro %}

{#- Whole milliseconds; a provider may report fractions. -#}
{% macro landed_milliseconds(column) -%}
    cast(floor({{ landed_number(column) }}) as bigint)
{%- endmacro %}
