{{ config(materialized='table' if target.type == 'spark' else 'view') }}

with usage_daily as (

    select * from {{ ref('fct_usage_daily') }}

),

model_usage_daily as (

    select * from {{ ref('int_model_usage_daily') }}

),

models as (

    select * from {{ ref('dim_models') }}

),

countries as (

    select * from {{ ref('dim_countries') }}

),

prompt_languages as (

    select * from {{ ref('int_prompt_languages') }}

),

finish_reasons as (

    select * from {{ ref('finish_reasons') }}

),

-- What a slug means on a day is written in int_model_usage_daily, and only there.
model_days as (

    select distinct
        event_date,
        model_slug,
        model_id,
        model_variant,
        is_reasoning_model,
        is_free_access
    from model_usage_daily

),

usage_with_meaning as (

    select
        usage_daily.event_date,
        model_days.model_id,
        model_days.model_variant,
        model_days.is_reasoning_model,
        model_days.is_free_access,
        coalesce(countries.country_code, 'unknown') as country_code,
        prompt_languages.language_code,
        {{ mapped_finish_reason('usage_daily', 'finish_reasons') }} as finish_reason,
        usage_daily.is_byok,
        usage_daily.generations,
        usage_daily.zero_token_generations,
        usage_daily.cancelled_generations,
        usage_daily.tools_provided_generations,
        usage_daily.tools_unknown_generations,
        usage_daily.total_tokens,
        usage_daily.prompt_tokens,
        usage_daily.completion_tokens,
        usage_daily.uncached_input_tokens,
        usage_daily.cache_read_tokens,
        usage_daily.cache_write_tokens,
        usage_daily.visible_output_tokens,
        usage_daily.reasoning_tokens,
        usage_daily.tools_provided_tokens,
        usage_daily.spend_usd,
        usage_daily.upstream_inference_cost_usd,
        usage_daily.cache_discount_usd
    from usage_daily
    inner join model_days
        on
            usage_daily.event_date = model_days.event_date
            and usage_daily.model_slug = model_days.model_slug
    inner join prompt_languages on usage_daily.prompt_language = prompt_languages.prompt_language
    left join countries on usage_daily.country_code = countries.country_code
    left join finish_reasons on usage_daily.native_finish_reason = finish_reasons.native_finish_reason

),

rolled_up as (

    select
        event_date,
        model_id,
        model_variant,
        is_reasoning_model,
        is_free_access,
        country_code,
        language_code,
        finish_reason,
        is_byok,
        cast(sum(generations) as bigint) as generations,
        cast(sum(zero_token_generations) as bigint) as zero_token_generations,
        cast(sum(cancelled_generations) as bigint) as cancelled_generations,
        cast(sum(tools_provided_generations) as bigint) as tools_provided_generations,
        cast(sum(tools_unknown_generations) as bigint) as tools_unknown_generations,
        cast(sum(total_tokens) as bigint) as total_tokens,
        cast(sum(prompt_tokens) as bigint) as prompt_tokens,
        cast(sum(completion_tokens) as bigint) as completion_tokens,
        cast(sum(uncached_input_tokens) as bigint) as uncached_input_tokens,
        cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
        cast(sum(cache_write_tokens) as bigint) as cache_write_tokens,
        cast(sum(visible_output_tokens) as bigint) as visible_output_tokens,
        cast(sum(reasoning_tokens) as bigint) as reasoning_tokens,
        cast(sum(tools_provided_tokens) as bigint) as tools_provided_tokens,
        {{ sum_usd('spend_usd') }} as spend_usd,
        {{ sum_usd('upstream_inference_cost_usd') }} as upstream_inference_cost_usd,
        {{ sum_usd('cache_discount_usd') }} as cache_discount_usd
    from usage_with_meaning
    group by
        event_date,
        model_id,
        model_variant,
        is_reasoning_model,
        is_free_access,
        country_code,
        language_code,
        finish_reason,
        is_byok

),

-- What follows from a day, a country or a model is joined to the roll-up, which has fewer rows and so fewer keys.
with_labels as (

    select
        rolled_up.*,
        {{ week_start('rolled_up.event_date') }} as week_start,
        {{ in_study_window('rolled_up.event_date') }} as is_in_study_window,
        coalesce(countries.region, 'unknown') as region,
        models.source_type,
        models.source_type in ('chinese_oss', 'row_oss') as is_open_source,
        models.size_bucket,
        rolled_up.finish_reason = 'tool_calls' as is_tool_call,
        {{ enters_cost_metrics('rolled_up.is_byok', 'rolled_up.is_free_access') }} as is_priced,
        {{ months_since(month_start('rolled_up.event_date'), month_start('models.released_on')) }} as months_since_release
    from rolled_up
    inner join models on rolled_up.model_id = models.model_id
    left join countries on rolled_up.country_code = countries.country_code

),

-- What shares of a week are taken of: additive over a week's rows, since each row carries its own part of the week. From
-- the marts' roll-up: small, and so that the rows above are made once.
week_totals as (

    select
        week_start,
        cast(sum(total_tokens) as bigint) as week_tokens,
        cast(sum(case when is_open_source then total_tokens else 0 end) as bigint) as week_oss_tokens,
        cast(
            sum(case when is_reasoning_model and not is_free_access then total_tokens else 0 end) as bigint
        ) as week_reasoning_tokens,
        cast(sum(case when is_tool_call then total_tokens else 0 end) as bigint) as week_tool_call_tokens,
        {{ sum_usd('spend_usd', condition=enters_cost_metrics('is_byok', 'is_free_access')) }} as week_spend_usd
    from model_usage_daily
    group by week_start

),

window_totals as (

    select
        cast(sum(total_tokens) as bigint) as window_tokens,
        cast(sum(case when is_open_source then total_tokens else 0 end) as bigint) as window_oss_tokens
    from model_usage_daily
    where is_in_study_window

)

select
    -- grain
    with_labels.event_date,
    with_labels.model_id,
    with_labels.model_variant,
    with_labels.country_code,
    with_labels.language_code,
    with_labels.finish_reason,
    with_labels.is_byok,

    -- when
    with_labels.week_start,
    with_labels.is_in_study_window,
    with_labels.months_since_release,

    -- which model
    with_labels.source_type,
    with_labels.is_open_source,
    with_labels.size_bucket,

    -- what kind of use
    with_labels.region,
    with_labels.is_reasoning_model,
    with_labels.is_tool_call,
    with_labels.is_free_access,
    with_labels.is_priced,

    -- counts
    with_labels.generations,
    with_labels.zero_token_generations,
    with_labels.cancelled_generations,
    with_labels.tools_provided_generations,
    with_labels.tools_unknown_generations,

    -- tokens
    with_labels.total_tokens,
    with_labels.prompt_tokens,
    with_labels.completion_tokens,
    with_labels.uncached_input_tokens,
    with_labels.cache_read_tokens,
    with_labels.cache_write_tokens,
    with_labels.visible_output_tokens,
    with_labels.reasoning_tokens,
    with_labels.tools_provided_tokens,

    -- US dollars
    with_labels.spend_usd,
    with_labels.upstream_inference_cost_usd,
    with_labels.cache_discount_usd,

    -- what shares are taken of
    week_totals.week_tokens,
    week_totals.week_oss_tokens,
    week_totals.week_reasoning_tokens,
    week_totals.week_tool_call_tokens,
    week_totals.week_spend_usd,
    window_totals.window_tokens,
    window_totals.window_oss_tokens
from with_labels
inner join week_totals on with_labels.week_start = week_totals.week_start
cross join window_totals
