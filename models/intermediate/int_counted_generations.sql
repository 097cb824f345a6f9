with generations as (

    select * from {{ ref('int_generations') }}

)

select
    generation_id,
    generation_hash,
    created_at,
    event_date,
    account_key,
    model_slug,
    coalesce(prompt_language, 'unknown') as prompt_language,
    coalesce(finish_reason, 'unknown') as finish_reason,
    coalesce(native_finish_reason, 'unknown') as native_finish_reason,
    is_byok,
    is_cancelled,
    has_tools_provided,
    prompt_tokens,
    completion_tokens,
    total_tokens,
    uncached_input_tokens,
    cache_read_tokens,
    cache_write_tokens,
    visible_output_tokens,
    reasoning_tokens,
    spend_usd,
    upstream_inference_cost_usd,
    cache_discount_usd
from generations
where is_counted
