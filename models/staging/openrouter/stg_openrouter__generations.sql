with landed as (

    select * from {{ landed_source('openrouter', 'generations') }} as landed

),

renamed as (

    select
        -- where it came from
        'openrouter.generations' as source_name,
        file_name,
        file_row_number,
        ingest_date,

        -- what it is
        id as generation_id,
        {{ landed_timestamp('created_at') }} as created_at,
        {{ pseudonymised('account_id') }} as account_key,
        model as model_slug,
        provider_name,
        app_id,
        api_type,
        router,
        {{ landed_boolean('streamed') }} as is_streamed,
        {{ landed_boolean('cancelled') }} as is_cancelled,
        coalesce({{ landed_boolean('is_byok') }}, false) as is_byok,
        {{ landed_boolean('tools_provided') }} as has_tools_provided,
        {{ normalized_finish_reason('finish_reason') }} as finish_reason,
        {{ native_finish_reason('finish_reason', 'native_finish_reason') }} as native_finish_reason,
        prompt_language,

        -- tokens
        {{ landed_count('tokens_prompt') }} as prompt_tokens_normalized,
        {{ landed_count('tokens_completion') }} as completion_tokens_normalized,
        {{ landed_count('native_tokens_prompt') }} as prompt_tokens_native,
        {{ landed_count('native_tokens_completion') }} as completion_tokens_native,
        {{ landed_count('native_tokens_reasoning') }} as reasoning_tokens,
        {{ landed_count('native_tokens_cached') }} as cache_read_tokens,
        cast(null as bigint) as cache_write_tokens,
        cast(null as bigint) as reported_total_tokens,
        'cache_in_prompt,reasoning_in_completion' as token_convention,

        -- US dollars
        {{ landed_number('total_cost') }} as spend_usd,
        {{ landed_number('upstream_inference_cost') }} as upstream_inference_cost_usd,
        {{ landed_number('cache_discount') }} as cache_discount_usd,

        -- milliseconds
        {{ landed_milliseconds('latency') }} as latency_ms,
        {{ landed_milliseconds('generation_time') }} as generation_time_ms,

        -- what could not be cast
        (
            {{ landed_count_is_invalid('tokens_prompt') }}
            or {{ landed_count_is_invalid('tokens_completion') }}
            or {{ landed_count_is_invalid('native_tokens_prompt') }}
            or {{ landed_count_is_invalid('native_tokens_completion') }}
            or {{ landed_count_is_invalid('native_tokens_reasoning') }}
            or {{ landed_count_is_invalid('native_tokens_cached') }}
        ) as has_invalid_tokens,
        (
            {{ landed_number_is_invalid('total_cost') }}
            or {{ landed_number_is_invalid('upstream_inference_cost') }}
        ) as has_invalid_cost,
        (
            {{ landed_number_is_invalid('cache_discount') }}
            or {{ landed_boolean_is_invalid('streamed') }}
            or {{ landed_boolean_is_invalid('cancelled') }}
            or {{ landed_boolean_is_invalid('is_byok') }}
            or {{ landed_boolean_is_invalid('tools_provided') }}
            or {{ landed_number_is_invalid('latency') }}
            or {{ landed_number_is_invalid('generation_time') }}
        ) as has_invalid_value,
        raw_record
    from landed

)

select * from renamed
