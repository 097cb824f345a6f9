-- Fails with every pair of segments that share a point of the cost and usage map: a model there would have two
-- segments, or one by chance. An empty bound and a maximum percentile of 1 are open.
select
    first_segment.segment,
    second_segment.segment as overlaps_with
from {{ ref('usage_cost_segments') }} as first_segment
inner join {{ ref('usage_cost_segments') }} as second_segment
    on first_segment.segment < second_segment.segment
where
    (
        first_segment.min_cost is null
        or second_segment.max_cost is null
        or first_segment.min_cost < second_segment.max_cost
    )
    and (
        second_segment.min_cost is null
        or first_segment.max_cost is null
        or second_segment.min_cost < first_segment.max_cost
    )
    and (
        first_segment.min_usage_percentile is null
        or second_segment.max_usage_percentile is null
        or second_segment.max_usage_percentile = 1
        or first_segment.min_usage_percentile < second_segment.max_usage_percentile
    )
    and (
        second_segment.min_usage_percentile is null
        or first_segment.max_usage_percentile is null
        or first_segment.max_usage_percentile = 1
        or second_segment.min_usage_percentile < first_segment.max_usage_percentile
    )
