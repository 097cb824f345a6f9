with slug_usage_daily as (

    select * from {{ ref('int_slug_usage_daily') }}

),

country_usage_daily as (

    select * from {{ ref('int_country_usage_daily') }}

),

prompt_language_usage_daily as (

    select * from {{ ref('int_prompt_language_usage_daily') }}

),

tag_usage_daily as (

    select * from {{ ref('fct_tag_usage_daily') }}

),

model_slugs as (

    select * from {{ ref('dim_model_slugs') }}

),

countries as (

    select * from {{ ref('countries') }}

),

languages as (

    select * from {{ ref('languages') }}

),

language_aliases as (

    select * from {{ ref('language_aliases') }}

),

finish_reasons as (

    select * from {{ ref('finish_reasons') }}

),

category_paths as (

    select * from {{ ref('dim_category_paths') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

all_usage as (

    select sum(total_tokens) as total_tokens from prompt_language_usage_daily

),

all_sampled_usage as (

    select sum(primary_tokens) as total_tokens from tag_usage_daily

),

unmatched_models as (

    select
        'models' as seed_name,
        model_slugs.slug_without_variant as natural_key,
        slug_usage_daily.event_date,
        slug_usage_daily.generations,
        slug_usage_daily.total_tokens
    from slug_usage_daily
    inner join model_slugs on slug_usage_daily.model_slug = model_slugs.model_slug
    where model_slugs.model_id = 'unknown'

),

unmatched_countries as (

    select
        'countries' as seed_name,
        country_usage_daily.country_code as natural_key,
        country_usage_daily.event_date,
        country_usage_daily.generations,
        country_usage_daily.total_tokens
    from country_usage_daily
    where
        country_usage_daily.country_code <> 'unknown'
        and not exists (
            select 1 from countries
            where countries.country_code = country_usage_daily.country_code
        )

),

unmatched_languages as (

    select
        'languages' as seed_name,
        prompt_language_usage_daily.prompt_language as natural_key,
        prompt_language_usage_daily.event_date,
        prompt_language_usage_daily.generations,
        prompt_language_usage_daily.total_tokens
    from prompt_language_usage_daily
    where
        prompt_language_usage_daily.prompt_language <> 'unknown'
        and not exists (
            select 1 from language_aliases
            where language_aliases.alias = prompt_language_usage_daily.prompt_language
        )
        and not exists (
            select 1 from languages
            where languages.language_code = prompt_language_usage_daily.prompt_language
        )

),

unmatched_finish_reasons as (

    select
        'finish_reasons' as seed_name,
        slug_usage_daily.native_finish_reason as natural_key,
        slug_usage_daily.event_date,
        slug_usage_daily.generations,
        slug_usage_daily.total_tokens
    from slug_usage_daily
    where
        slug_usage_daily.native_finish_reason <> 'unknown'
        and not exists (
            select 1 from finish_reasons
            where finish_reasons.native_finish_reason = slug_usage_daily.native_finish_reason
        )

),

unmatched_usage as (

    select * from unmatched_models

    union all

    select * from unmatched_countries

    union all

    select * from unmatched_languages

    union all

    select * from unmatched_finish_reasons

),

coverage_of_usage as (

    select
        unmatched_usage.seed_name,
        unmatched_usage.natural_key,
        min(unmatched_usage.event_date) as first_seen,
        max(unmatched_usage.event_date) as last_seen,
        cast(sum(unmatched_usage.generations) as bigint) as generations,
        cast(sum(unmatched_usage.total_tokens) as bigint) as total_tokens,
        {{ share_of('sum(unmatched_usage.total_tokens)', 'max(all_usage.total_tokens)') }} as token_share
    from unmatched_usage
    cross join all_usage
    group by unmatched_usage.seed_name, unmatched_usage.natural_key

),

coverage_of_paths as (

    select
        'tag_rules' as seed_name,
        tag_usage_daily.category_path as natural_key,
        min(tag_usage_daily.event_date) as first_seen,
        max(tag_usage_daily.event_date) as last_seen,
        cast(sum(tag_usage_daily.primary_generations) as bigint) as generations,
        cast(sum(tag_usage_daily.primary_tokens) as bigint) as total_tokens,
        {{ share_of('sum(tag_usage_daily.primary_tokens)', 'max(all_sampled_usage.total_tokens)') }} as token_share
    from tag_usage_daily
    inner join category_paths on tag_usage_daily.category_path = category_paths.path
    cross join all_sampled_usage
    where
        category_paths.is_fallback
        and tag_usage_daily.category_path <> 'unknown'
        and tag_usage_daily.primary_generations > 0
    group by tag_usage_daily.category_path

),

coverage as (

    select * from coverage_of_usage

    union all

    select * from coverage_of_paths

),

-- What most of an author's known models are is the best guess for a new one.
families_of_authors as (

    select
        author_slug,
        family,
        count(*) as models,
        sum(case when is_open_weights then 1 else 0 end) as open_models
    from models
    where model_id <> 'unknown'
    group by author_slug, family

),

author_habits as (

    select
        author_slug,
        sum(open_models) * 2 > sum(models) as is_mostly_open,
        max(family) filter (where family_rank = 1) as usual_family
    from (
        select
            *,
            row_number() over (partition by author_slug order by models desc, family asc) as family_rank
        from families_of_authors
    ) as ranked_families
    group by author_slug

),

-- Shaped like the seed's own line. A field that only a person can know is left empty, and the seed's tests say which.
suggested as (

    select
        coverage.*,
        case coverage.seed_name
            when 'models'
                then concat_ws(
                    ',',
                    {{ csv_field('coverage.natural_key') }},
                    {{ csv_field('coverage.natural_key') }},
                    {{ csv_field("split_part(coverage.natural_key, '/', 1)") }},
                    {{ csv_field("coalesce(author_habits.usual_family, split_part(coverage.natural_key, '/', 1))") }},
                    case when coalesce(author_habits.is_mostly_open, false) then 'true' else 'false' end,
                    '', '', 'false', '', '',
                    cast(coverage.first_seen as string),
                    '', 'false', '', '',
                    'suggested from traffic: check every field'
                )
            when 'countries' then concat_ws(',', {{ csv_field('coverage.natural_key') }}, '', '', '', '')
            when 'languages' then concat_ws(',', {{ csv_field('coverage.natural_key') }}, '', '', '', 'true', '')
            when 'finish_reasons' then concat_ws(',', {{ csv_field('coverage.natural_key') }}, '', '')
            when 'tag_rules'
                then concat_ws(',', {{ csv_field('coverage.natural_key') }}, 'exact', 'others', 'decided: no study category')
        end as suggested_row
    from coverage
    left join author_habits on split_part(coverage.natural_key, '/', 1) = author_habits.author_slug

)

select
    seed_name,
    natural_key,
    first_seen,
    last_seen,
    generations,
    total_tokens,
    token_share,
    suggested_row
from suggested
