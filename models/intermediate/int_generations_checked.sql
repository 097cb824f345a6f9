{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_stale_files() }}"
    )
}}

with raw_records as (

    select {{ generation_columns() | join(', ') }}
    from {{ ref('stg_openrouter__generations') }}
    where {{ new_files_only(['openrouter.generations']) if is_incremental() else 'true' }}

    union all

    select {{ generation_columns() | join(', ') }}
    from {{ ref('stg_openrouter_export__generations') }}
    where {{ new_files_only(['openrouter_export.generations']) if is_incremental() else 'true' }}

),

landed_files as (

    select * from {{ ref('int_landed_files') }}

),

counted_tokens as (

    select
        *,
        coalesce(prompt_tokens_native, prompt_tokens_normalized) as reported_prompt_tokens,
        coalesce(completion_tokens_native, completion_tokens_normalized) as reported_completion_tokens,
        coalesce(reasoning_tokens, 0) as reported_reasoning_tokens,
        coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0) as reported_cache_tokens
    from raw_records

),

conventions as (

    -- Where the source reports a total, it decides; the declared convention is tried first.
    select
        *,
        case
            when reported_total_tokens is null then token_convention
            when {{ explains_total('token_convention') }} then token_convention
            {%- for convention in token_conventions() %}
            when {{ explains_total("'" ~ convention ~ "'") }} then '{{ convention }}'
            {%- endfor %}
        end as explained_convention
    from counted_tokens

),

canonical as (

    select
        *,
        case
            when {{ cache_is_beside_prompt('explained_convention') }} then reported_cache_tokens
            else 0
        end as cache_tokens_to_add,
        case
            when {{ reasoning_is_beside_completion('explained_convention') }} then reported_reasoning_tokens
            else 0
        end as reasoning_tokens_to_add
    from conventions

),

checked as (

    select
        *,
        cast(created_at as date) as event_date,
        case
            when generation_id is null then 'missing_id'
            when account_key is null then 'missing_account'
            when model_slug is null then 'missing_model'
            when {{ is_implausible_timestamp('created_at') }} then 'invalid_timestamp'
            when {{ is_future_timestamp('created_at', 'ingest_date') }} then 'future_timestamp'
            when
                has_invalid_tokens
                or (reported_prompt_tokens is null and reported_completion_tokens is null)
                then 'invalid_tokens'
            when
                reported_reasoning_tokens > coalesce(reported_completion_tokens, 0) + reasoning_tokens_to_add
                then 'reasoning_exceeds_completion'
            when
                reported_cache_tokens > coalesce(reported_prompt_tokens, 0) + cache_tokens_to_add
                then 'cached_exceeds_prompt'
            when has_invalid_cost or spend_usd < 0 or upstream_inference_cost_usd < 0 then 'invalid_cost'
            when explained_convention is null then 'contradictory_tokens'
            when has_invalid_value then 'invalid_value'
        end as quarantine_reason
    from canonical

)

select
    -- where it came from
    checked.source_name,
    checked.file_name,
    landed_files.file_version,
    checked.file_row_number,
    checked.ingest_date,

    -- whether it is usable
    checked.quarantine_reason,
    case when checked.quarantine_reason is not null then checked.raw_record end as raw_record,

    -- what it is
    checked.generation_id,
    checked.created_at,
    checked.event_date,
    checked.account_key,
    checked.model_slug,
    checked.provider_name,
    checked.app_id,
    checked.api_type,
    checked.router,
    checked.is_streamed,
    checked.is_cancelled,
    checked.is_byok,
    checked.has_tools_provided,
    checked.finish_reason,
    checked.native_finish_reason,
    checked.prompt_language,

    -- tokens
    checked.prompt_tokens_normalized + checked.cache_tokens_to_add as prompt_tokens_normalized,
    checked.completion_tokens_normalized + checked.reasoning_tokens_to_add as completion_tokens_normalized,
    checked.prompt_tokens_native + checked.cache_tokens_to_add as prompt_tokens_native,
    checked.completion_tokens_native + checked.reasoning_tokens_to_add as completion_tokens_native,
    checked.reasoning_tokens,
    checked.cache_read_tokens,
    checked.cache_write_tokens,
    checked.explained_convention as token_convention,
    case when checked.reported_total_tokens is null then 'declared' else 'proven' end as token_proof,

    -- US dollars
    coalesce(checked.spend_usd, 0) as spend_usd,
    checked.upstream_inference_cost_usd,
    checked.cache_discount_usd,

    -- milliseconds
    checked.latency_ms,
    checked.generation_time_ms
from checked
inner join landed_files on checked.file_name = landed_files.file_name
