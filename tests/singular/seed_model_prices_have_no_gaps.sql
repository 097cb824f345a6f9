-- A row is a price period that does not end on the day before the model's next one begins: traffic of the days between would
-- have no price, or the model an open period in the middle.
with periods as (

    select
        model_id,
        valid_from,
        valid_to,
        lead(valid_from) over (partition by model_id order by valid_from) as next_valid_from
    from {{ ref('model_prices') }}

)

select *
from periods
where
    next_valid_from is not null
    and coalesce(cast(valid_to + interval '1' day as date) <> next_valid_from, true)
