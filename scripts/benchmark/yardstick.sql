-- The yardstick: the project's fact and mart tables from the same landing in one hand-written DuckDB script, without dbt, tests or
-- incremental state. It is what a competent analyst writes in an afternoon to be quick in bounded memory, and what the ratios in
-- BENCHMARKS.md are ratios to.
--
-- How it is quick: every raw record is read in full once; an account id is hashed once, not once a record; only ids that occur twice
-- are ranked; the table of checked records is narrow (ids stay only where something is still to be looked up by them).
--
-- Facts and trust tables are written by hand and equal the project's row for row, except for usage_version and label_version
-- (tests/python/test_benchmark.py). All other marts are the project's own compiled statements, run in the order of their dependencies
-- by yardstick.py: small tables over these facts, of which a second hand-written copy would only be a second thing to keep right.
--
-- Its limits: Parquet of the contract's types, or of text throughout; at least one file of accounts, classifications and typed
-- generations; no activity export; the project's default options (native tokens, primary labels).
--
-- Session variables: landing (folder), pseudonym_key. Memory limit, threads and the folder of spills are the connection's.

create schema raw;
create schema intermediate;
create schema marts;

-- One file may hold types and the next text; read together, all would be text. Hence two readers. Where no file is text, the
-- second reads a file of the first, and keeps no row of it.
set variable generation_files = getvariable('landing') || '/openrouter/generations/*/*.parquet';
set variable typed_files = (
    select list(file_name) from parquet_schema(getvariable('generation_files'))
    where lower(name) = 'created_at' and type <> 'BYTE_ARRAY'
);
set variable text_files = (
    select coalesce(list(file_name), cast([] as varchar[])) from parquet_schema(getvariable('generation_files'))
    where lower(name) = 'created_at' and type = 'BYTE_ARRAY'
);
set variable second_reader = (
    select case when len(getvariable('text_files')) > 0 then getvariable('text_files') else getvariable('typed_files')[1:1] end
);

-- Blank text is null. Trimming every value would cost as much as reading it: only what begins or ends with a blank is trimmed.
create macro clean(value) as
    case
        when value[1] <= ' ' or value[-1] <= ' ' then nullif(trim(value, ' ' || chr(9) || chr(10) || chr(13)), '')
        else value
    end;
create macro ingest_day(file) as cast(regexp_extract(file, '/ingest_date=([0-9]{4}-[0-9]{2}-[0-9]{2})/', 1) as date);
create macro pseudonym(account_id) as
    cast(substring(sha256(getvariable('pseudonym_key') || ':' || account_id), 1, 32) as uuid);

-- Values of text files. Sums have to fit, so a trillion of anything is an accident.
create macro number_in(value) as case when abs(try_cast(value as double)) < 1e12 then try_cast(value as double) end;
create macro count_in(value) as
    case when number_in(value) >= 0 and number_in(value) = floor(number_in(value)) then cast(number_in(value) as bigint) end;
create macro flag_in(value) as
    coalesce(try_cast(value as boolean), case try_cast(value as double) when 1 then true when 0 then false end);
create macro with_zone(value) as
    case
        when regexp_full_match(value, '[0-9]{4}-[0-9]{2}-[0-9]{2}') then value || ' 00:00:00+00'
        when regexp_full_match(value, '[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}') then value || ':00+00'
        when regexp_matches(value, '(Z| ?[A-Za-z][A-Za-z0-9_/+-]*|[+-][0-9]{2}(:?[0-9]{2}){0,2})$') then value
        else value || '+00'
    end;
create macro time_in(value) as
    case
        when isfinite(try_cast(with_zone(value) as timestamptz)) then cast(try_cast(with_zone(value) as timestamptz) as timestamp)
    end;
create macro is_unreadable(value, read) as value is not null and read is null;

-- Values of typed files.
create macro is_no_count(value) as coalesce(value < 0 or value >= 1000000000000, false);
create macro is_no_number(value) as coalesce(not (abs(value) < 1e12), false);
-- JSON has no word for what is no finite number.
create macro json_number(value) as case when isfinite(value) then to_json(value) else to_json(cast(value as varchar)) end;

