with account_countries as (

    select * from {{ ref('int_account_countries') }}

)

select
    account_key,
    country_code
from account_countries
