{#-
    Whether usage enters the cost metrics and spend shares. BYOK never does: somebody else was billed. Free access does only
    if var cost_excludes_free_access is false: at no price, it says nothing about price.
-#}
{% macro enters_cost_metrics(is_byok, is_free_access) -%}
    (not {{ is_byok }}{{ ' and not ' ~ is_free_access if var('cost_excludes_free_access') }})
{%- endmacro %}

{#-
    97.5 % quantile of Student's t distribution, which a two-sided 95 % interval takes: by degrees of freedom up to 28
    (30 points of a straight line), the normal quantile beyond, null for none.
-#}
{% macro student_t_quantile(degrees_of_freedom) -%}
    case {{ degrees_of_freedom }}
        {% for quantile in [
            12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
            2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
            2.079614, 2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831, 2.048407,
        ] -%}
        when {{ loop.index }} then cast({{ quantile }} as double)
        {% endfor -%}
        else case when {{ degrees_of_freedom }} > 0 then cast(1.959964 as double) end
    end
{%- endmacro %}
