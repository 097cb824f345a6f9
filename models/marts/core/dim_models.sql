with models as (

    select * from {{ ref('models') }}

),

authors as (

    select * from {{ ref('dim_authors') }}

),

described as (

    select
        -- what it is called
        models.model_id,
        models.display_name,
        models.author_slug,
        models.family,

        -- where it comes from
        models.is_open_weights,
        case
            when not models.is_open_weights then 'closed'
            when authors.is_chinese then 'chinese_oss'
            else 'row_oss'
        end as source_type,

        -- how large it is, in billions of parameters
        models.total_parameters_b,
        models.active_parameters_b,
        {{ size_bucket('models.total_parameters_b') }} as size_bucket,

        -- what it can do
        models.is_reasoning,
        models.reasoning_from,
        models.reasoning_variant,

        -- when it was offered
        models.released_on,
        models.retired_on,
        models.is_landmark,

        models.hugging_face_id
    from models
    inner join authors on models.author_slug = authors.author_slug

),

unknown_model as (

    select
        'unknown' as model_id,
        'unknown' as display_name,
        'unknown' as author_slug,
        'unknown' as family,
        cast(null as boolean) as is_open_weights,
        'unknown' as source_type,
        cast(null as double) as total_parameters_b,
        cast(null as double) as active_parameters_b,
        'unknown' as size_bucket,
        false as is_reasoning,
        cast(null as date) as reasoning_from,
        cast(null as string) as reasoning_variant,
        cast(null as date) as released_on,
        cast(null as date) as retired_on,
        false as is_landmark,
        cast(null as string) as hugging_face_id

)

select * from described

union all

select * from unknown_model
