-- The five facts in ClickHouse, from the same landing: a yardstick in another engine, run by chdb_facts.py. Facts only, no marts, no
-- quarantine table; the limits of yardstick.sql hold. Names in double braces are filled in: {{typed_files}}, {{text_files}} (patterns;
-- text_files is empty where no file is text), {{landing}}, {{key}}, {{facts}} (folder for the facts).

create database benchmark engine = Atomic;
use benchmark;

create function clean as (value) -> nullIf(trim(both ' \t\n\r' from value), '');
create function ingest_day as (path) -> toDate(extract(path, '/ingest_date=(\\d{4}-\\d{2}-\\d{2})/'));
create function number_in as (value) -> if(abs(toFloat64OrNull(clean(value))) < 1e12, toFloat64OrNull(clean(value)), null);
create function count_in as (value) ->
    if(number_in(value) >= 0 and number_in(value) = floor(number_in(value)), toInt64(number_in(value)), null);
create function flag_in as (value) ->
    multiIf(lower(clean(value)) in ('true', 't', 'yes', 'y', '1', '1.0'), true, lower(clean(value)) in ('false', 'f', 'no', 'n', '0', '0.0'), false, null);
create function is_lost as (value, read) -> clean(value) is not null and read is null;
create function is_no_count as (value) -> ifNull(value < 0 or value >= 1000000000000, false);
create function is_no_number as (value) -> ifNull(not abs(value) < 1e12, false);
create function is_plausible as (moment, day) ->
    ifNull(moment >= toDateTime64('2020-06-01 00:00:00', 6, 'UTC') and toDate32(moment) <= day + 1, false);
-- Exact, in units of 1e-12 dollars.
create function pico as (amount) -> toInt128(round(ifNull(amount, 0) * 1e12));
create function bucket as (tokens) -> if(tokens > 0, toInt64(floor(log(toFloat64(tokens)) / log(1.01))), -1);

-- Canonical columns of both kinds of file.
create view landed as
select
    _path as path, clean(id) as generation_id, created_at, clean(account_id) as account_id, clean(model) as model_slug,
    clean(api_type) as api_type, cancelled, is_byok, tools_provided, clean(finish_reason) as finish_reason,
    clean(native_finish_reason) as native_finish_reason, clean(prompt_language) as prompt_language,
    coalesce(native_tokens_prompt, tokens_prompt) as prompt, coalesce(native_tokens_completion, tokens_completion) as completion,
    native_tokens_reasoning as reasoning, native_tokens_cached as cached, total_cost, upstream_inference_cost, cache_discount,
    is_no_count(tokens_prompt) or is_no_count(tokens_completion) or is_no_count(native_tokens_prompt)
    or is_no_count(native_tokens_completion) or is_no_count(native_tokens_reasoning) or is_no_count(native_tokens_cached)
    or is_no_number(total_cost) or is_no_number(upstream_inference_cost) or is_no_number(cache_discount)
    or is_no_number(latency) or is_no_number(generation_time) as is_bad
