with landed as (

    select * from {{ landed_source('openrouter', 'accounts') }} as landed

),

renamed as (

    select
        'openrouter.accounts' as source_name,
        file_name,
        file_row_number,
        ingest_date,
        {{ pseudonymised('account_id') }} as account_key,
        upper(billing_country_code) as country_code,
        {{ landed_timestamp('updated_at') }} as updated_at,
        raw_record
    from landed

)

select * from renamed
