-- Fails if a version of the classifier's taxonomy has lost or gained paths: the two published lists have 1,091
-- (version 2) and 620 (version 1), and a path is never deleted. A later version gets a column of its own.
select
    sum(case when in_v2 then 1 else 0 end) as v2_paths,
    sum(case when in_v1 then 1 else 0 end) as v1_paths
from {{ ref('category_paths') }}
having
    coalesce(sum(case when in_v2 then 1 else 0 end), 0) <> 1091
    or coalesce(sum(case when in_v1 then 1 else 0 end), 0) <> 620
