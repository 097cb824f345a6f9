{#-
    The normal distribution in plain arithmetic: no engine has erfc. Both rational functions are Hart's (1968), as printed by
    West, "Better approximations to cumulative normal functions" (Wilmott, 2005). Measured against the C library's erfc, the
    p value is off by less than 1e-14 (tests/python/test_retention.py); the relative error stays below 1e-6 in the far tail.
-#}

{#- A polynomial by Horner's rule; coefficients from the highest power down. -#}
{% macro polynomial(coefficients, variable) -%}
    {%- set nested = namespace(sql=coefficients[0]) -%}
    {%- for coefficient in coefficients[1:] -%}
        {%- set nested.sql = '(' ~ nested.sql ~ ' * ' ~ variable ~ ' + ' ~ coefficient ~ ')' -%}
    {%- endfor -%}
    {{ nested.sql }}
{%- endmacro %}

{#-
    Probability that a standard normal variable is at least as far from 0 as z: the p value of a two-sided test. Null stays
    null. `z` stands many times in the result: compute it in a CTE and name its column here.
-#}
{% macro two_sided_p_value(z) -%}
    {%- set distance = 'abs(' ~ z ~ ')' -%}
    {%- set numerator = [
        '3.52624965998911e-2', '7.00383064443688e-1', '6.37396220353165e0', '3.3912866078383e1', '1.12079291497871e2',
        '2.21213596169931e2', '2.20206867912376e2',
    ] -%}
    {%- set denominator = [
        '8.83883476483184e-2', '1.75566716318264e0', '1.6064177579207e1', '8.67807322029461e1', '2.96564248779674e2',
        '6.37333633378831e2', '7.93826512519948e2', '4.40413735824752e2',
    ] -%}
    case
        when {{ distance }} < 7.07106781186547e0
            then
                2e0 * exp(-{{ distance }} * {{ distance }} / 2e0) * {{ polynomial(numerator, distance) }}
                / {{ polynomial(denominator, distance) }}
        -- From here on a continued fraction; beyond 37 the result is below the smallest double.
        when {{ distance }} < 37e0
            then
                2e0 * exp(-{{ distance }} * {{ distance }} / 2e0) / 2.5066282746310005e0
                / (
                    {{ distance }} + 1e0 / (
                        {{ distance }} + 2e0 / ({{ distance }} + 3e0 / ({{ distance }} + 4e0 / ({{ distance }} + 6.5e-1)))
                    )
                )
        when {{ distance }} >= 37e0 then 0e0
    end
{%- endmacro %}
