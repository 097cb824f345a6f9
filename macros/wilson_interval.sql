{#-
    Wilson's 95 % interval of a proportion: unlike the textbook's, it is neither empty at 0 and 1 nor outside of them. Null
    without trials. The ends at 0 and 1 are said rather than computed: they would miss by a rounding.
-#}
{% macro wilson_low(successes, trials) -%}
    case
        when {{ trials }} > 0 and {{ successes }} = 0 then 0e0
        when {{ trials }} > 0 then {{ wilson_bound(successes, trials, '-') }}
    end
{%- endmacro %}

{% macro wilson_high(successes, trials) -%}
    case
        when {{ trials }} > 0 and {{ successes }} = {{ trials }} then 1e0
        when {{ trials }} > 0 then {{ wilson_bound(successes, trials, '+') }}
    end
{%- endmacro %}

{#- (x + z^2/2 -+ z sqrt(x (n - x) / n + z^2/4)) / (n + z^2): Wilson's formula, numerator and denominator times n. -#}
{% macro wilson_bound(successes, trials, sign) -%}
    {%- set z = '1.959964e0' -%}
    (
        {{ successes }} + {{ z }} * {{ z }} / 2e0
        {{ sign }} {{ z }} * sqrt(
            cast({{ successes }} as double) * ({{ trials }} - {{ successes }}) / nullif({{ trials }}, 0) + {{ z }} * {{ z }} / 4e0
        )
    ) / ({{ trials }} + {{ z }} * {{ z }})
{%- endmacro %}
