with landed as (

    select * from {{ landed_source('openrouter', 'classifications') }} as landed

),

renamed as (

    select
        'openrouter.classifications' as source_name,
        file_name,
        file_row_number,
        ingest_date,
        generation_id,
        path as category_path,
        {{ landed_number('confidence') }} as confidence,
        {{ landed_timestamp('classified_at') }} as classified_at,
        {{ landed_number_is_invalid('confidence') }} as has_invalid_value,
        raw_record
    from landed

)

select * from renamed
