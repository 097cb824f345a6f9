{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('file_key'),
        pre_hook=[
            "{{ check_staging(generation_adapters()) }}",
            "{{ note_days_of_stale_files(landed_file_parts(generation_adapters().values() | list)) }}",
            "{{ drop_stale_parts(landed_file_parts(generation_adapters().values() | list), 'file_key') }}"
        ],
        post_hook="{{ account_for_parts(generation_file_parts()) }}"
    )
}}

with landed_files as (

    select * from {{ ref('int_landed_files') }}

),

-- Source by source, since a raw record is made into text only where it is quarantined, and has its source's own columns.
{% for staging_model in generation_adapters() -%}
{%- set source_label = staging_model | replace('stg_', '') | replace('__generations', '') -%}
{{ source_label }}_records as (

    select {{ generation_columns() | join(', ') }}
    from {{ ref(staging_model) }}
    where {{ missing_parts(generation_file_parts(), 'file_name') if is_incremental() else 'true' }}

),

{{ source_label }}_counted_tokens as (

    select
        *,
        coalesce(prompt_tokens_native, prompt_tokens_normalized) as reported_prompt_tokens,
        coalesce(completion_tokens_native, completion_tokens_normalized) as reported_completion_tokens,
        coalesce(reasoning_tokens, 0) as reported_reasoning_tokens,
        coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0) as reported_cache_tokens
    from {{ source_label }}_records

),

{{ source_label }}_conventions as (

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
    from {{ source_label }}_counted_tokens

),

{{ source_label }}_canonical as (

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
    from {{ source_label }}_conventions

),

{{ source_label }}_judged as (

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
    from {{ source_label }}_canonical

),

{{ source_label }}_checked as (

    select
        -- where it came from
        landed_files.file_key,
        judged.file_row_number,
        judged.ingest_date,

        -- whether it is usable
        judged.quarantine_reason,
        case when judged.quarantine_reason is not null then {{ raw_record_text('judged.raw_record') }} end as raw_record,

        -- what it is
        judged.generation_id,
        {{ row_fingerprint(['judged.generation_id']) }} as generation_hash,
        {{ id_partition('judged.generation_id') }} as id_partition,
        judged.created_at,
        judged.event_date,
        judged.account_key,
        {{ row_fingerprint(['judged.account_key']) }} as account_hash,
        judged.model_slug,
        coalesce(judged.api_type, 'completions') = 'completions' as is_counted,
        judged.is_cancelled,
        judged.is_byok,
        judged.has_tools_provided,
        judged.finish_reason,
        judged.native_finish_reason,
        judged.prompt_language,

        -- tokens
        judged.prompt_tokens_normalized + judged.cache_tokens_to_add as prompt_tokens_normalized,
        judged.completion_tokens_normalized + judged.reasoning_tokens_to_add as completion_tokens_normalized,
        judged.prompt_tokens_native + judged.cache_tokens_to_add as prompt_tokens_native,
        judged.completion_tokens_native + judged.reasoning_tokens_to_add as completion_tokens_native,
        judged.reasoning_tokens,
        judged.cache_read_tokens,
        judged.cache_write_tokens,
        {{ cache_is_beside_prompt('judged.explained_convention') }} as is_cache_beside_prompt,
        {{ reasoning_is_beside_completion('judged.explained_convention') }} as is_reasoning_beside_completion,
        judged.reported_total_tokens is not null as is_token_convention_proven,

        -- US dollars
        coalesce(judged.spend_usd, 0) as spend_usd,
        judged.upstream_inference_cost_usd,
        judged.cache_discount_usd
    from {{ source_label }}_judged as judged
    inner join landed_files on judged.file_name = landed_files.file_name

),

{% endfor -%}
checked as (

    {% for staging_model in generation_adapters() -%}
    select * from {{ staging_model | replace('stg_', '') | replace('__generations', '') }}_checked
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from checked