create macro time_fault(moment, ingest_date) as
    case
        when moment is null or moment < timestamp '2020-06-01' then 'invalid_timestamp'
        when cast(moment as date) > ingest_date + 1 then 'future_timestamp'
    end;
create macro generation_fault(
    generation_id, account_id, model_slug, created_at, ingest_date, has_invalid_tokens, prompt_tokens, completion_tokens,
    reasoning_tokens, cache_read_tokens, has_invalid_cost, spend_usd, upstream_inference_cost_usd, has_invalid_value
) as
    case
        when generation_id is null then 'missing_id'
        when account_id is null then 'missing_account'
        when model_slug is null then 'missing_model'
        when time_fault(created_at, ingest_date) is not null then time_fault(created_at, ingest_date)
        when has_invalid_tokens or (prompt_tokens is null and completion_tokens is null) then 'invalid_tokens'
        when reasoning_tokens > coalesce(completion_tokens, 0) then 'reasoning_exceeds_completion'
        when cache_read_tokens > coalesce(prompt_tokens, 0) then 'cached_exceeds_prompt'
        when has_invalid_cost or spend_usd < 0 or upstream_inference_cost_usd < 0 then 'invalid_cost'
        when has_invalid_value then 'invalid_value'
    end;
-- Exact sums: those of doubles depend on the order in which threads add.
create macro sum_of_usd(amount) as coalesce(cast(sum(cast(amount as decimal(28, 12))) as double), 0);
create macro length_bucket(tokens) as
    case when tokens > 0 then cast(floor(ln(cast(tokens as double)) / ln(cast(1.01 as double))) as bigint) else -1 end;

-- 1. Accounts: every record with its fault; of the good ones of an account the latest counts.
create table raw.account_records as
with landed as (
    select
        clean(account_id) as account_id,
        upper(clean(billing_country_code)) as country_code,
        case when isfinite(updated_at) then updated_at end as updated_at,
        ingest_day(filename) as ingest_date,
        filename as file_name,
        {billing_country_code: billing_country_code, updated_at: updated_at} as raw_record
    from read_parquet(getvariable('landing') || '/openrouter/accounts/*/*.parquet', filename = true, hive_partitioning = false)
),

checked as (
    select
        * exclude (file_name, raw_record),
        case when account_id is null then 'missing_account' else time_fault(updated_at, ingest_date) end as reason,
        case when reason is not null then file_name end as file_name,
        case when reason is not null then cast(to_json(raw_record) as varchar) end as raw_record
    from landed
)

select
    *,
    row_number() over (
        partition by account_id, reason is null
        order by updated_at desc, ingest_date desc, country_code asc nulls last
    ) = 1 as is_latest
from checked;

-- Numbered, so that the records carry four bytes and neither an id nor a hash.
create table raw.account_keys as
with typed as (
    select distinct account_id from read_parquet(getvariable('typed_files'), hive_partitioning = false)
),

text as (
    select distinct account_id from read_parquet(getvariable('second_reader'), hive_partitioning = false)
),

met as (
    select clean(account_id) as account_id from typed
    union
    select clean(account_id) from text
)

select
    cast(row_number() over () as integer) as account_number,
    met.account_id,
    pseudonym(met.account_id) as account_key,
    coalesce(accounts.country_code, 'unknown') as country_code
from met
left join raw.account_records as accounts
    on met.account_id = accounts.account_id and accounts.reason is null and accounts.is_latest
where met.account_id is not null;

-- 2. Classifications: likewise, the latest of each generation and path; then the most confident path of each generation.
create table raw.classification_records as
with landed as (
    select
        clean(generation_id) as generation_id,
        clean(path) as category_path,
        confidence,
        case when isfinite(classified_at) then classified_at end as classified_at,
        ingest_day(filename) as ingest_date,
        filename as file_name,
        {
            generation_id: generation_id, path: path, confidence: json_number(confidence), classified_at: classified_at
        } as raw_record
    from
        read_parquet(
            getvariable('landing') || '/openrouter/classifications/*/*.parquet', filename = true, hive_partitioning = false
        )
),

