with usage_daily as (

    select distinct model_slug from {{ ref('int_slug_usage_daily') }}

),

models as (

    select * from {{ ref('models') }}

),

aliases as (

    select * from {{ ref('model_aliases') }}

),

parsed as (

    select
        model_slug,
        split_part(model_slug, ':', 1) as slug_without_variant,
        coalesce(
            nullif(
                case
                    when position(':' in model_slug) > 0 then substring(model_slug, position(':' in model_slug) + 1)
                end,
                ''
            ),
            'standard'
        ) as model_variant
    from usage_daily

)

select
    parsed.model_slug,
    parsed.slug_without_variant,
    parsed.model_variant,
    coalesce(
        whole_slug_aliases.model_id,
        bare_slug_aliases.model_id,
        models.model_id,
        'unknown'
    ) as model_id
from parsed
left join aliases as whole_slug_aliases on parsed.model_slug = whole_slug_aliases.alias
left join aliases as bare_slug_aliases on parsed.slug_without_variant = bare_slug_aliases.alias
left join models on parsed.slug_without_variant = models.model_id
