with renamed as (

    {% for shape in landed_shapes('openrouter_export', 'generations') -%}
    select
        -- where it came from
        'openrouter_export.generations' as source_name,
        file_name,
        file_row_number,
        arrived_on as ingest_date,

        -- what it is
        generation_id,
        created_at_utc as created_at,
        {{ pseudonymised('api_key_name') }} as account_key,
        case
            when variant is null or variant = 'standard' or position(':' in model_permaslug) > 0 then model_permaslug
            else model_permaslug || ':' || variant
        end as model_slug,
        provider_name,
        app_name as app_id,
        cast(null as string) as api_type,
        cast(null as string) as router,
        {{ landed_boolean('streamed', shape.types) }} as is_streamed,
        {{ landed_boolean('cancelled', shape.types) }} as is_cancelled,
        coalesce({{ landed_number('byok_usage_inference', shape.types) }} > 0, false) as is_byok,
        cast(null as boolean) as has_tools_provided,
        {{ normalized_finish_reason('finish_reason_normalized') }} as finish_reason,
        {{ native_finish_reason('finish_reason_normalized', 'finish_reason_raw') }} as native_finish_reason,
        cast(null as string) as prompt_language,

        -- tokens: the export shows the billed counts only
        cast(null as bigint) as prompt_tokens_normalized,
        cast(null as bigint) as completion_tokens_normalized,
        {{ landed_count('tokens_prompt', shape.types) }} as prompt_tokens_native,
        {{ landed_count('tokens_completion', shape.types) }} as completion_tokens_native,
        {{ landed_count('tokens_reasoning', shape.types) }} as reasoning_tokens,
        {{ landed_count('tokens_cached', shape.types) }} as cache_read_tokens,
        cast(null as bigint) as cache_write_tokens,
        cast(null as bigint) as reported_total_tokens,
        'cache_in_prompt,reasoning_in_completion' as token_convention,

        -- US dollars; the export states the effect on the cost, the generation record the saving
        {{ landed_number('cost_total', shape.types) }} as spend_usd,
        case
            when {{ landed_number('byok_usage_inference', shape.types) }} <> 0
                then {{ landed_number('byok_usage_inference', shape.types) }}
        end as upstream_inference_cost_usd,
        -{{ landed_number('cost_cache', shape.types) }} as cache_discount_usd,

        -- milliseconds
        {{ landed_milliseconds('time_to_first_token_ms', shape.types) }} as latency_ms,
        {{ landed_milliseconds('generation_time_ms', shape.types) }} as generation_time_ms,

        -- what could not be cast
        (
            {{ landed_count_is_invalid('tokens_prompt', shape.types) }}
            or {{ landed_count_is_invalid('tokens_completion', shape.types) }}
            or {{ landed_count_is_invalid('tokens_reasoning', shape.types) }}
            or {{ landed_count_is_invalid('tokens_cached', shape.types) }}
        ) as has_invalid_tokens,
        (
            {{ landed_number_is_invalid('cost_total', shape.types) }}
            or {{ landed_number_is_invalid('byok_usage_inference', shape.types) }}
        ) as has_invalid_cost,
        (
            {{ landed_number_is_invalid('cost_cache', shape.types) }}
            or {{ landed_number_is_invalid('cost_web_search', shape.types) }}
            or {{ landed_number_is_invalid('cost_file_processing', shape.types) }}
            or {{ landed_boolean_is_invalid('api_key_disabled', shape.types) }}
            or {{ landed_boolean_is_invalid('streamed', shape.types) }}
            or {{ landed_boolean_is_invalid('cancelled', shape.types) }}
            or {{ landed_number_is_invalid('time_to_first_token_ms', shape.types) }}
            or {{ landed_number_is_invalid('generation_time_ms', shape.types) }}
        ) as has_invalid_value,
        raw_record
    from (
        -- A downloaded file carries no arrival date of its own: the latest valid event day in it stands in.
        select
            *,
            coalesce(
                ingest_date,
                max(case
                    -- A day that is still to come is no valid one; tomorrow may be today elsewhere.
                    when
                        created_at_utc >= timestamp '{{ var("earliest_plausible_date") }} 00:00:00'
                        and cast(created_at_utc as date) <= cast(current_date + interval '1' day as date)
                        then cast(created_at_utc as date)
                end) over (partition by file_name),
                date '{{ var("earliest_plausible_date") }}'
            ) as arrived_on
        from (
            select
                *,
                {{ landed_timestamp('created_at', shape.types) }} as created_at_utc
            from {{ shape.rows }} as landed
        ) as timed
    ) as dated
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from renamed
