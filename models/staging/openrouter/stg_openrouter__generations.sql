with renamed as (

    {% for shape in landed_shapes('openrouter', 'generations') -%}
    select
        -- where it came from
        'openrouter.generations' as source_name,
        file_name,
        file_row_number,
        ingest_date,

        -- what it is
        id as generation_id,
        {{ landed_timestamp('created_at', shape.types) }} as created_at,
        {{ pseudonymised('account_id') }} as account_key,
        model as model_slug,
        provider_name,
        app_id,
        api_type,
        router,
        {{ landed_boolean('streamed', shape.types) }} as is_streamed,
        {{ landed_boolean('cancelled', shape.types) }} as is_cancelled,
        coalesce({{ landed_boolean('is_byok', shape.types) }}, false) as is_byok,
        {{ landed_boolean('tools_provided', shape.types) }} as has_tools_provided,
        {{ normalized_finish_reason('finish_reason') }} as finish_reason,
        {{ native_finish_reason('finish_reason', 'native_finish_reason') }} as native_finish_reason,
        prompt_language,

        -- tokens
        {{ landed_count('tokens_prompt', shape.types) }} as prompt_tokens_normalized,
        {{ landed_count('tokens_completion', shape.types) }} as completion_tokens_normalized,
        {{ landed_count('native_tokens_prompt', shape.types) }} as prompt_tokens_native,
        {{ landed_count('native_tokens_completion', shape.types) }} as completion_tokens_native,
        {{ landed_count('native_tokens_reasoning', shape.types) }} as reasoning_tokens,
        {{ landed_count('native_tokens_cached', shape.types) }} as cache_read_tokens,
        cast(null as bigint) as cache_write_tokens,
        cast(null as bigint) as reported_total_tokens,
        'cache_in_prompt,reasoning_in_completion' as token_convention,

        -- US dollars
        {{ landed_number('total_cost', shape.types) }} as spend_usd,
        {{ landed_number('upstream_inference_cost', shape.types) }} as upstream_inference_cost_usd,
        {{ landed_number('cache_discount', shape.types) }} as cache_discount_usd,

        -- milliseconds
        {{ landed_milliseconds('latency', shape.types) }} as latency_ms,
        {{ landed_milliseconds('generation_time', shape.types) }} as generation_time_ms,

        -- what could not be cast
        (
            {{ landed_count_is_invalid('tokens_prompt', shape.types) }}
            or {{ landed_count_is_invalid('tokens_completion', shape.types) }}
            or {{ landed_count_is_invalid('native_tokens_prompt', shape.types) }}
            or {{ landed_count_is_invalid('native_tokens_completion', shape.types) }}
            or {{ landed_count_is_invalid('native_tokens_reasoning', shape.types) }}
            or {{ landed_count_is_invalid('native_tokens_cached', shape.types) }}
        ) as has_invalid_tokens,
        (
            {{ landed_number_is_invalid('total_cost', shape.types) }}
            or {{ landed_number_is_invalid('upstream_inference_cost', shape.types) }}
        ) as has_invalid_cost,
        (
            {{ landed_number_is_invalid('cache_discount', shape.types) }}
            or {{ landed_boolean_is_invalid('streamed', shape.types) }}
            or {{ landed_boolean_is_invalid('cancelled', shape.types) }}
            or {{ landed_boolean_is_invalid('is_byok', shape.types) }}
            or {{ landed_boolean_is_invalid('tools_provided', shape.types) }}
            or {{ landed_number_is_invalid('latency', shape.types) }}
            or {{ landed_number_is_invalid('generation_time', shape.types) }}
        ) as has_invalid_value,
        raw_record
    from {{ shape.rows }} as landed
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from renamed
