with checked as (

    select * from {{ ref('int_generations_checked') }}

),

superseded as (

    select * from {{ ref('int_generations_superseded') }}

),

accepted as (

    -- No `not exists`: DuckDB would first look for the distinct keys of all records. With the day, by which most readers of this
    -- choose: so the copies of other days are left out.
    select checked.*
    from checked
    left join superseded
        on
            checked.event_date = superseded.event_date
            and checked.file_key = superseded.file_key
            and checked.file_row_number = superseded.file_row_number
    where
        checked.quarantine_reason is null
        and superseded.file_key is null

),

on_token_basis as (

    select
        *,
        {% if var('token_basis') == 'normalized' -%}
        coalesce(prompt_tokens_normalized, prompt_tokens_native, 0) as prompt_tokens,
        coalesce(completion_tokens_normalized, completion_tokens_native, 0) as completion_tokens
        {%- elif var('token_basis') == 'native' -%}
        coalesce(prompt_tokens_native, prompt_tokens_normalized, 0) as prompt_tokens,
        coalesce(completion_tokens_native, completion_tokens_normalized, 0) as completion_tokens
        {%- else -%}
        {{ exceptions.raise_compiler_error("var token_basis is '" ~ var('token_basis') ~ "'. Set it to native or normalized.") }}
        {%- endif %}
    from accepted

),

bounded as (

    -- Reasoning and cache are counted by the provider's tokenizer: on the normalised basis they are cut to the whole.
    select
        *,
        least(coalesce(reasoning_tokens, 0), completion_tokens) as bounded_reasoning_tokens,
        least(coalesce(cache_read_tokens, 0), prompt_tokens) as bounded_cache_read_tokens,
        least(
            coalesce(cache_write_tokens, 0),
            prompt_tokens - least(coalesce(cache_read_tokens, 0), prompt_tokens)
        ) as bounded_cache_write_tokens
    from on_token_basis

)

select
    -- where it came from
    file_key,
    file_row_number,
    ingest_date,

    -- what it is
    generation_id,
    generation_hash,
    created_at,
    event_date,
    account_key,
    model_slug,
    is_counted,
    is_cancelled,
    is_byok,
    has_tools_provided,
    finish_reason,
    native_finish_reason,
    prompt_language,

    -- tokens, and the disjoint parts of the ledger
    prompt_tokens,
    completion_tokens,
    prompt_tokens + completion_tokens as total_tokens,
    prompt_tokens - bounded_cache_read_tokens - bounded_cache_write_tokens as uncached_input_tokens,
    bounded_cache_read_tokens as cache_read_tokens,
    bounded_cache_write_tokens as cache_write_tokens,
    completion_tokens - bounded_reasoning_tokens as visible_output_tokens,
    bounded_reasoning_tokens as reasoning_tokens,
    case when is_cache_beside_prompt then 'cache_beside_prompt' else 'cache_in_prompt' end
    || ','
    || case when is_reasoning_beside_completion then 'reasoning_beside_completion' else 'reasoning_in_completion' end
        as token_convention,
    case when is_token_convention_proven then 'proven' else 'declared' end as token_proof,

    -- US dollars
    spend_usd,
    upstream_inference_cost_usd,
    cache_discount_usd
from bounded
