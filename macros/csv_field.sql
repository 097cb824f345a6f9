{#- A value as a CSV field: quoted where it holds a comma, a quote or a line break; null = empty. -#}
{% macro csv_field(value) -%}
    case
        when {{ value }} is null then ''
        when position(',' in {{ value }}) > 0 or position('"' in {{ value }}) > 0 or position(chr(10) in {{ value }}) > 0
            then '"' || replace({{ value }}, '"', '""') || '"'
        else {{ value }}
    end
{%- endmacro %}