checked as (
    select
        * exclude (raw_record),
        case
            when generation_id is null then 'missing_id'
            when time_fault(classified_at, ingest_date) is not null then time_fault(classified_at, ingest_date)
            when is_no_number(confidence) or confidence < 0 or confidence > 1 then 'invalid_value'
        end as reason,
        case when reason is not null then cast(to_json(raw_record) as varchar) end as raw_record
    from landed
)

select
    *,
    row_number() over (
        partition by generation_id, category_path, reason is null
        order by ingest_date desc, classified_at desc, confidence desc nulls last, file_name desc
    ) = 1 as is_latest
from checked;

create table raw.labels as
select
    generation_id,
    coalesce(
        first(category_path order by confidence desc, length(category_path) desc, category_path)
            filter (where category_path is not null and confidence >= 0.5),
        'unknown'
    ) as category_path
from raw.classification_records
where reason is null and is_latest
group by generation_id;

-- 3. Generations. Ids that occur more than once, good or bad: one narrow pass, so that the wide one need not keep all ids.
create table raw.repeated_ids as
select generation_id
from (
    select clean(id) as generation_id from read_parquet(getvariable('typed_files'), hive_partitioning = false)
    union all
    select clean(id)
    from read_parquet(getvariable('second_reader'), filename = true, hive_partitioning = false)
    where list_contains(getvariable('text_files'), filename)
)
where generation_id is not null
group by generation_id
having count(*) > 1;

create table raw.looked_up_ids as
select generation_id from raw.repeated_ids
union
select generation_id from raw.labels;

create table raw.records as
with typed as (
    select
        filename as file_name,
        ingest_day(filename) as ingest_date,
        clean(id) as generation_id,
        case when isfinite(created_at) then created_at end as created_at,
        clean(account_id) as account_id,
        clean(model) as model_slug,
        clean(api_type) as api_type,
        cancelled as is_cancelled,
        coalesce(is_byok, false) as is_byok,
        tools_provided as has_tools_provided,
        clean(finish_reason) as finish_reason,
        clean(native_finish_reason) as native_finish_reason,
        clean(prompt_language) as prompt_language,
        coalesce(native_tokens_prompt, tokens_prompt) as prompt_tokens,
        coalesce(native_tokens_completion, tokens_completion) as completion_tokens,
        coalesce(native_tokens_reasoning, 0) as reasoning_tokens,
        coalesce(native_tokens_cached, 0) as cache_read_tokens,
        total_cost as spend_usd,
        upstream_inference_cost as upstream_inference_cost_usd,
        cache_discount as cache_discount_usd,
        (
            is_no_count(tokens_prompt) or is_no_count(tokens_completion)
            or is_no_count(native_tokens_prompt) or is_no_count(native_tokens_completion)
            or is_no_count(native_tokens_reasoning) or is_no_count(native_tokens_cached)
        ) as has_invalid_tokens,
        (is_no_number(total_cost) or is_no_number(upstream_inference_cost)) as has_invalid_cost,
        (is_no_number(cache_discount) or is_no_number(latency) or is_no_number(generation_time)) as has_invalid_value,
        {
            id: id, created_at: created_at, model: model, provider_name: provider_name, app_id: app_id,
            api_type: api_type, router: router, streamed: streamed, cancelled: cancelled, is_byok: is_byok,
            tools_provided: tools_provided, finish_reason: finish_reason,
            native_finish_reason: native_finish_reason, tokens_prompt: tokens_prompt,
            tokens_completion: tokens_completion, native_tokens_prompt: native_tokens_prompt,
            native_tokens_completion: native_tokens_completion, native_tokens_reasoning: native_tokens_reasoning,
            native_tokens_cached: native_tokens_cached, total_cost: json_number(total_cost),
            upstream_inference_cost: json_number(upstream_inference_cost),
            cache_discount: json_number(cache_discount), latency: latency, generation_time: generation_time,
            prompt_language: prompt_language
        } as raw_record
    from read_parquet(getvariable('typed_files'), filename = true, hive_partitioning = false)
),