from file('{{typed_files}}', Parquet, '{{typed_columns}}')
-- begin of text files
union all
select
    _path as path, clean(id) as generation_id,
    if(match(created_at, '^\\d{4}-\\d{2}-\\d{2}'), parseDateTime64BestEffortOrNull(created_at, 6, 'UTC'), null) as created_at,
    clean(account_id) as account_id, clean(model) as model_slug, clean(api_type) as api_type, flag_in(cancelled) as cancelled,
    flag_in(is_byok) as is_byok, flag_in(tools_provided) as tools_provided, clean(finish_reason) as finish_reason,
    clean(native_finish_reason) as native_finish_reason, clean(prompt_language) as prompt_language,
    coalesce(count_in(native_tokens_prompt), count_in(tokens_prompt)) as prompt,
    coalesce(count_in(native_tokens_completion), count_in(tokens_completion)) as completion,
    count_in(native_tokens_reasoning) as reasoning, count_in(native_tokens_cached) as cached,
    number_in(total_cost) as total_cost, number_in(upstream_inference_cost) as upstream_inference_cost,
    number_in(cache_discount) as cache_discount,
    is_lost(tokens_prompt, count_in(tokens_prompt)) or is_lost(tokens_completion, count_in(tokens_completion))
    or is_lost(native_tokens_prompt, count_in(native_tokens_prompt))
    or is_lost(native_tokens_completion, count_in(native_tokens_completion))
    or is_lost(native_tokens_reasoning, count_in(native_tokens_reasoning))
    or is_lost(native_tokens_cached, count_in(native_tokens_cached))
    or is_lost(total_cost, number_in(total_cost)) or is_lost(upstream_inference_cost, number_in(upstream_inference_cost))
    or is_lost(cache_discount, number_in(cache_discount)) or is_lost(latency, number_in(latency))
    or is_lost(generation_time, number_in(generation_time)) or is_lost(streamed, flag_in(streamed))
    or is_lost(cancelled, flag_in(cancelled)) or is_lost(is_byok, flag_in(is_byok))
    or is_lost(tools_provided, flag_in(tools_provided)) as is_bad
from file('{{text_files}}', Parquet, '{{text_columns}}')
-- end of text files
;

create table account_keys engine = MergeTree order by account_id as
with latest as (
    select
        clean(account_id) as account_id,
        argMax(
            tuple(upper(clean(billing_country_code))),
            -- Of rows of one moment and day the first country.
            tuple(updated_at, ingest_day(_path), -toInt64(ifNull(reinterpretAsUInt32(reverse(upper(clean(billing_country_code)))), 4294967295)))
        ).1 as country
    from file('{{landing}}/openrouter/accounts/*/*.parquet', Parquet,
        'account_id Nullable(String), billing_country_code Nullable(String), updated_at Nullable(DateTime64(6, \'UTC\'))')
    where clean(account_id) is not null and is_plausible(updated_at, ingest_day(_path))
    group by clean(account_id)
)
select
    assumeNotNull(met.account_id) as account_id,
    toUInt32(rowNumberInAllBlocks()) as account,
    substring(lower(hex(SHA256(concat('{{key}}:', met.account_id)))), 1, 32) as account_key,
    toLowCardinality(ifNull(latest.country, 'unknown')) as country_code
from (select distinct account_id from landed where account_id is not null) as met
left join latest on met.account_id = latest.account_id
settings join_use_nulls = 1;

create table labels engine = MergeTree order by generation_id as
with latest as (
    select
        clean(generation_id) as generation_id,
        clean(path) as category_path,
        argMax(tuple(confidence), tuple(ingest_day(_path), classified_at, ifNull(confidence, -1), _path)).1 as score
    from file('{{landing}}/openrouter/classifications/*/*.parquet', Parquet,
        'generation_id Nullable(String), path Nullable(String), confidence Nullable(Float64), classified_at Nullable(DateTime64(6, \'UTC\'))')
    where
        clean(generation_id) is not null and is_plausible(classified_at, ingest_day(_path))
        and ifNull(confidence between 0 and 1, true)
    group by clean(generation_id), clean(path)
)
select
    assumeNotNull(generation_id) as generation_id,
    ifNull(
        arraySort(
            found -> (-found.1, -found.2, found.3),
            groupArrayIf(
                tuple(assumeNotNull(score), length(assumeNotNull(category_path)), assumeNotNull(category_path)),
                category_path is not null and ifNull(score, 0) >= 0.5
            )
        )[1].3 as primary_path,
        'unknown'
    ) as ordered_path,
    if(ordered_path = '', 'unknown', ordered_path) as category_path
from latest
group by generation_id;

