{{ config(materialized='table', post_hook="{{ pass_on_premises('int_event_days') }}") }}

with event_days as (

    select * from {{ ref('int_event_days') }}

)

-- Where accounts are billed does not matter by month: another country of an old account is no reason to build its months anew.
select
    month_start,
    {{ row_fingerprint([
        'count(*)',
        'bit_xor(' ~ row_fingerprint(['event_date', 'record_version']) ~ ')',
    ]) }} as usage_version
from event_days
group by month_start
