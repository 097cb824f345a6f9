{#-
    The token ledger: sources disagree on whether cached input is inside the prompt count and whether reasoning is inside
    the completion count. An adapter declares its convention as one of `token_conventions`; where the record also reports
    a total T, the row is checked against it: P+C=T, P+C+R=T, P+cache+C=T or P+cache+C+R=T.
-#}
{% macro token_conventions() %}
    {{ return([
        'cache_in_prompt,reasoning_in_completion',
        'cache_in_prompt,reasoning_beside_completion',
        'cache_beside_prompt,reasoning_in_completion',
        'cache_beside_prompt,reasoning_beside_completion',
    ]) }}
{% endmacro %}

{% macro cache_is_beside_prompt(convention) -%}
    ({{ convention }} in ('cache_beside_prompt,reasoning_in_completion', 'cache_beside_prompt,reasoning_beside_completion'))
{%- endmacro %}

{% macro reasoning_is_beside_completion(convention) -%}
    ({{ convention }} in ('cache_in_prompt,reasoning_beside_completion', 'cache_beside_prompt,reasoning_beside_completion'))
{%- endmacro %}

{#- Whether the reported counts add up to the reported total under a convention (a SQL expression). -#}
{% macro explains_total(convention) -%}
    (
        reported_total_tokens
        = coalesce(reported_prompt_tokens, 0) + coalesce(reported_completion_tokens, 0)
        + case when {{ cache_is_beside_prompt(convention) }} then reported_cache_tokens else 0 end
        + case when {{ reasoning_is_beside_completion(convention) }} then reported_reasoning_tokens else 0 end
    )
{%- endmacro %}
