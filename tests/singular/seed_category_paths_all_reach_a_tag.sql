-- A row is a listed path that no rule matches, not even the fallback: its generations would be in no category.
select path
from {{ ref('category_paths') }}
where path not in (select dim_category_paths.path from {{ ref('dim_category_paths') }} as dim_category_paths)
