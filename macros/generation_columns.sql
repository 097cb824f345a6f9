{#- The adapters: {staging model: source}. Each has the canonical columns. -#}
{% macro generation_adapters() %}
    {{ return({
        'stg_openrouter__generations': 'openrouter.generations',
        'stg_openrouter_export__generations': 'openrouter_export.generations',
    }) }}
{% endmacro %}

{#- The landed files of all of them, as parts (build_in_parts). -#}
{% macro generation_file_parts() %}
    {{ return(staged_file_parts(generation_adapters())) }}
{% endmacro %}

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

{#-
    Partition of a generation id: the UTC day (days since 1970) in `gen-<unix seconds>-...`; an id of another form has one of 16
    negative numbers, by its hash. All copies of a record and all its labels are in one partition, and a partition's event days
    are few, so that what a late label or copy touches is known without looking for the record.
-#}
{% macro id_partition(generation_id) -%}
    case
        when
            substring({{ generation_id }}, 1, 4) = 'gen-'
            and substring({{ generation_id }}, 15, 1) = '-'
            and try_cast(substring({{ generation_id }}, 5, 10) as bigint) >= 0
            then cast(floor(try_cast(substring({{ generation_id }}, 5, 10) as bigint) / 86400) as bigint)
        else -1 - {{ row_fingerprint([generation_id]) }} % 16
    end
{%- endmacro %}
