{% set signal_month = var('retention_signal_month', 3) -%}
{% if signal_month is not integer or signal_month < 1 -%}
    {{ exceptions.raise_compiler_error(
        "var retention_signal_month is '" ~ signal_month ~ "'. Set it to a whole number of months, 1 or more."
    ) }}
{%- endif %}

with retention as (

    select * from {{ ref('rpt_model_cohort_retention') }}

),

cohort_months as (

    select * from {{ ref('int_cohort_months') }}
    where {{ is_in_cohort('first_month', 'first_month_on_platform') }}

),

large_cohorts as (

    select
        model_id,
        cohort_month,
        cohort_size,
        is_left_censored,
        max(months_since) as observed_months
    from retention
    where cohort_size >= {{ var('min_cohort_size', 100) }}
    group by model_id, cohort_month, cohort_size, is_left_censored

),

-- Is the cohort above the model's others at the signal month?

at_signal_month as (

    select
        model_id,
        cohort_month,
        cohort_size,
        active_accounts,
        -- Left-censored cohorts are survivors of earlier months: nobody is compared with them.
        case when is_left_censored then 0 else cohort_size end as comparable_accounts,
        case when is_left_censored then 0 else active_accounts end as comparable_active_accounts
    from retention
    where months_since = {{ signal_month }}

),

against_others as (

    select
        model_id,
        cohort_month,
        cohort_size,
        active_accounts,
        cast(sum(comparable_accounts) over (partition by model_id) as bigint) - comparable_accounts as others_accounts,
        cast(sum(comparable_active_accounts) over (partition by model_id) as bigint)
        - comparable_active_accounts as others_active_accounts
    from at_signal_month

),

lifts as (

    select
        model_id,
        cohort_month,
        active_accounts,
        others_accounts,
        {{ share_of('active_accounts', 'cohort_size') }} as retention_rate,
        {{ share_of('others_active_accounts', 'others_accounts') }} as others_rate,
        {{ two_proportion_z('active_accounts', 'cohort_size', 'others_active_accounts', 'others_accounts') }} as lift_z,
        {{ two_proportion_z(
            'active_accounts', 'cohort_size', 'others_active_accounts', 'others_accounts', continuity=true
        ) }} as continuous_lift_z
    from against_others

),

-- Do accounts come back after they had gone?

rises as (

    select
        model_id,
        cohort_month,
        months_since,
        active_accounts,
        lag(active_accounts) over (partition by model_id, cohort_month order by months_since) as active_accounts_before
    from retention
    where months_since >= 1

),

ranked_rises as (

    -- Accounts rank as rates do, the cohort being the same, and have no rounding.
    select
        *,
        row_number() over (
            partition by model_id, cohort_month
            order by active_accounts - active_accounts_before desc, months_since asc
        ) as rise_rank
    from rises
    where active_accounts > active_accounts_before

),

largest_rises as (

    select * from ranked_rises
    where rise_rank = 1

),

active_in_both_months as (

    select
        largest_rises.model_id,
        largest_rises.cohort_month,
        cast(sum(cohort_months.also_active_month_before) as bigint) as accounts
    from largest_rises
    inner join cohort_months
        on
            largest_rises.model_id = cohort_months.model_id
            and largest_rises.cohort_month = cohort_months.first_month
            and largest_rises.months_since = {{ months_since('cohort_months.month_start', 'cohort_months.first_month') }}
    group by largest_rises.model_id, largest_rises.cohort_month

),

jumps as (

    select
        largest_rises.model_id,
        largest_rises.cohort_month,
        largest_rises.months_since as resurrection_month,
        largest_rises.active_accounts - largest_rises.active_accounts_before as risen_accounts,
        largest_rises.active_accounts - coalesce(active_in_both_months.accounts, 0) as returned_accounts,
        largest_rises.active_accounts_before - coalesce(active_in_both_months.accounts, 0) as gone_accounts
    from largest_rises
    left join active_in_both_months
        on
            largest_rises.model_id = active_in_both_months.model_id
            and largest_rises.cohort_month = active_in_both_months.cohort_month

),

-- Both together

statistics as (

    select
        large_cohorts.model_id,
        large_cohorts.cohort_month,
        large_cohorts.cohort_size,
        large_cohorts.is_left_censored,
        large_cohorts.observed_months,
        lifts.active_accounts,
        lifts.retention_rate,
        lifts.others_accounts,
        lifts.others_rate,
        lifts.retention_rate - lifts.others_rate as retention_lift,
        lifts.lift_z,
        lifts.continuous_lift_z,
        count(lifts.retention_rate) over (partition by large_cohorts.model_id) as cohorts_at_signal_month,
        {{ share_of('jumps.risen_accounts', 'large_cohorts.cohort_size') }} as resurrection_jump,
        jumps.resurrection_month,
        {{ mcnemar_z('jumps.returned_accounts', 'jumps.gone_accounts') }} as jump_z
    from large_cohorts
    left join lifts
        on
            large_cohorts.model_id = lifts.model_id
            and large_cohorts.cohort_month = lifts.cohort_month
    left join jumps
        on
            large_cohorts.model_id = jumps.model_id
            and large_cohorts.cohort_month = jumps.cohort_month

),

tested as (

    select
        model_id,
        cohort_month,
        cohort_size,
        is_left_censored,
        observed_months,
        active_accounts,
        retention_rate,
        others_accounts,
        others_rate,
        retention_lift,
        {{ two_sided_p_value('lift_z') }} as lift_p_value,
        -- A model has as many chances to have a lasting cohort by accident as it has cohorts (Bonferroni).
        least(1e0, cohorts_at_signal_month * {{ two_sided_p_value('continuous_lift_z') }}) as lift_p_value_of_model,
        resurrection_jump,
        resurrection_month,
        -- The largest of several rises was picked: as many chances to be large by accident (Bonferroni).
        least(1e0, (observed_months - 1) * {{ two_sided_p_value('jump_z') }}) as jump_p_value
    from statistics

)

select
    model_id,
    cohort_month,
    cohort_size,
    is_left_censored,
    observed_months,

    -- at the signal month
    active_accounts,
    retention_rate,
    others_accounts,
    others_rate,
    retention_lift,
    lift_p_value,
    case when lift_p_value is not null then lift_p_value_of_model end as lift_p_value_of_model,
    -- Rounded, so that 25 % against 20 % is a lift of 0.05 and not of 0.04999...
    case
        when retention_rate is not null then coalesce(round(retention_lift, 12) >= 0.05 and lift_p_value < 0.01, false)
    end as is_foundational,

    -- from one month to the next
    resurrection_jump,
    resurrection_month,
    case when resurrection_jump is not null then jump_p_value end as jump_p_value,
    coalesce(round(resurrection_jump, 12) >= 0.03 and jump_p_value < 0.01, false) as is_boomerang
from tested
