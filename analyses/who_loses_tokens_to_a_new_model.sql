{#-
    Question: which models lose tokens to which, after a release?

    How to read it: one row a landmark model and a model that its adopters used before. Adopters are the accounts that used the
    new model in its release month or the month after, and were there in the month before the release. Their mix of the
    month before is compared with that of the second month after: change is in points of the adopters' own tokens, and
    change_of_everybody is what happened to the same model among all accounts that were there in both months. A model
    whose change is far below change_of_everybody lost to the new one; where both fall alike, the new model is not the
    reason. adopters says how many accounts it rests on: below a few dozen it is an anecdote.
-#}
with landmarks as (

    select
        model_id,
        {{ month_start('released_on') }} as release_month,
        cast({{ month_start('released_on') }} - interval '1' month as date) as month_before,
        cast({{ month_start('released_on') }} + interval '1' month as date) as month_after,
        cast({{ month_start('released_on') }} + interval '2' month as date) as compared_month
    from {{ ref('dim_models') }}
    where is_landmark

),

account_months as (

    select
        months.month_start,
        months.account_key,
        model_slugs.model_id,
        sum(months.total_tokens) as total_tokens
    from {{ ref('fct_account_model_months') }} as months
    inner join {{ ref('dim_model_slugs') }} as model_slugs on months.model_slug = model_slugs.model_slug
    group by months.month_start, months.account_key, model_slugs.model_id

),

present as (

    -- Accounts that were there in the month before and in the compared month.
    select
        landmarks.model_id as landmark_id,
        account_months.account_key
    from landmarks
    inner join account_months
        on account_months.month_start in (landmarks.month_before, landmarks.compared_month)
    group by landmarks.model_id, account_months.account_key
    having count(distinct account_months.month_start) = 2

),

adopters as (

    select distinct
        landmarks.model_id as landmark_id,
        account_months.account_key
    from landmarks
    inner join account_months
        on
            landmarks.model_id = account_months.model_id
            and account_months.month_start in (landmarks.release_month, landmarks.month_after)

),

panel as (

    select
        present.landmark_id,
        present.account_key,
        adopters.account_key is not null as is_adopter
    from present
    left join adopters
        on
            present.landmark_id = adopters.landmark_id
            and present.account_key = adopters.account_key

),

mixes as (

    select
        panel.landmark_id,
        account_months.model_id,
        sum(case when is_before.flag and panel.is_adopter then account_months.total_tokens else 0 end) as adopters_before,
        sum(case when not is_before.flag and panel.is_adopter then account_months.total_tokens else 0 end) as adopters_after,
        sum(case when is_before.flag then account_months.total_tokens else 0 end) as everybody_before,
        sum(case when not is_before.flag then account_months.total_tokens else 0 end) as everybody_after
    from panel
    inner join landmarks on panel.landmark_id = landmarks.model_id
    inner join account_months on panel.account_key = account_months.account_key
    inner join (values (true), (false)) as is_before (flag)
        on account_months.month_start = case when is_before.flag then landmarks.month_before else landmarks.compared_month end
    group by panel.landmark_id, account_months.model_id

),

shares as (

    select
        landmark_id,
        model_id,
        {{ share_of('adopters_before', 'sum(adopters_before) over (partition by landmark_id)') }} as share_before,
        {{ share_of('adopters_after', 'sum(adopters_after) over (partition by landmark_id)') }} as share_after,
        {{ share_of('everybody_after', 'sum(everybody_after) over (partition by landmark_id)') }}
        - {{ share_of('everybody_before', 'sum(everybody_before) over (partition by landmark_id)') }} as change_of_everybody
    from mixes

),

adopter_counts as (

    select
        landmark_id,
        count(*) as adopters
    from panel
    where is_adopter
    group by landmark_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by landmark_id
            order by share_after - share_before asc nulls last, model_id asc
        ) as loss_rank
    from shares
    where
        share_before > 0
        and model_id <> landmark_id

)

select
    ranked.landmark_id,
    adopter_counts.adopters,
    ranked.model_id,
    round(ranked.share_before, 4) as share_before,
    round(ranked.share_after, 4) as share_after,
    round(ranked.share_after - ranked.share_before, 4) as change,
    round(ranked.change_of_everybody, 4) as change_of_everybody
from ranked
inner join adopter_counts on ranked.landmark_id = adopter_counts.landmark_id
where ranked.loss_rank <= 5
order by ranked.landmark_id asc, ranked.loss_rank asc
