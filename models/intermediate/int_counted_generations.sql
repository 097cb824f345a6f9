with generations as (

    select * from {{ ref('int_generations') }}

),

accounts as (

    select * from {{ ref('int_accounts') }}

)

select
    generations.generation_id,
    generations.created_at,
    generations.event_date,
    generations.account_key,
    generations.model_slug,
    coalesce(accounts.country_code, 'unknown') as country_code,
    coalesce(generations.prompt_language, 'unknown') as prompt_language,
    coalesce(generations.finish_reason, 'unknown') as finish_reason,
    coalesce(generations.native_finish_reason, 'unknown') as native_finish_reason,
    generations.is_byok,
    generations.is_cancelled,
    generations.has_tools_provided,
    generations.prompt_tokens,
    generations.completion_tokens,
    generations.total_tokens,
    generations.uncached_input_tokens,
    generations.cache_read_tokens,
    generations.cache_write_tokens,
    generations.visible_output_tokens,
    generations.reasoning_tokens,
    generations.spend_usd,
    generations.upstream_inference_cost_usd,
    generations.cache_discount_usd
from generations
left join accounts on generations.account_key = accounts.account_key
where generations.is_counted
