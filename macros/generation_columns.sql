{#- The canonical columns that every generation adapter's staging model has, in this order. -#}
{% macro generation_columns() %}
    {{ return([
        'source_name', 'file_name', 'file_row_number', 'ingest_date',
        'generation_id', 'created_at', 'account_key', 'model_slug', 'provider_name', 'app_id', 'api_type', 'router',
        'is_streamed', 'is_cancelled', 'is_byok', 'has_tools_provided', 'finish_reason', 'native_finish_reason',
        'prompt_language',
        'prompt_tokens_normalized', 'completion_tokens_normalized', 'prompt_tokens_native', 'completion_tokens_native',
        'reasoning_tokens', 'cache_read_tokens', 'cache_write_tokens', 'reported_total_tokens', 'token_convention',
        'spend_usd', 'upstream_inference_cost_usd', 'cache_discount_usd', 'latency_ms', 'generation_time_ms',
        'has_invalid_tokens', 'has_invalid_cost', 'has_invalid_value', 'raw_record',
    ]) }}
{% endmacro %}
