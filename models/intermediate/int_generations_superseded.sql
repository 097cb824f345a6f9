-- depends_on: {{ ref('int_generation_file_days') }}
{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('id_partition'),
        pre_hook="{{ drop_changed_keys('int_generations_checked', 'generation_hash', 'int_generation_file_days') }}",
        post_hook="{{ account_for_keys('int_generations_checked') }}"
    )
}}

{% set is_compared = (
    is_changed_key('int_generations_checked', 'generation_hash', 'int_generation_file_days') if is_incremental() else 'true'
) -%}
-- The table is named anew each time, not once in a common expression, which DuckDB would write out whole, in all columns.
-- By the hash first, which is a number: nearly all records are alone with theirs. Ids are compared below.
with repeated_hashes as (

    select generation_hash
    from {{ ref('int_generations_checked') }}
    where
        quarantine_reason is null
        and {{ is_compared }}
    group by generation_hash
    having count(*) > 1

),

-- Where they are, so that of all records only days with repeated ones are read whole.
repeated_places as (

    select
        file_key,
        file_row_number,
        event_date
    from {{ ref('int_generations_checked') }}
    where
        quarantine_reason is null
        and {{ is_compared }}
        and generation_hash in (select repeated_hashes.generation_hash from repeated_hashes)

),

landed_files as (

    select * from {{ ref('int_landed_files') }}

),

repeated as (

    select
        usable.*,
        landed_files.source_name,
        landed_files.file_name
    from {{ ref('int_generations_checked') }} as usable
    inner join repeated_places
        on
            usable.event_date = repeated_places.event_date
            and usable.file_key = repeated_places.file_key
            and usable.file_row_number = repeated_places.file_row_number
    inner join landed_files on usable.file_key = landed_files.file_key
    {% if is_incremental() -%}
    -- By one column, so that DuckDB reads the others of changed keys alone.
    where {{ is_compared }}
    {%- endif %}

),

ranked as (

    select
        file_key,
        file_row_number,
        source_name,
        ingest_date,
        event_date,
        generation_id,
        generation_hash,
        id_partition,
        account_key,
        model_slug,
        -- Latest arrival, then most complete usage, then the content itself: never the order of reading.
        row_number() over preferred as preference,
        first_value(file_key) over preferred as kept_file_key
    from repeated
    window preferred as (
        partition by generation_id
        order by
            ingest_date desc,
            coalesce(prompt_tokens_native, prompt_tokens_normalized, 0)
            + coalesce(completion_tokens_native, completion_tokens_normalized, 0) desc,
            created_at desc,
            spend_usd desc,
            source_name asc,
            account_key asc,
            model_slug asc,
            prompt_tokens_native desc nulls last,
            completion_tokens_native desc nulls last,
            finish_reason asc nulls last,
            native_finish_reason asc nulls last,
            reasoning_tokens desc nulls last,
            cache_read_tokens desc nulls last,
            prompt_tokens_normalized desc nulls last,
            completion_tokens_normalized desc nulls last,
            is_byok desc,
            is_cancelled desc nulls last,
            has_tools_provided desc nulls last,
            prompt_language asc nulls last,
            is_counted desc,
            upstream_inference_cost_usd desc nulls last,
            cache_discount_usd desc nulls last,
            cache_write_tokens desc nulls last,
            is_cache_beside_prompt asc,
            is_reasoning_beside_completion asc,
            is_token_convention_proven asc,
            file_name desc,
            file_row_number desc
    )

)

select
    file_key,
    file_row_number,
    kept_file_key,
    source_name,
    ingest_date,
    event_date,
    generation_id,
    generation_hash,
    id_partition,
    account_key,
    model_slug
from ranked
where preference > 1
