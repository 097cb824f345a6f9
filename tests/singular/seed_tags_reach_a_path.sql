-- A row is a tag that no listed path ends in: it can only come up empty. Paths that the lists do not have (the study's own
-- example) may have rules, but not tags, of their own.
select tags.tag
from {{ ref('tags') }} as tags
where
    not exists (
        select 1
        from {{ ref('dim_category_paths') }} as paths
        where
            paths.tag = tags.tag
            and paths.is_listed
    )
