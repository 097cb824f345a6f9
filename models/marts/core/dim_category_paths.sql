with known_paths as (

    select path from {{ ref('category_paths') }}

),

met_paths as (

    select distinct category_path as path from {{ ref('fct_tag_usage_daily') }}

),

tag_rules as (

    select * from {{ ref('tag_rules') }}

),

tags as (

    select * from {{ ref('dim_tags') }}

),

all_paths as (

    select path from known_paths

    union distinct

    select path from met_paths

    union distinct

    select 'unknown' as path

),

matches as (

    select
        all_paths.path,
        tag_rules.path_pattern,
        tag_rules.tag,
        row_number() over (
            partition by all_paths.path
            order by length(tag_rules.path_pattern) desc, tag_rules.match_type asc
        ) as preference
    from all_paths
    inner join tag_rules
        on
            all_paths.path = tag_rules.path_pattern
            or (
                tag_rules.match_type = 'prefix'
                and (
                    tag_rules.path_pattern = '/'
                    -- Whole segments only: /Law & Government does not match /Law & Governments.
                    or substring(all_paths.path, 1, length(tag_rules.path_pattern) + 1) = tag_rules.path_pattern || '/'
                )
            )

)

select
    matches.path,
    matches.tag,
    tags.category,
    matches.path_pattern = '/' as is_fallback,
    matches.path in (select known_paths.path from known_paths) as is_listed
from matches
inner join tags on matches.tag = tags.tag
where matches.preference = 1
