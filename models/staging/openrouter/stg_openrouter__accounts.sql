with renamed as (

    {% for shape in landed_shapes('openrouter', 'accounts') -%}
    select
        'openrouter.accounts' as source_name,
        file_name,
        file_row_number,
        ingest_date,
        {{ pseudonymised('account_id') }} as account_key,
        upper(billing_country_code) as country_code,
        {{ landed_timestamp('updated_at', shape.types) }} as updated_at,
        raw_record
    from {{ shape.rows }} as landed
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from renamed
