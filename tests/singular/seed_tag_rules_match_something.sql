-- Fails with every rule that matches no known path: a misspelt pattern, which silently leaves its paths to a wider
-- rule. An exact rule may name a path outside the known list if its note says why.
select
    rules.path_pattern,
    rules.match_type,
    rules.tag
from {{ ref('tag_rules') }} as rules
left join {{ ref('category_paths') }} as paths
    on
        rules.path_pattern = paths.path
        or (
            rules.match_type = 'prefix'
            and (
                rules.path_pattern = '/'
                or substring(paths.path, 1, length(rules.path_pattern) + 1) = concat(rules.path_pattern, '/')
            )
        )
where not (rules.match_type = 'exact' and rules.note is not null and rules.note like '%neither version%')
group by rules.path_pattern, rules.match_type, rules.tag
having count(paths.path) = 0
