{{ config(materialized='table') }}

with met_languages as (

    select distinct prompt_language from {{ ref('int_prompt_language_usage_daily') }}

),

language_aliases as (

    select * from {{ ref('language_aliases') }}

),

languages as (

    select * from {{ ref('languages') }}

)

select
    met_languages.prompt_language,
    coalesce(languages.language_code, 'unknown') as language_code,
    coalesce(languages.language_name, 'unknown') as language_name,
    coalesce(languages.is_language, false) as is_known_language
from met_languages
left join language_aliases on met_languages.prompt_language = language_aliases.alias
left join languages on coalesce(language_aliases.language_code, met_languages.prompt_language) = languages.language_code
