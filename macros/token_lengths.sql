{#-
    Bucket of a token-length histogram: bucket b holds the lengths from 1.01^b to below 1.01^(b+1), bucket -1 exact zeros. The
    lengths of one bucket are within 1 % of each other, and so of their mean; lengths up to 100 tokens have a bucket each.
-#}
{% macro token_length_bucket(tokens) -%}
    case
        when {{ tokens }} > 0 then cast(floor(ln(cast({{ tokens }} as double)) / ln(cast(1.01 as double))) as bigint)
        else -1
    end
{%- endmacro %}