-- By a hash: candidates only, the ids themselves decide below.
create table repeated_ids engine = MergeTree order by id_hash as
select assumeNotNull(cityHash64(generation_id)) as id_hash
from landed
where generation_id is not null
group by id_hash
having count() > 1;

create table generations engine = MergeTree order by tuple() as
select
    ingest_day(landed.path) as ingest_date,
    toDate(landed.created_at) as event_date,
    assumeNotNull(landed.created_at) as created_at,
    assumeNotNull(landed.generation_id) as generation_id,
    assumeNotNull(cityHash64(landed.generation_id)) in repeated_ids as may_be_repeated,
    account_keys.account as account,
    account_keys.country_code as country_code,
    toLowCardinality(assumeNotNull(landed.model_slug)) as model_slug,
    ifNull(landed.api_type, 'completions') = 'completions' as is_counted,
    landed.cancelled as is_cancelled,
    ifNull(landed.is_byok, false) as is_byok,
    landed.tools_provided as has_tools_provided,
    ifNull(landed.finish_reason in ('tool_calls', 'stop', 'length', 'content_filter', 'error'), false) as is_normal,
    toLowCardinality(if(is_normal, assumeNotNull(landed.finish_reason), 'unknown')) as finish_reason,
    toLowCardinality(
        if(is_normal, 'unknown', coalesce(landed.native_finish_reason, landed.finish_reason, 'unknown'))
    ) as native_finish_reason,
    toLowCardinality(ifNull(landed.prompt_language, 'unknown')) as prompt_language,
    ifNull(landed.prompt, 0) as prompt_tokens,
    ifNull(landed.completion, 0) as completion_tokens,
    ifNull(landed.reasoning, 0) as reasoning_tokens,
    ifNull(landed.cached, 0) as cache_read_tokens,
    ifNull(landed.total_cost, 0) as spend_usd,
    landed.upstream_inference_cost as upstream_inference_cost_usd,
    landed.cache_discount as cache_discount_usd
from landed
inner join account_keys on landed.account_id = account_keys.account_id
where
    landed.generation_id is not null and landed.model_slug is not null
    and is_plausible(landed.created_at, ingest_day(landed.path))
    and not landed.is_bad
    and (landed.prompt is not null or landed.completion is not null)
    and ifNull(landed.reasoning, 0) <= ifNull(landed.completion, 0)
    and ifNull(landed.cached, 0) <= ifNull(landed.prompt, 0)
    and ifNull(landed.total_cost, 0) >= 0 and ifNull(landed.upstream_inference_cost, 0) >= 0;

create table kept engine = MergeTree order by tuple() as
select generations.*
from generations
inner join account_keys on generations.account = account_keys.account
where generations.may_be_repeated
order by
    generations.ingest_date desc, generations.prompt_tokens + generations.completion_tokens desc, generations.created_at desc,
    generations.spend_usd desc, account_keys.account_key, generations.model_slug, generations.prompt_tokens desc,
    generations.finish_reason, generations.native_finish_reason, generations.reasoning_tokens desc,
    generations.cache_read_tokens desc, generations.is_byok desc, generations.is_cancelled desc nulls last,
    generations.has_tools_provided desc nulls last, generations.prompt_language, generations.is_counted desc,
    generations.upstream_inference_cost_usd desc nulls last, generations.cache_discount_usd desc nulls last
limit 1 by generations.generation_id;

create view counted as
select *, prompt_tokens + completion_tokens as total_tokens from generations where not may_be_repeated and is_counted
union all
select *, prompt_tokens + completion_tokens as total_tokens from kept where is_counted;

