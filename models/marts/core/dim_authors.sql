with authors as (

    select * from {{ ref('authors') }}

),

described as (

    select
        author_slug,
        author_name,
        coalesce(country_code, 'unknown') as country_code,
        -- The study's "Chinese": developed by an organisation in China, Taiwan or Hong Kong. Unknown homes are RoW.
        coalesce(country_code in ('CN', 'TW', 'HK'), false) as is_chinese
    from authors

),

unknown_author as (

    select
        'unknown' as author_slug,
        'unknown' as author_name,
        'unknown' as country_code,
        false as is_chinese

)

select * from described

union all

select * from unknown_author
