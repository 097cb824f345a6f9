with countries as (

    select * from {{ ref('countries') }}

),

described as (

    select
        country_code,
        country_name,
        -- Nobody is billed in Antarctica: METRICS counts it as unknown.
        case when continent = 'Antarctica' then 'unknown' else continent end as region
    from countries

),

unknown_country as (

    select
        'unknown' as country_code,
        'unknown' as country_name,
        'unknown' as region

)

select * from described

union all

select * from unknown_country