text as (
    select
        filename as file_name,
        ingest_day(filename) as ingest_date,
        clean(id) as generation_id,
        time_in(clean(created_at)) as created_at,
        clean(account_id) as account_id,
        clean(model) as model_slug,
        clean(api_type) as api_type,
        flag_in(clean(cancelled)) as is_cancelled,
        coalesce(flag_in(clean(is_byok)), false) as is_byok,
        flag_in(clean(tools_provided)) as has_tools_provided,
        clean(finish_reason) as finish_reason,
        clean(native_finish_reason) as native_finish_reason,
        clean(prompt_language) as prompt_language,
        coalesce(count_in(clean(native_tokens_prompt)), count_in(clean(tokens_prompt))) as prompt_tokens,
        coalesce(count_in(clean(native_tokens_completion)), count_in(clean(tokens_completion))) as completion_tokens,
        coalesce(count_in(clean(native_tokens_reasoning)), 0) as reasoning_tokens,
        coalesce(count_in(clean(native_tokens_cached)), 0) as cache_read_tokens,
        number_in(clean(total_cost)) as spend_usd,
        number_in(clean(upstream_inference_cost)) as upstream_inference_cost_usd,
        number_in(clean(cache_discount)) as cache_discount_usd,
        (
            is_unreadable(clean(tokens_prompt), count_in(clean(tokens_prompt)))
            or is_unreadable(clean(tokens_completion), count_in(clean(tokens_completion)))
            or is_unreadable(clean(native_tokens_prompt), count_in(clean(native_tokens_prompt)))
            or is_unreadable(clean(native_tokens_completion), count_in(clean(native_tokens_completion)))
            or is_unreadable(clean(native_tokens_reasoning), count_in(clean(native_tokens_reasoning)))
            or is_unreadable(clean(native_tokens_cached), count_in(clean(native_tokens_cached)))
        ) as has_invalid_tokens,
        (
            is_unreadable(clean(total_cost), number_in(clean(total_cost)))
            or is_unreadable(clean(upstream_inference_cost), number_in(clean(upstream_inference_cost)))
        ) as has_invalid_cost,
        (
            is_unreadable(clean(cache_discount), number_in(clean(cache_discount)))
            or is_unreadable(clean(latency), number_in(clean(latency)))
            or is_unreadable(clean(generation_time), number_in(clean(generation_time)))
            or is_unreadable(clean(streamed), flag_in(clean(streamed)))
            or is_unreadable(clean(cancelled), flag_in(clean(cancelled)))
            or is_unreadable(clean(is_byok), flag_in(clean(is_byok)))
            or is_unreadable(clean(tools_provided), flag_in(clean(tools_provided)))
        ) as has_invalid_value,
        {
            id: id, created_at: created_at, model: model, provider_name: provider_name, app_id: app_id,
            api_type: api_type, router: router, streamed: streamed, cancelled: cancelled, is_byok: is_byok,
            tools_provided: tools_provided, finish_reason: finish_reason,
            native_finish_reason: native_finish_reason, tokens_prompt: tokens_prompt,
            tokens_completion: tokens_completion, native_tokens_prompt: native_tokens_prompt,
            native_tokens_completion: native_tokens_completion, native_tokens_reasoning: native_tokens_reasoning,
            native_tokens_cached: native_tokens_cached, total_cost: total_cost,
            upstream_inference_cost: upstream_inference_cost, cache_discount: cache_discount, latency: latency,
            generation_time: generation_time, prompt_language: prompt_language
        } as raw_record
    -- Cast once more, for the typed file that stands in where no file is text.
    from (
        select
            cast(columns(* exclude (filename)) as varchar),
            filename
        from read_parquet(getvariable('second_reader'), filename = true, hive_partitioning = false)
        where list_contains(getvariable('text_files'), filename)
    )
),

