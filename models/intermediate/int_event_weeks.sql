{{ config(materialized='table', post_hook="{{ pass_on_premises('int_event_days') }}") }}

with event_days as (

    select * from {{ ref('int_event_days') }}

)

select
    {{ week_start('event_date') }} as week_start,
    {{ row_fingerprint([
        'count(*)',
        'bit_xor(' ~ row_fingerprint(['event_date', 'record_version']) ~ ')',
    ]) }} as usage_version
from event_days
group by {{ week_start('event_date') }}
