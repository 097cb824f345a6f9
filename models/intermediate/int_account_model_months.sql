-- depends_on: {{ ref('int_account_model_parts') }}
-- depends_on: {{ ref('int_generations_checked') }}
-- depends_on: {{ ref('int_generations_superseded') }}
{{
    config(
        materialized='incremental',
        incremental_strategy=spark_strategy(),
        partition_by=spark_partition('month_start'),
        pre_hook="{{ drop_touched_keys(period_parts('int_account_model_parts', 'part', 'version'), 'month_start', ['account_key', 'model_id'], premises_of('int_account_model_parts'), key='model_id', is_by_first_month=true) }}",
        post_hook="{{ account_for_touched_keys(period_parts('int_account_model_parts', 'part', 'version'), premises_of('int_account_model_parts')) }}"
    )
}}

{% set parts = period_parts('int_account_model_parts', 'part', 'version') -%}
with account_model_months as (

    select * from {{ ref('fct_account_model_months') }}

),

model_slugs as (

    select * from {{ ref('dim_model_slugs') }}

),

-- Slugs of one model (variants, dated names) are one model here.
active_months as (

    select
        account_model_months.month_start,
        account_model_months.account_key,
        model_slugs.model_id,
        cast(sum(account_model_months.generations) as bigint) as generations,
        cast(sum(account_model_months.total_tokens) as bigint) as total_tokens
    from account_model_months
    inner join model_slugs on account_model_months.model_slug = model_slugs.model_slug
    {% if is_incremental() -%}
    where
        {{ missing_parts(parts, 'account_model_months.month_start', key='model_slugs.model_id') }}
        and {{ is_touched(['account_model_months.account_key', 'model_slugs.model_id'], premises_of('int_account_model_parts')) }}
    {%- endif %}
    group by
        account_model_months.month_start,
        account_model_months.account_key,
        model_slugs.model_id

),

{% if is_incremental() -%}
-- What was first is known of the rows that stay: a part of an earlier month is built anew only with all later ones.
known_months as (

    select
        built.month_start,
        built.account_key,
        built.model_id
    from {{ this }} as built
    where
        (built.account_key, built.model_id) in (
            select
                active_months.account_key,
                active_months.model_id
            from active_months
        )

),

-- Of all their rows that stay, though those of the first month would do: so DuckDB looks rows up in the few accounts, and not
-- accounts in the many rows.
known_accounts as (

    select
        built.account_key,
        min(built.first_month_on_platform) as first_month_on_platform
    from {{ this }} as built
    where built.account_key in (select active_months.account_key from active_months)
    group by built.account_key

),

{% endif -%}
-- On a first build from the fact, which is read once more, instead of keeping all months in memory.
account_first_months as (

    select
        account_key,
        min(month_start) as first_month_on_platform
    from {{ 'active_months' if is_incremental() else 'account_model_months' }}
    group by account_key

),

all_months as (

    select
        month_start,
        account_key,
        model_id,
        generations,
        total_tokens
    from active_months
    {% if is_incremental() -%}
    union all
    select
        month_start,
        account_key,
        model_id,
        null as generations,
        null as total_tokens
    from known_months
    {%- endif %}

),

with_history as (

    select
        *,
        first_value(month_start) over (partition by account_key, model_id order by month_start asc) as first_month,
        lag(month_start) over (partition by account_key, model_id order by month_start asc) as month_before
    from all_months

)

select
    -- grain
    with_history.month_start,
    with_history.account_key,
    with_history.model_id,

    -- since when, and whether without a gap
    with_history.first_month,
    {% if is_incremental() -%}
    least(
        account_first_months.first_month_on_platform,
        coalesce(known_accounts.first_month_on_platform, account_first_months.first_month_on_platform)
    ) as first_month_on_platform,
    {%- else -%}
    account_first_months.first_month_on_platform,
    {%- endif %}
    coalesce(
        with_history.month_before = cast(with_history.month_start - interval '1' month as date), false
    ) as was_active_month_before,

    -- how much
    with_history.generations,
    with_history.total_tokens
from with_history
inner join account_first_months on with_history.account_key = account_first_months.account_key
{% if is_incremental() -%}
left join known_accounts on with_history.account_key = known_accounts.account_key
{% endif -%}
where with_history.generations is not null
{{ stored_by('with_history.month_start') if not is_incremental() }}