checked as (
    select
        * exclude (raw_record),
        generation_fault(
            generation_id, account_id, model_slug, created_at, ingest_date, has_invalid_tokens, prompt_tokens, completion_tokens,
            reasoning_tokens, cache_read_tokens, has_invalid_cost, spend_usd, upstream_inference_cost_usd, has_invalid_value
        ) as reason,
        case when reason is not null then cast(to_json(raw_record) as varchar) end as raw_record
    from typed

    union all by name

    select
        * exclude (raw_record),
        generation_fault(
            generation_id, account_id, model_slug, created_at, ingest_date, has_invalid_tokens, prompt_tokens, completion_tokens,
            reasoning_tokens, cache_read_tokens, has_invalid_cost, spend_usd, upstream_inference_cost_usd, has_invalid_value
        ) as reason,
        case when reason is not null then cast(to_json(raw_record) as varchar) end as raw_record
    from text
)

select
    checked.ingest_date,
    cast(checked.created_at as date) as event_date,
    case when looked_up_ids.generation_id is not null or checked.reason is not null then checked.generation_id end as generation_id,
    case when looked_up_ids.generation_id is not null then checked.created_at end as created_at,
    account_keys.account_number,
    account_keys.country_code,
    checked.model_slug,
    coalesce(checked.api_type, 'completions') = 'completions' as is_counted,
    checked.is_cancelled,
    checked.is_byok,
    checked.has_tools_provided,
    case
        when checked.finish_reason in ('tool_calls', 'stop', 'length', 'content_filter', 'error') then checked.finish_reason
        else 'unknown'
    end as finish_reason,
    case
        when checked.finish_reason in ('tool_calls', 'stop', 'length', 'content_filter', 'error') then 'unknown'
        else coalesce(checked.native_finish_reason, checked.finish_reason, 'unknown')
    end as native_finish_reason,
    coalesce(checked.prompt_language, 'unknown') as prompt_language,
    coalesce(checked.prompt_tokens, 0) as prompt_tokens,
    coalesce(checked.completion_tokens, 0) as completion_tokens,
    checked.reasoning_tokens,
    checked.cache_read_tokens,
    coalesce(checked.spend_usd, 0) as spend_usd,
    checked.upstream_inference_cost_usd,
    checked.cache_discount_usd,
    checked.reason,
    case when checked.reason is not null then checked.file_name end as file_name,
    checked.raw_record
from checked
left join raw.account_keys on checked.account_id = account_keys.account_id
left join raw.looked_up_ids on checked.generation_id = looked_up_ids.generation_id;

-- Of the good copies of a record the latest arrival stays, then the most complete one, then the content decides.
create table raw.superseded as
with ranked as (
    select
        records.rowid as record,
        records.ingest_date,
        row_number() over (
            partition by records.generation_id
            order by
                records.ingest_date desc,
                records.prompt_tokens + records.completion_tokens desc,
                records.created_at desc,
                records.spend_usd desc,
                account_keys.account_key,
                records.model_slug,
                records.prompt_tokens desc,
                records.finish_reason,
                records.native_finish_reason,
                records.reasoning_tokens desc,
                records.cache_read_tokens desc,
                records.is_byok desc,
                records.is_cancelled desc nulls last,
                records.has_tools_provided desc nulls last,
                records.prompt_language,
                records.is_counted desc,
                records.upstream_inference_cost_usd desc nulls last,
                records.cache_discount_usd desc nulls last
        ) as preference
    from raw.records
    inner join raw.repeated_ids on records.generation_id = repeated_ids.generation_id
    inner join raw.account_keys on records.account_number = account_keys.account_number
    where records.reason is null
)

select
    record,
    ingest_date
from ranked
where preference > 1;

delete from raw.records
where rowid in (select record from raw.superseded);

create view raw.counted_generations as
select
    *,
    prompt_tokens + completion_tokens as total_tokens
from raw.records
where reason is null and is_counted;

