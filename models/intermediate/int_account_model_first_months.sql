{{ config(materialized='table') }}

{% set cohort_basis = var('retention_cohort_basis', 'model') -%}
{% if cohort_basis not in ['model', 'platform'] -%}
    {{ exceptions.raise_compiler_error(
        "var retention_cohort_basis is '" ~ cohort_basis ~ "'. Set it to model or platform."
    ) }}
{%- endif %}

with account_model_months as (

    select * from {{ ref('fct_account_model_months') }}

),

model_slugs as (

    select * from {{ ref('dim_model_slugs') }}

),

first_months as (

    select
        account_model_months.account_key,
        model_slugs.model_id,
        min(account_model_months.month_start) as first_month,
        cast(sum(account_model_months.generations) as bigint) as generations
    from account_model_months
    inner join model_slugs on account_model_months.model_slug = model_slugs.model_slug
    group by account_model_months.account_key, model_slugs.model_id

),

with_platform as (

    select
        account_key,
        model_id,
        first_month,
        min(first_month) over (partition by account_key) as first_month_on_platform,
        generations
    from first_months

)

select
    account_key,
    model_id,
    first_month,
    first_month_on_platform,
    {% if cohort_basis == 'platform' -%}
    -- Who came to the model in a later month is in no cohort of it: month 0 is 1, and no cohort grows afterwards.
    case when first_month = first_month_on_platform then first_month_on_platform end as cohort_month,
    {%- else -%}
    first_month as cohort_month,
    {%- endif %}
    generations
from with_platform
