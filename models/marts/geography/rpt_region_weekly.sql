with usage_daily as (

    select * from {{ ref('int_country_usage_daily') }}

),

model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}

),

countries as (

    select * from {{ ref('dim_countries') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

free_access as (

    select distinct
        event_date,
        model_slug,
        is_free_access
    from model_usage_daily

),

-- Countries keep their codes until few rows are left.
country_weeks as (

    select
        {{ week_start('usage_daily.event_date') }} as week_start,
        usage_daily.country_code,
        cast(sum(usage_daily.generations) as bigint) as generations,
        cast(sum(usage_daily.total_tokens) as bigint) as total_tokens,
        {{ sum_usd(
            "usage_daily.spend_usd",
            condition=enters_cost_metrics("usage_daily.is_byok", "free_access.is_free_access")
        ) }} as spend_usd
    from usage_daily
    inner join free_access
        on
            usage_daily.event_date = free_access.event_date
            and usage_daily.model_slug = free_access.model_slug
    group by {{ week_start('usage_daily.event_date') }}, usage_daily.country_code

),

weekly as (

    select
        country_weeks.week_start,
        coalesce(countries.region, 'unknown') as region,
        {{ sum_usd("country_weeks.spend_usd") }} as spend_usd,
        cast(sum(country_weeks.total_tokens) as bigint) as total_tokens,
        cast(sum(country_weeks.generations) as bigint) as generations
    from country_weeks
    left join countries on country_weeks.country_code = countries.country_code
    group by country_weeks.week_start, coalesce(countries.region, 'unknown')

)

select
    weekly.week_start,
    weekly.region,
    weekly.spend_usd,
    {{ share_of('weekly.spend_usd', sum_usd('weekly.spend_usd', partition_by=['weekly.week_start'])) }} as spend_share,
    weekly.total_tokens,
    {{ share_of('weekly.total_tokens', 'sum(weekly.total_tokens) over (partition by weekly.week_start)') }} as token_share,
    weekly.generations,
    weeks.is_complete_week
from weekly
inner join weeks on weekly.week_start = weeks.week_start