-- 4. Facts.
create table marts.fct_usage_daily as
select
    event_date,
    model_slug,
    country_code,
    prompt_language,
    finish_reason,
    native_finish_reason,
    is_byok,
    count(*) as generations,
    count(*) filter (where total_tokens = 0) as zero_token_generations,
    count(*) filter (where is_cancelled) as cancelled_generations,
    count(*) filter (where has_tools_provided) as tools_provided_generations,
    count(*) filter (where has_tools_provided is null) as tools_unknown_generations,
    cast(sum(total_tokens) as bigint) as total_tokens,
    cast(sum(prompt_tokens) as bigint) as prompt_tokens,
    cast(sum(completion_tokens) as bigint) as completion_tokens,
    cast(sum(prompt_tokens - cache_read_tokens) as bigint) as uncached_input_tokens,
    cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
    cast(0 as bigint) as cache_write_tokens,
    cast(sum(completion_tokens - reasoning_tokens) as bigint) as visible_output_tokens,
    cast(sum(reasoning_tokens) as bigint) as reasoning_tokens,
    cast(coalesce(sum(total_tokens) filter (where has_tools_provided), 0) as bigint) as tools_provided_tokens,
    sum_of_usd(spend_usd) as spend_usd,
    sum_of_usd(upstream_inference_cost_usd) as upstream_inference_cost_usd,
    sum_of_usd(cache_discount_usd) as cache_discount_usd
from raw.counted_generations
group by all;

create table marts.fct_tag_usage_daily as
select
    generations.event_date,
    generations.model_slug,
    generations.country_code,
    generations.prompt_language,
    labels.category_path,
    labels.category_path as label_paths,
    generations.is_byok,
    cast(count(*) as double) as sampled_generations,
    cast(count(*) filter (where generations.total_tokens = 0) as double) as zero_token_generations,
    count(*) as primary_generations,
    cast(sum(generations.total_tokens) as bigint) as primary_tokens,
    cast(sum(generations.total_tokens) as double) as sampled_tokens,
    cast(sum(generations.prompt_tokens) as double) as prompt_tokens,
    cast(sum(generations.completion_tokens) as double) as completion_tokens,
    sum(cast(generations.total_tokens as double) * generations.total_tokens) as token_squares,
    sum(cast(generations.total_tokens as double) * generations.total_tokens) as weighted_token_squares,
    sum_of_usd(generations.spend_usd) as spend_usd
from raw.counted_generations as generations
inner join raw.labels on generations.generation_id = labels.generation_id
group by all;

create table marts.fct_account_model_months as
with by_number as (
    select
        cast(date_trunc('month', event_date) as date) as month_start,
        account_number,
        model_slug,
        min(event_date) as first_event_date,
        max(event_date) as last_event_date,
        -- One bit a day of the month.
        cast(bit_count(bit_or(cast(1 as bigint) << day(event_date))) as bigint) as active_days,
        count(*) as generations,
        cast(sum(total_tokens) as bigint) as total_tokens,
        sum_of_usd(spend_usd) as spend_usd
    from raw.counted_generations
    group by all
)

select
    by_number.month_start,
    account_keys.account_key,
    by_number.* exclude (month_start, account_number)
from by_number
inner join raw.account_keys on by_number.account_number = account_keys.account_number;

create table marts.fct_account_finish_reason_weeks as
with by_number as (
    select
        cast(date_trunc('week', event_date) as date) as week_start,
        account_number,
        finish_reason,
        native_finish_reason,
        count(*) as generations,
        cast(sum(total_tokens) as bigint) as total_tokens
    from raw.counted_generations
    group by all
)

select
    by_number.week_start,
    account_keys.account_key,
    by_number.* exclude (week_start, account_number)
from by_number
inner join raw.account_keys on by_number.account_number = account_keys.account_number;

create table marts.fct_token_length_histogram_daily as
select
    event_date,
    'prompt' as measure,
    length_bucket(prompt_tokens) as bucket,
    count(*) as generations,
    cast(sum(prompt_tokens) as bigint) as tokens
from raw.counted_generations
where total_tokens > 0
group by all
union all
select
    event_date,
    'completion' as measure,
    length_bucket(completion_tokens) as bucket,
    count(*) as generations,
    cast(sum(completion_tokens) as bigint) as tokens
from raw.counted_generations
where total_tokens > 0
group by all
union all
select
    event_date,
    'reasoning' as measure,
    length_bucket(reasoning_tokens) as bucket,
    count(*) as generations,
    cast(sum(reasoning_tokens) as bigint) as tokens
