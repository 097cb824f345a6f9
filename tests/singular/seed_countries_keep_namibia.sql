-- Fails if Namibia is not there exactly once: a reader has taken its code NA for a missing value, and its accounts
-- would be billed from nowhere.
select count(*) as namibias
from {{ ref('countries') }}
where
    country_code = 'NA'
    and country_name = 'Namibia'
    and continent = 'Africa'
having count(*) <> 1
