{{ config(materialized='table') }}

with event_days as (

    select * from {{ ref('int_event_days') }}

)

select
    month_start,
    {{ row_fingerprint([
        'count(*)',
        'bit_xor(' ~ row_fingerprint(['event_date', 'usage_version']) ~ ')',
    ]) }} as usage_version
from event_days
group by month_start
