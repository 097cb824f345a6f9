{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ drop_changed_keys('int_classifications_checked', 'label_hash') }}",
        post_hook="{{ account_for_keys('int_classifications_checked') }}"
    )
}}

with checked as (

    select * from {{ ref('int_classifications_checked') }}
    where {{ is_changed_key('int_classifications_checked', 'label_hash') if is_incremental() else 'true' }}

),

ranked as (

    select
        file_key,
        file_name,
        file_row_number,
        source_name,
        ingest_date,
        label_hash,
        generation_id,
        category_path,
        row_number() over preferred as preference,
        first_value(file_key) over preferred as kept_file_key
    from checked
    where quarantine_reason is null
    window preferred as (
        partition by generation_id, category_path
        order by
            ingest_date desc,
            classified_at desc,
            confidence desc nulls last,
            file_name desc,
            file_row_number desc
    )

)

select
    file_key,
    file_name,
    file_row_number,
    kept_file_key,
    source_name,
    ingest_date,
    label_hash,
    generation_id,
    category_path
from ranked
where preference > 1
