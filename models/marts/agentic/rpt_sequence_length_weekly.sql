{%- set measures = ['prompt', 'completion', 'reasoning', 'sequence'] -%}
{%- set percentiles = ['p50', 'p90', 'p99'] -%}

with token_length_histogram_daily as (

    select * from {{ ref('fct_token_length_histogram_daily') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

weekly_buckets as (

    select
        {{ week_start('event_date') }} as week_start,
        measure,
        bucket,
        cast(sum(generations) as bigint) as generations,
        cast(sum(tokens) as bigint) as tokens
    from token_length_histogram_daily
    group by {{ week_start('event_date') }}, measure, bucket

),

-- Places count the generations of a week from the shortest, which has place 0.
placed_buckets as (

    select
        week_start,
        measure,
        {{ share_of('tokens', 'generations') }} as mean_tokens,
        sum(generations) over (partition by week_start, measure order by bucket) - generations as first_place,
        sum(generations) over (partition by week_start, measure order by bucket) - 1 as last_place
    from weekly_buckets

),

weekly_measures as (

    select
        week_start,
        measure,
        cast(sum(generations) as bigint) as generations,
        {{ share_of('sum(tokens)', 'sum(generations)') }} as avg_tokens
    from weekly_buckets
    group by week_start, measure

),

percentile_places as (

    select
        weekly_measures.week_start,
        weekly_measures.measure,
        percentiles.percentile,
        cast(percentiles.fraction as double) * (weekly_measures.generations - 1) as place
    from weekly_measures
    cross join (values ('p50', 0.50), ('p90', 0.90), ('p99', 0.99)) as percentiles (percentile, fraction)

),

-- Between two neighbours a percentile is interpolated, as percentile_cont does.
percentile_values as (

    select
        percentile_places.week_start,
        percentile_places.measure,
        percentile_places.percentile,
        below.mean_tokens
        + (percentile_places.place - floor(percentile_places.place)) * (above.mean_tokens - below.mean_tokens)
            as tokens
    from percentile_places
    inner join placed_buckets as below
        on
            percentile_places.week_start = below.week_start
            and percentile_places.measure = below.measure
            and floor(percentile_places.place) >= below.first_place
            and floor(percentile_places.place) <= below.last_place
    inner join placed_buckets as above
        on
            percentile_places.week_start = above.week_start
            and percentile_places.measure = above.measure
            and ceil(percentile_places.place) >= above.first_place
            and ceil(percentile_places.place) <= above.last_place

),

weekly_averages as (

    select
        week_start,
        {% for measure in measures -%}
        max(case when measure = '{{ measure }}' then avg_tokens end) as avg_{{ measure }}_tokens,
        {% endfor -%}
        max(generations) as generations
    from weekly_measures
    group by week_start

),

weekly_percentiles as (

    select
        {% for measure in measures -%}
        {% for percentile in percentiles -%}
        max(case when measure = '{{ measure }}' and percentile = '{{ percentile }}' then tokens end)
            as {{ percentile }}_{{ measure }}_tokens,
        {% endfor -%}
        {% endfor -%}
        week_start
    from percentile_values
    group by week_start

)

select
    weekly_averages.week_start,
    weekly_averages.generations,
    {% for measure in measures %}
    weekly_averages.avg_{{ measure }}_tokens,
    {% for percentile in percentiles -%}
    weekly_percentiles.{{ percentile }}_{{ measure }}_tokens,
    {% endfor -%}
    {% endfor %}
    weeks.is_complete_week
from weekly_averages
inner join weekly_percentiles on weekly_averages.week_start = weekly_percentiles.week_start
inner join weeks on weekly_averages.week_start = weeks.week_start
