-- Fails with every tag that decides no known path: its rules exist, but longer patterns take all their paths, so the
-- tag could never appear in a mart.
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
    tags.tag,
    tags.category
from {{ ref('tags') }} as tags
left join candidates
    on
        tags.tag = candidates.tag
        and candidates.rule_rank = 1
group by tags.tag, tags.category
having count(candidates.path) = 0
