{{ config(materialized='table') }}

with generations as (

    select * from {{ ref('int_counted_generations') }}

),

labels as (

    select * from {{ ref('int_classification_labels') }}

),

usage_by_day as (

    select
        event_date,
        count(*) as generations,
        bit_xor({{ row_fingerprint([
            'generation_id', 'created_at', 'account_key', 'model_slug', 'country_code', 'prompt_language', 'finish_reason',
            'native_finish_reason', 'is_byok', 'is_cancelled', 'has_tools_provided', 'prompt_tokens', 'completion_tokens',
            'cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens', 'spend_usd', 'upstream_inference_cost_usd',
            'cache_discount_usd',
        ]) }}) as fingerprint
    from generations
    group by event_date

),

labels_by_day as (

    select
        generations.event_date,
        count(*) as labels,
        bit_xor({{ row_fingerprint([
            'labels.generation_id', 'labels.category_path', 'labels.is_primary', 'labels.label_weight',
        ]) }}) as fingerprint
    from labels
    inner join generations on labels.generation_id = generations.generation_id
    group by generations.event_date

)

select
    usage_by_day.event_date,
    {{ month_start('usage_by_day.event_date') }} as month_start,
    usage_by_day.generations,
    concat_ws('|', cast(usage_by_day.generations as string), cast(usage_by_day.fingerprint as string)) as usage_version,
    -- Null on a day without labels: such a day has no rows to keep.
    case
        when labels_by_day.labels is not null
            then concat_ws(
                '|',
                cast(usage_by_day.generations as string),
                cast(usage_by_day.fingerprint as string),
                cast(labels_by_day.labels as string),
                cast(labels_by_day.fingerprint as string)
            )
    end as label_version
from usage_by_day
left join labels_by_day on usage_by_day.event_date = labels_by_day.event_date
