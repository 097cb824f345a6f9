with language_usage_daily as (

    select * from {{ ref('int_language_usage_daily') }}
    where is_in_study_window

),

known_languages as (

    select
        language_code,
        sum(total_tokens) as total_tokens
    from language_usage_daily
    where is_known_language
    group by language_code

),

ranked_languages as (

    select
        language_code,
        cast(row_number() over (order by total_tokens desc, language_code asc) as bigint) as token_rank
    from known_languages

),

languages as (

    select
        case when ranked_languages.token_rank is null then 'Other' else language_usage_daily.language_name end as language_name,
        ranked_languages.token_rank,
        cast(sum(language_usage_daily.total_tokens) as bigint) as total_tokens
    from language_usage_daily
    left join ranked_languages
        on
            language_usage_daily.language_code = ranked_languages.language_code
            and ranked_languages.token_rank <= 5
    group by
        case when ranked_languages.token_rank is null then 'Other' else language_usage_daily.language_name end,
        ranked_languages.token_rank

)

select
    language_name,
    total_tokens,
    {{ share_of('total_tokens', 'sum(total_tokens) over ()') }} as token_share,
    token_rank
from languages
