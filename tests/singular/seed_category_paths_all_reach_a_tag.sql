-- Fails with every known category path that not exactly one rule decides: none, because the fallback rule `/` is
-- gone, or two of equal rank. Such paths would lose their tokens, or count them twice, in every category mart.
with candidates as (

    select
        paths.path,
        rules.path_pattern,
        rank() over (
            partition by paths.path
            order by length(rules.path_pattern) desc, case when rules.match_type = 'exact' then 0 else 1 end
        ) as rule_rank
    from {{ ref('category_paths') }} as paths
    left join {{ ref('tag_rules') }} as rules
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
    path,
    count(path_pattern) as deciding_rules
from candidates
where rule_rank = 1
group by path
having count(path_pattern) <> 1
