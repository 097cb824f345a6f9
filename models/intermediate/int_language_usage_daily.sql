{{ config(materialized='table') }}

with usage_daily as (

    select * from {{ ref('int_prompt_language_usage_daily') }}

),

prompt_languages as (

    select * from {{ ref('int_prompt_languages') }}

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
        prompt_languages.language_code,
        prompt_languages.language_name,
        prompt_languages.is_known_language,
        rolled_up.generations,
        rolled_up.total_tokens
    from rolled_up
    inner join prompt_languages on rolled_up.prompt_language = prompt_languages.prompt_language

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
