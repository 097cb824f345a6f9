-- Fails with every version 1 node whose tag differs from that of the version 2 leaf `/Other` below it: the two
-- versions name the same content, so old and new logs would count it in different places.
with candidates as (

    select
        paths.path,
        rules.tag,
        rank() over (
            partition by paths.path
            order by length(rules.path_pattern) desc, case when rules.match_type = 'exact' then 0 else 1 end
        ) as rule_rank
    from {{ ref('category_paths') }} as paths
    inner join {{ ref('tag_rules') }} as rules
        on
            (rules.match_type = 'exact' and paths.path = rules.path_pattern)
            or (
                rules.match_type = 'prefix'
                and (
                    rules.path_pattern = '/'
                    or paths.path = rules.path_pattern
                    or substring(paths.path, 1, length(rules.path_pattern) + 1) = concat(rules.path_pattern, '/')
                )
            )

)

select
    nodes.path,
    nodes.tag as node_tag,
    leaves.tag as leaf_tag
from candidates as nodes
inner join candidates as leaves
    on leaves.path = concat(nodes.path, '/Other')
where
    nodes.rule_rank = 1
    and leaves.rule_rank = 1
    and nodes.tag <> leaves.tag
