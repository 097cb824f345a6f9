{#-
    Category shares come from a sample, so each has an interval. One definition for every mart: a CTE with the columns
    sampled_tokens, token_squares, token_products and sample_size (see int_tag_usage_daily) gets the sums of the share's
    own denominator from `token_share_basis`; the next select takes the share and its bounds from them.

    The interval is that of the linearised ratio estimator. With t_i the tokens of generation i that are in the
    denominator, y_i t_i those that are in the category and p = sum(y t) / sum(t), over n generations:
    d_i = y_i t_i - p t_i, se = sqrt(n / (n - 1) * sum(d_i^2)) / sum(t), where
    sum(d^2) = sum((y t)^2) - 2 p sum(y t * t) + p^2 sum(t^2): token_squares, token_products, share_sample_squares.
    It takes generations as independent: clustering by account is ignored, which makes it somewhat too narrow.
-#}

{#- True for an event day from var category_start on (null = everything that is loaded). -#}
{% macro from_category_start(date_column) -%}
    {%- if var('category_start') is none -%}
        (true)
    {%- else -%}
        ({{ date_column }} >= date '{{ var("category_start") }}')
    {%- endif -%}
{%- endmacro %}

{#-
    Three window sums, the denominator of a share: share_sample_size, share_sample_tokens, share_sample_squares.
    `in_share` leaves rows out of it. The products of all rows with the whole add up to the square of the whole.
-#}
{% macro token_share_basis(partition_by, in_share='true') -%}
    {%- set columns = {
        'share_sample_size': 'sample_size',
        'share_sample_tokens': 'sampled_tokens',
        'share_sample_squares': 'token_products',
    } -%}
    {%- for name, column in columns.items() -%}
    {%- set total = 'sum(case when ' ~ in_share ~ ' then ' ~ column ~ ' end) over (partition by ' ~ partition_by | join(', ') ~ ')' -%}
    {#- A generation with several labels comes in parts, and thirds do not add up to one: two would be less than two. #}
    {{ 'round(' ~ total ~ ', 6)' if column == 'sample_size' else total }} as {{ name }}
    {{- ',\n        ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- Tokens over the denominator's; null outside the share and where the denominator is zero. -#}
{% macro token_share(in_share='true') -%}
    case when {{ in_share }} then {{ share_of('sampled_tokens', 'share_sample_tokens') }} end
{%- endmacro %}

{#-
    A bound of its 95 % interval, `low` or `high`, cut to [0, 1]; null where the sample has fewer than two generations.
    Rounded to 12 digits: the last ones of a double depend on the engine.
-#}
{% macro token_share_bound(bound, in_share='true') -%}
    {%- set share = 'sampled_tokens / share_sample_tokens' -%}
    case
        when {{ in_share }} and share_sample_size >= 2 and share_sample_tokens > 0
            then round(
                least(
                    cast(1 as double),
                    greatest(
                        cast(0 as double),
                        {{ share }}
                        {{ '-' if bound == 'low' else '+' }} cast(1.959964 as double)
                        * sqrt(
                            share_sample_size / (share_sample_size - 1)
                            * greatest(
                                cast(0 as double),
                                token_squares
                                - 2 * {{ share }} * token_products
                                + {{ share }} * {{ share }} * share_sample_squares
                            )
                        )
                        / share_sample_tokens
                    )
                ),
                12
            )
    end
{%- endmacro %}

{#-
    Sampled generations or tokens as a mart shows them: whole numbers, except under the attribution `weighted`, which splits a
    generation among its labels. The contracts say the same of data_type.
-#}
{% macro sampled_count(column) -%}
    cast({{ column }} as {{ 'double' if var('category_attribution') == 'weighted' else 'bigint' }})
{%- endmacro %}
