with signals as (

    select * from {{ ref('rpt_model_cohort_signals') }}

),

eligible_cohorts as (

    select
        *,
        row_number() over (partition by model_id order by cohort_month asc) as cohort_number,
        is_foundational and lift_p_value_of_model < 0.01 as is_confirmed
    from signals
    where
        retention_rate is not null
        -- Many models under one name: their cohorts say nothing about any of them.
        and model_id <> 'unknown'

),

models as (

    select
        model_id,
        count(*) as cohorts,
        cast(count(*) filter (where is_foundational) as bigint) as foundational_cohorts,
        cast(count(*) filter (where is_confirmed) as bigint) as confirmed_cohorts,
        cast(count(*) filter (where is_boomerang) as bigint) as boomerang_cohorts,
        {{ share_of('sum(active_accounts)', 'sum(cohort_size)') }} as pooled_signal_rate,
        count(*) filter (where cohort_number = 1 and is_foundational and not is_left_censored) = 1 as is_foundational_from_launch
    from eligible_cohorts
    group by model_id
    having count(*) >= 3

)

select
    model_id,
    cohorts,
    foundational_cohorts,
    confirmed_cohorts,
    boomerang_cohorts,
    pooled_signal_rate,
    case
        when confirmed_cohorts >= 1 and foundational_cohorts = 1 and is_foundational_from_launch then 'dominant_launch'
        when confirmed_cohorts >= 1 then 'foundational'
        when boomerang_cohorts >= 1 then 'boomerang'
        when pooled_signal_rate < {{ var('no_fit_max_rate', 0.15) }} then 'no_fit'
        else 'unsettled'
    end as archetype
from models