from raw.counted_generations
where total_tokens > 0
group by all
union all
select
    event_date,
    'sequence' as measure,
    length_bucket(total_tokens) as bucket,
    count(*) as generations,
    cast(sum(total_tokens) as bigint) as tokens
from raw.counted_generations
where total_tokens > 0
group by all;

-- The one thing beside facts that the project's statements over them read: the country of an account.
create table intermediate.int_accounts as
select
    account_keys.account_key,
    account_records.country_code
from raw.account_records
inner join raw.account_keys on account_records.account_id = account_keys.account_id
where account_records.reason is null and account_records.is_latest;

-- 5. Trust: is this all of it?
create table marts.rpt_source_reconciliation as
with records as (
    select
        'openrouter.generations' as source_name,
        ingest_date,
        event_date,
        reason is not null as is_quarantined,
        false as is_duplicate
    from raw.records
    union all
    select
        'openrouter.generations' as source_name,
        ingest_date,
        null as event_date,
        false as is_quarantined,
        true as is_duplicate
    from raw.superseded
    union all
    select
        'openrouter.accounts' as source_name,
        account_records.ingest_date,
        cast(account_records.updated_at as date) as event_date,
        account_records.reason is not null as is_quarantined,
        account_records.reason is null and not account_records.is_latest as is_duplicate
    from raw.account_records
    union all
    select
        'openrouter.classifications' as source_name,
        ingest_date,
        cast(classified_at as date) as event_date,
        reason is not null as is_quarantined,
        reason is null and not is_latest as is_duplicate
    from raw.classification_records
)

select
    source_name,
    ingest_date,
    count(*) as raw_rows,
    count(*) filter (where not is_quarantined and not is_duplicate) as accepted_rows,
    count(*) filter (where is_duplicate) as duplicate_rows,
    count(*) filter (where is_quarantined) as quarantined_rows,
    count(*) filter (where not is_quarantined and not is_duplicate and event_date < ingest_date) as late_rows,
    greatest(
        coalesce(max(ingest_date - event_date) filter (where not is_quarantined and not is_duplicate), 0), 0
    ) as max_lateness_days
from records
group by all;

create table marts.rpt_quarantined_generations as
with quarantined as (
    select
        'openrouter.generations' as source_name, ingest_date, file_name, generation_id, reason, raw_record
    from raw.records
    where reason is not null
    union all
    select 'openrouter.accounts' as source_name, ingest_date, file_name, null as generation_id, reason, raw_record
    from raw.account_records
    where reason is not null
    union all
    select 'openrouter.classifications' as source_name, ingest_date, file_name, generation_id, reason, raw_record
    from raw.classification_records
    where reason is not null
),

numbered as (
    select
        *,
        row_number() over (
            partition by source_name, file_name, reason, raw_record order by generation_id nulls last
        ) as repetition
    from quarantined
)

select
    md5(concat_ws('|', source_name, file_name, reason, raw_record, repetition)) as quarantined_record_key,
    source_name,
    ingest_date,
    file_name,
    generation_id,
    reason,
    raw_record
from numbered;

create table marts.rpt_load_summary as
with records as (
    select
        cast(sum(raw_rows) as bigint) as raw_rows,
        cast(sum(accepted_rows) as bigint) as accepted_rows,
        cast(sum(duplicate_rows) as bigint) as duplicate_rows,
        cast(sum(quarantined_rows) as bigint) as quarantined_rows
    from marts.rpt_source_reconciliation
),

counted as (
    select
        cast(sum(generations) as bigint) as generations,
        cast(sum(total_tokens) as bigint) as total_tokens,
        min(event_date) as first_event_date,
        max(event_date) as last_event_date
    from marts.fct_usage_daily
)

select
    (select count(*) > 0 from glob(getvariable('landing') || '/SIMULATED.json')) as is_simulated,
    (select count(*) from glob(getvariable('landing') || '/openrouter/*/*/*.parquet')) as landed_files,
    records.*,
    counted.*
from records
cross join counted;
