{#- The normalised finish reasons, a closed list. -#}
{% macro finish_reasons() -%}
    ('tool_calls', 'stop', 'length', 'content_filter', 'error')
{%- endmacro %}

{#- A landed finish reason where it is one of the closed list, else null. -#}
{% macro normalized_finish_reason(column) -%}
    case when {{ column }} in {{ finish_reasons() }} then {{ column }} end
{%- endmacro %}

{#-
    The provider's own spelling, kept only where the seed `finish_reasons` has to map it: where a normalised reason was
    sent, it would only widen the facts. A "normalised" reason outside the closed list counts as a native spelling.
-#}
{% macro native_finish_reason(normalized_column, native_column) -%}
    case
        when {{ normalized_column }} in {{ finish_reasons() }} then null
        else coalesce({{ native_column }}, {{ normalized_column }})
    end
{%- endmacro %}

{#- What a fact row's finish reason means: the normalised one, else what the seed says of the native one, else `unknown`. -#}
{% macro mapped_finish_reason(fact, finish_reasons) -%}
    case
        when {{ fact }}.finish_reason <> 'unknown' then {{ fact }}.finish_reason
        else coalesce({{ finish_reasons }}.finish_reason, 'unknown')
    end
{%- endmacro %}
