with languages as (

    select * from {{ ref('languages') }}

),

described as (

    select
        language_code,
        language_name
    from languages

),

unknown_language as (

    select
        'unknown' as language_code,
        'unknown' as language_name

)

select * from described

union all

select * from unknown_language
