with cohort_months as (

    select * from {{ ref('int_cohort_months') }}
    where {{ is_in_cohort('first_month', 'first_month_on_platform') }}

),

loaded_months as (

    select * from {{ ref('int_loaded_months') }}

),

cohorts as (

    select
        model_id,
        first_month as cohort_month,
        cast(sum(active_accounts) as bigint) as cohort_size
    from cohort_months
    where month_start = first_month
    group by model_id, first_month

),

observable_cells as (

    select
        cohorts.model_id,
        cohorts.cohort_month,
        {{ months_since('loaded_months.month_start', 'cohorts.cohort_month') }} as months_since,
        cohorts.cohort_size
    from cohorts
    inner join loaded_months on cohorts.cohort_month <= loaded_months.month_start
    where loaded_months.is_loaded_to_end

),

active_accounts as (

    select
        model_id,
        first_month as cohort_month,
        {{ months_since('month_start', 'first_month') }} as months_since,
        cast(sum(active_accounts) as bigint) as active_accounts
    from cohort_months
    group by model_id, first_month, month_start

),

cells as (

    -- Of an observed month in which nobody came back there is no activity to join: zero, not absent.
    select
        observable_cells.model_id,
        observable_cells.cohort_month,
        observable_cells.months_since,
        observable_cells.cohort_size,
        coalesce(active_accounts.active_accounts, 0) as active_accounts
    from observable_cells
    left join active_accounts
        on
            observable_cells.model_id = active_accounts.model_id
            and observable_cells.cohort_month = active_accounts.cohort_month
            and observable_cells.months_since = active_accounts.months_since

)

select
    cells.model_id,
    cells.cohort_month,
    cells.months_since,
    cells.cohort_size,
    cells.active_accounts,
    {{ share_of('cells.active_accounts', 'cells.cohort_size') }} as retention_rate,
    {{ wilson_low('cells.active_accounts', 'cells.cohort_size') }} as retention_low,
    {{ wilson_high('cells.active_accounts', 'cells.cohort_size') }} as retention_high,
    loaded_months.is_first_loaded_month as is_left_censored
from cells
inner join loaded_months on cells.cohort_month = loaded_months.month_start
