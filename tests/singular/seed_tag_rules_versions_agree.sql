-- A row is a version 1 node whose tag differs from that of the version 2 leaf `/Other` below it: the two versions name the
-- same content, so old and new logs would count it in different places.
select
    nodes.path,
    nodes.tag as node_tag,
    leaves.tag as leaf_tag
from {{ ref('dim_category_paths') }} as nodes
inner join {{ ref('dim_category_paths') }} as leaves on leaves.path = nodes.path || '/Other'
where nodes.tag <> leaves.tag
