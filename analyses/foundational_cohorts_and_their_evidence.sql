{#-
    Question: which cohort of which model is foundational, and on what evidence?

    How to read it: one row a cohort that passes the rule of rpt_model_cohort_signals (a lift of at least 5 points over the
    model's other cohorts at the signal month, p < 0.01), with its curve for six months beside the pooled curve of the
    other cohorts. A real one stays above in every month; one whose gap_last closes was a burst. retention_low is the
    lower end of the 95 % interval at the signal month: compare it with others_rate. tests_made is the number of cohorts
    that were tested: at p < 0.01, one in a hundred passes the test by chance, the lift of 5 points apart.
-#}
with signals as (

    select * from {{ ref('rpt_model_cohort_signals') }}

),

retention as (

    select * from {{ ref('rpt_model_cohort_retention') }}

),

archetypes as (

    select * from {{ ref('rpt_model_retention_archetypes') }}

),

tests as (

    select count(*) as tests_made
    from signals
    where lift_p_value is not null

),

foundational as (

    select * from signals
    where is_foundational

),

curves as (

    select
        foundational.model_id,
        foundational.cohort_month,
        own.months_since,
        own.retention_rate,
        own.retention_low,
        {{ share_of('sum(others.active_accounts)', 'sum(others.cohort_size)') }} as others_rate
    from foundational
    inner join retention as own
        on
            foundational.model_id = own.model_id
            and foundational.cohort_month = own.cohort_month
    left join retention as others
        on
            own.model_id = others.model_id
            and own.months_since = others.months_since
            and own.cohort_month <> others.cohort_month
            and not others.is_left_censored
    where own.months_since between 1 and 6
    group by
        foundational.model_id,
        foundational.cohort_month,
        own.months_since,
        own.retention_rate,
        own.retention_low

),

flattened as (

    select
        model_id,
        cohort_month,
        max(retention_rate) filter (where months_since = 1) as month_1,
        max(retention_rate) filter (where months_since = 3) as month_3,
        max(retention_rate) filter (where months_since = 5) as month_5,
        max(retention_low) filter (where months_since = {{ var('retention_signal_month', 3) }}) as retention_low,
        min(retention_rate - others_rate) as smallest_gap,
        max_by(retention_rate - others_rate, months_since) as gap_last
    from curves
    group by model_id, cohort_month

)

select
    foundational.model_id,
    archetypes.archetype,
    foundational.cohort_month,
    foundational.cohort_size,
    round(foundational.retention_rate, 3) as signal_rate,
    round(flattened.retention_low, 3) as retention_low,
    round(foundational.others_rate, 3) as others_rate,
    round(foundational.retention_lift, 3) as retention_lift,
    foundational.lift_p_value,
    round(flattened.month_1, 3) as month_1,
    round(flattened.month_3, 3) as month_3,
    round(flattened.month_5, 3) as month_5,
    round(flattened.smallest_gap, 3) as smallest_gap,
    round(flattened.gap_last, 3) as gap_last,
    tests.tests_made
from foundational
cross join tests
left join flattened
    on
        foundational.model_id = flattened.model_id
        and foundational.cohort_month = flattened.cohort_month
left join archetypes on foundational.model_id = archetypes.model_id
order by foundational.retention_lift desc, foundational.model_id asc, foundational.cohort_month asc
