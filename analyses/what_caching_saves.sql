{#-
    Question: what does prompt caching save us, and where would it save more?

    How to read it: one row a model, the 25 with most spend in the study window, BYOK left out. saved_usd is the cache
    discount as the source reported it; saved_share is what the bill would have been larger by, as a part of the bill
    without cache. cached_share is the part of prompt tokens read from cache. could_save_usd is what the same discount per
    cached token would add if the model reached the cached share of the best of its author (models with at least 1 % of
    the author's prompt tokens): a bound to look into, not a forecast, since workloads differ.
-#}
with usage_by_model as (

    select
        models.model_id,
        models.author_slug,
        sum(usage_daily.prompt_tokens) as prompt_tokens,
        sum(usage_daily.cache_read_tokens) as cache_read_tokens,
        {{ sum_usd('usage_daily.spend_usd') }} as spend_usd,
        {{ sum_usd('usage_daily.cache_discount_usd') }} as saved_usd
    from {{ ref('fct_usage_daily') }} as usage_daily
    inner join {{ ref('dim_model_slugs') }} as model_slugs on usage_daily.model_slug = model_slugs.model_slug
    inner join {{ ref('dim_models') }} as models on model_slugs.model_id = models.model_id
    where
        not usage_daily.is_byok
        and {{ in_study_window('usage_daily.event_date') }}
    group by models.model_id, models.author_slug

),

with_shares as (

    select
        *,
        {{ share_of('cache_read_tokens', 'prompt_tokens') }} as cached_share,
        {{ share_of('prompt_tokens', 'sum(prompt_tokens) over (partition by author_slug)') }} as share_of_author
    from usage_by_model

),

with_best as (

    select
        *,
        max(case when share_of_author >= 0.01 then cached_share end) over (partition by author_slug) as best_cached_share
    from with_shares

)

select
    model_id,
    round(spend_usd, 2) as spend_usd,
    round(saved_usd, 2) as saved_usd,
    round({{ share_of('saved_usd', 'spend_usd + saved_usd') }}, 4) as saved_share,
    round(cached_share, 4) as cached_share,
    round(best_cached_share, 4) as best_cached_share_of_author,
    round(
        greatest(best_cached_share - cached_share, 0) * prompt_tokens
        * ({{ share_of('saved_usd', 'cache_read_tokens') }}), 2
    ) as could_save_usd
from with_best
where spend_usd > 0
order by spend_usd desc, model_id asc
limit 25
