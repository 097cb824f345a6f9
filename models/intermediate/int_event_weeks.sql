{{ config(materialized='table') }}

with event_days as (

    select * from {{ ref('int_event_days') }}

),

finish_reasons as (

    select * from {{ ref('finish_reasons') }}

),

weeks as (

    select
        {{ week_start('event_date') }} as week_start,
        {{ row_fingerprint([
            'count(*)',
            'bit_xor(' ~ row_fingerprint(['event_date', 'record_version']) ~ ')',
        ]) }} as usage_version
    from event_days
    group by {{ week_start('event_date') }}

),

mapped_reasons as (

    select bit_xor({{ row_fingerprint(['native_finish_reason', 'finish_reason']) }}) as fingerprint
    from finish_reasons

)

select
    weeks.week_start,
    weeks.usage_version,
    {{ row_fingerprint(['weeks.usage_version', 'mapped_reasons.fingerprint']) }} as tool_call_version
from weeks
cross join mapped_reasons