insert into function file('{{facts}}/fct_usage_daily.parquet', Parquet)
select
    event_date, model_slug, country_code, prompt_language, finish_reason, native_finish_reason, is_byok,
    count() as generations,
    countIf(total_tokens = 0) as zero_token_generations,
    countIf(is_cancelled) as cancelled_generations,
    countIf(has_tools_provided) as tools_provided_generations,
    countIf(has_tools_provided is null) as tools_unknown_generations,
    sumIf(total_tokens, has_tools_provided) as tools_provided_tokens,
    sum(total_tokens) as total_tokens,
    sum(prompt_tokens) as prompt_tokens,
    sum(completion_tokens) as completion_tokens,
    sum(prompt_tokens - cache_read_tokens) as uncached_input_tokens,
    sum(cache_read_tokens) as cache_read_tokens,
    toInt64(0) as cache_write_tokens,
    sum(completion_tokens - reasoning_tokens) as visible_output_tokens,
    sum(reasoning_tokens) as reasoning_tokens,
    toFloat64(sum(pico(spend_usd))) / 1e12 as spend_usd,
    toFloat64(sum(pico(upstream_inference_cost_usd))) / 1e12 as upstream_inference_cost_usd,
    toFloat64(sum(pico(cache_discount_usd))) / 1e12 as cache_discount_usd
from counted
group by event_date, model_slug, country_code, prompt_language, finish_reason, native_finish_reason, is_byok;

insert into function file('{{facts}}/fct_tag_usage_daily.parquet', Parquet)
select
    counted.event_date as event_date, counted.model_slug as model_slug, counted.country_code as country_code,
    counted.prompt_language as prompt_language, labels.category_path as category_path, labels.category_path as label_paths,
    counted.is_byok as is_byok,
    toFloat64(count()) as sampled_generations,
    toFloat64(countIf(counted.total_tokens = 0)) as zero_token_generations,
    count() as primary_generations,
    sum(counted.total_tokens) as primary_tokens,
    toFloat64(sum(counted.total_tokens)) as sampled_tokens,
    toFloat64(sum(counted.prompt_tokens)) as prompt_tokens,
    toFloat64(sum(counted.completion_tokens)) as completion_tokens,
    sum(toFloat64(counted.total_tokens) * counted.total_tokens) as token_squares,
    sum(toFloat64(counted.total_tokens) * counted.total_tokens) as weighted_token_squares,
    toFloat64(sum(pico(counted.spend_usd))) / 1e12 as spend_usd
from counted
inner join labels on counted.generation_id = labels.generation_id
group by event_date, model_slug, country_code, prompt_language, category_path, is_byok;

insert into function file('{{facts}}/fct_account_model_months.parquet', Parquet)
select by_number.* except (account), account_keys.account_key as account_key
from (
    select
        toStartOfMonth(event_date) as month_start, account, model_slug,
        min(event_date) as first_event_date,
        max(event_date) as last_event_date,
        toInt64(bitCount(groupBitOr(bitShiftLeft(toUInt32(1), toDayOfMonth(event_date) - 1)))) as active_days,
        count() as generations,
        sum(total_tokens) as total_tokens,
        toFloat64(sum(pico(spend_usd))) / 1e12 as spend_usd
    from counted
    group by month_start, account, model_slug
) as by_number
inner join account_keys on by_number.account = account_keys.account;

insert into function file('{{facts}}/fct_account_finish_reason_weeks.parquet', Parquet)
select by_number.* except (account), account_keys.account_key as account_key
from (
    select
        toMonday(event_date) as week_start, account, finish_reason, native_finish_reason,
        count() as generations,
        sum(total_tokens) as total_tokens
    from counted
    group by week_start, account, finish_reason, native_finish_reason
) as by_number
inner join account_keys on by_number.account = account_keys.account;

insert into function file('{{facts}}/fct_token_length_histogram_daily.parquet', Parquet)
select
    event_date, measured.1 as measure, bucket(measured.2) as bucket, count() as generations, sum(measured.2) as tokens
from counted
array join [
    tuple('prompt', prompt_tokens), tuple('completion', completion_tokens), tuple('reasoning', reasoning_tokens),
    tuple('sequence', total_tokens)
] as measured
where total_tokens > 0
group by event_date, measure, bucket;
