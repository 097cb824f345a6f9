{#- Size bucket by total parameters in billions: small < 15, medium 15 to < 70, large >= 70. -#}
{% macro size_bucket(total_parameters_b) -%}
    case
        when {{ total_parameters_b }} is null then 'unknown'
        when {{ total_parameters_b }} < 15 then 'small'
        when {{ total_parameters_b }} < 70 then 'medium'
        else 'large'
    end
{%- endmacro %}
