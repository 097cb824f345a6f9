{#-
    Test statistics, standard normal if there is no effect; `two_sided_p_value` of their column is the p value. Null where the
    test cannot be made.
-#}

{#-
    Two proportions with pooled variance: successes of trials here against successes of trials there. Null where a side has
    no trials, or where all or none of both sides together succeeded. With `continuity` the distance without its sign, less
    Yates' correction: few successes fall on a coarse grid, where the plain test finds a difference too often.
-#}
{% macro two_proportion_z(successes, trials, other_successes, other_trials, continuity=false) -%}
    {%- set pooled = '(' ~ share_of('(' ~ successes ~ ' + ' ~ other_successes ~ ')', '(' ~ trials ~ ' + ' ~ other_trials ~ ')') ~ ')' -%}
    {%- set grid = '(1e0 / nullif(cast(' ~ trials ~ ' as double), 0) + 1e0 / nullif(cast(' ~ other_trials ~ ' as double), 0))' -%}
    {%- set difference = '(' ~ share_of(successes, trials) ~ ' - ' ~ share_of(other_successes, other_trials) ~ ')' -%}
    {{ 'greatest(abs(' ~ difference ~ ') - ' ~ grid ~ ' / 2e0, 0e0)' if continuity else difference }}
    / nullif(sqrt({{ pooled }} * (1e0 - {{ pooled }}) * {{ grid }}), 0)
{%- endmacro %}

{#-
    McNemar's test on the pairs that changed, without continuity correction: gained (no before, yes after) against lost.
    Null where none changed.
-#}
{% macro mcnemar_z(gained, lost) -%}
    cast({{ gained }} - {{ lost }} as double) / nullif(sqrt(cast({{ gained }} + {{ lost }} as double)), 0)
{%- endmacro %}
