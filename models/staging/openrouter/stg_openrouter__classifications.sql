with renamed as (

    {% for shape in landed_shapes('openrouter', 'classifications') -%}
    select
        'openrouter.classifications' as source_name,
        file_name,
        file_row_number,
        ingest_date,
        generation_id,
        path as category_path,
        {{ landed_number('confidence', shape.types) }} as confidence,
        {{ landed_timestamp('classified_at', shape.types) }} as classified_at,
        {{ landed_number_is_invalid('confidence', shape.types) }} as has_invalid_value,
        raw_record
    from {{ shape.rows }} as landed
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from renamed
