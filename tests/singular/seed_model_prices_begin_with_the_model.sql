-- A row is a model whose first price period does not begin on the day of its release.
select
    models.model_id,
    models.released_on,
    min(model_prices.valid_from) as first_valid_from
from {{ ref('model_prices') }} as model_prices
inner join {{ ref('models') }} as models on model_prices.model_id = models.model_id
group by models.model_id, models.released_on
having coalesce(min(model_prices.valid_from) <> models.released_on, true)
