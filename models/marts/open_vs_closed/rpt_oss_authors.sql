with model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}

),

authors as (

    select * from {{ ref('dim_authors') }}

),

open_source_in_window as (

    select
        author_slug,
        cast(sum(total_tokens) as bigint) as total_tokens
    from model_usage_daily
    where
        is_open_source
        and is_in_study_window
    group by author_slug

)

select
    open_source_in_window.author_slug,
    authors.author_name,
    open_source_in_window.total_tokens,
    cast(open_source_in_window.total_tokens as double) / 1e12 as tokens_trillions,
    cast(
        row_number() over (
            order by open_source_in_window.total_tokens desc, open_source_in_window.author_slug asc
        ) as bigint
    ) as token_rank,
    {{ share_of('open_source_in_window.total_tokens', 'sum(open_source_in_window.total_tokens) over ()') }} as share_of_oss
from open_source_in_window
inner join authors on open_source_in_window.author_slug = authors.author_slug
