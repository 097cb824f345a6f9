-- Fails with every category, other than `others`, that has fewer than two tags: the charts of tags within categories
-- would show it as one undivided bar. Fails with a row of its own if not all twelve categories are there.
select
    category,
    count(*) as tags_in_category
from {{ ref('tags') }}
where category <> 'others'
group by category
having count(*) < 2

union all

select
    'all' as category,
    count(distinct category) as tags_in_category
from {{ ref('tags') }}
where category <> 'others'
having count(distinct category) <> 12
