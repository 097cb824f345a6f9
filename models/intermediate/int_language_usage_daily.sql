{{ config(materialized='table') }}

with usage_daily as (

    select * from {{ ref('fct_usage_daily') }}

),

language_aliases as (

    select * from {{ ref('language_aliases') }}

),

languages as (

    select * from {{ ref('languages') }}

),

rolled_up as (

    select
        event_date,
        prompt_language,
        cast(sum(generations) as bigint) as generations,
        cast(sum(total_tokens) as bigint) as total_tokens
    from usage_daily
    group by event_date, prompt_language

),

mapped as (

    select
        rolled_up.event_date,
        coalesce(languages.language_code, 'unknown') as language_code,
        coalesce(languages.language_name, 'unknown') as language_name,
        coalesce(languages.is_language, false) as is_known_language,
        rolled_up.generations,
        rolled_up.total_tokens
    from rolled_up
    left join language_aliases on rolled_up.prompt_language = language_aliases.alias
    left join languages on coalesce(language_aliases.language_code, rolled_up.prompt_language) = languages.language_code

)

select
    -- grain
    event_date,
    language_code,

    -- when
    {{ week_start('event_date') }} as week_start,
    {{ in_study_window('event_date') }} as is_in_study_window,

    -- which language
    language_name,
    is_known_language,

    -- how much
    cast(sum(generations) as bigint) as generations,
    cast(sum(total_tokens) as bigint) as total_tokens
from mapped
group by event_date, language_code, language_name, is_known_language
