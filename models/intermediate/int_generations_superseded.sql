{{ config(materialized='table') }}

with checked as (

    select * from {{ ref('int_generations_checked') }}

),

repeated_ids as (

    select generation_id
    from checked
    where quarantine_reason is null
    group by generation_id
    having count(*) > 1

),

ranked as (

    select
        checked.source_name,
        checked.file_name,
        checked.file_row_number,
        checked.ingest_date,
        checked.generation_id,
        -- Latest arrival, then most complete usage, then the content itself: never the order of reading.
        row_number() over (
            partition by checked.generation_id
            order by
                checked.ingest_date desc,
                coalesce(checked.prompt_tokens_native, checked.prompt_tokens_normalized, 0)
                + coalesce(checked.completion_tokens_native, checked.completion_tokens_normalized, 0) desc,
                checked.created_at desc,
                checked.spend_usd desc,
                checked.source_name asc,
                checked.account_key asc,
                checked.model_slug asc,
                checked.prompt_tokens_native desc nulls last,
                checked.completion_tokens_native desc nulls last,
                checked.finish_reason asc nulls last,
                checked.native_finish_reason asc nulls last,
                checked.reasoning_tokens desc nulls last,
                checked.cache_read_tokens desc nulls last,
                checked.prompt_tokens_normalized desc nulls last,
                checked.completion_tokens_normalized desc nulls last,
                checked.is_byok desc,
                checked.is_cancelled desc nulls last,
                checked.has_tools_provided desc nulls last,
                checked.prompt_language asc nulls last,
                checked.api_type asc nulls last,
                checked.upstream_inference_cost_usd desc nulls last,
                checked.cache_discount_usd desc nulls last,
                checked.cache_write_tokens desc nulls last,
                checked.provider_name asc nulls last,
                checked.app_id asc nulls last,
                checked.router asc nulls last,
                checked.is_streamed desc nulls last,
                checked.latency_ms asc nulls last,
                checked.generation_time_ms asc nulls last,
                checked.token_convention asc,
                checked.token_proof asc,
                checked.file_name desc,
                checked.file_row_number desc
        ) as preference
    from checked
    inner join repeated_ids on checked.generation_id = repeated_ids.generation_id
    where checked.quarantine_reason is null

)

select
    file_name,
    file_row_number,
    source_name,
    ingest_date,
    generation_id
from ranked
where preference > 1
