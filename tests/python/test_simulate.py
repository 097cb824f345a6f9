"""The simulator: same arguments, same bytes; the input contract; dirt; and the study's numbers, measured by SQL.

The calibration checks read the landing files with DuckDB and the seeds, and share no code with dbt or the simulator.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pa_parquet
import pytest
import yaml

from scripts.simulate import main
from scripts.simulator import targets
from scripts.simulator.calibration import day_number, load_calibration
from scripts.simulator.catalogue import load_catalogue
from scripts.simulator.records import path_table
from scripts.simulator.run import Options, simulate

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "seeds"
CALIBRATION = yaml.safe_load((ROOT / "scripts/simulator/calibration.yml").read_text(encoding="utf-8"))
CHECKS = CALIBRATION["checks"]
SHORT = {"start": "2025-10-27", "end": "2025-11-12", "generations": 4_000, "seeds": SEEDS, "progress": False}
CONTRACT = {
    "generations": [
        "id", "created_at", "account_id", "model", "provider_name", "app_id", "api_type", "router", "streamed",
        "cancelled", "is_byok", "tools_provided", "finish_reason", "native_finish_reason", "tokens_prompt",
        "tokens_completion", "native_tokens_prompt", "native_tokens_completion", "native_tokens_reasoning",
        "native_tokens_cached", "total_cost", "upstream_inference_cost", "cache_discount", "latency",
        "generation_time", "prompt_language",
    ],
    "accounts": ["account_id", "billing_country_code", "updated_at"],
    "classifications": ["generation_id", "path", "confidence", "classified_at"],
}  # fmt: skip


def digest(folder: Path) -> dict[str, str]:
    """Content hash of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# ---------------------------------------------------------------------------------------------------------------------
# Behaviour, on small runs.
# ---------------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    simulate(Options(output=folder, **SHORT))
    return folder


@pytest.mark.slow
def test_equal_arguments_give_equal_bytes(small: Path, tmp_path: Path) -> None:
    simulate(Options(output=tmp_path, **SHORT))
    assert digest(tmp_path) == digest(small)


@pytest.mark.slow
def test_another_processor_gives_the_same_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logarithms and powers differ in their last bits from processor to processor: so small a cause must have no effect."""
    calibration = load_calibration()
    catalogue = load_catalogue(SEEDS, calibration["unknown_slugs"])
    start, end = (day_number(day) for day in calibration["fitted_range"])
    here = targets.build_targets(calibration, catalogue, start, end)
    weekly_volume = targets.weekly_volume
    last_bits = np.random.default_rng(1).uniform(-1e-14, 1e-14, len(here.weeks))
    monkeypatch.setattr(targets, "weekly_volume", lambda *arguments: weekly_volume(*arguments) * (1 + last_bits))
    there = targets.build_targets(calibration, catalogue, start, end)
    for name in ("tokens", "category_share", "sequence", "completion", "cached_share"):
        np.testing.assert_allclose(getattr(there, name), getattr(here, name), rtol=1e-9, err_msg=name)
    assert there.completion_part == pytest.approx(here.completion_part, rel=1e-9)


def test_another_seed_gives_other_records(small: Path, tmp_path: Path) -> None:
    simulate(Options(output=tmp_path, **{**SHORT, "seed": 8}))
    ours, theirs = digest(small), digest(tmp_path)
    same = [name for name in ours.keys() & theirs.keys() if ours[name] == theirs[name]]
    assert same == []


@pytest.mark.parametrize("dataset", sorted(CONTRACT))
def test_files_have_the_columns_of_the_contract(small: Path, dataset: str) -> None:
    files = sorted((small / "openrouter" / dataset).rglob("*.parquet"))
    assert files
    for file in files:
        assert file.parent.name.startswith("ingest_date=2025-")
        assert pa_parquet.read_schema(file).names == CONTRACT[dataset]


def test_a_partition_has_one_file_and_at_most_one_of_text(small: Path) -> None:
    for folder in (small / "openrouter").glob("*/*"):
        assert {file.name for file in folder.iterdir()} <= {"part-0.parquet", "part-1.parquet"}
        typed = pa_parquet.read_schema(folder / "part-0.parquet") if (folder / "part-0.parquet").exists() else None
        if folder.parent.name == "generations" and typed:
            assert str(typed.field("native_tokens_prompt").type) == "int64"
    texts = list((small / "openrouter/generations").glob("*/part-1.parquet"))
    assert texts
    assert all(str(field.type) == "string" for field in pa_parquet.read_schema(texts[0]))


def test_clean_records_are_as_many_as_asked_and_spotless(tmp_path: Path) -> None:
    label = simulate(Options(output=tmp_path, clean_records_only=True, **SHORT))
    row = duckdb.sql(
        f"""
        select count(*), count(distinct id), count(account_id), count(model),
            count(*) filter (cast(created_at as date) <> ingest_date),
            count(*) filter (native_tokens_reasoning > native_tokens_completion
                or native_tokens_cached > native_tokens_prompt or native_tokens_prompt < 1 or total_cost < 0),
            count(*) filter (not regexp_full_match(id, 'gen-[0-9]{{10}}-[A-Za-z0-9]{{20}}')),
            count(*) filter (split_part(id, '-', 2)::bigint <> epoch(created_at))
        from read_parquet('{tmp_path}/openrouter/generations/*/*.parquet', hive_types = {{'ingest_date': date}})
        """
    ).fetchone()
    n = SHORT["generations"]
    assert row == (n, n, n, n, 0, 0, 0, 0)
    assert label["counts"]["generations"] == n
    assert label["counts"]["malformed_by_reason"] == {}


def test_events_lie_inside_the_days_asked_for(small: Path) -> None:
    low, high = duckdb.sql(
        f"""
        select min(cast(created_at as date)), max(cast(created_at as date))
        from read_parquet('{small}/openrouter/classifications/*/*.parquet') as labels
        join (select id, created_at from read_parquet('{small}/openrouter/generations/*/part-0.parquet')
            where created_at > '2020-06-01') as generations on id = generation_id
        """
    ).fetchone()
    assert str(low) in ("2025-10-26", "2025-10-27")  # the first version of a correction may lie a day earlier
    assert str(high) == "2025-11-12"


@pytest.mark.parametrize("file_format", ["csv", "json"])
def test_other_formats_hold_the_same_records(small: Path, tmp_path: Path, file_format: str) -> None:
    simulate(Options(output=tmp_path, format=file_format, **SHORT))
    reader = {"csv": "read_csv", "json": "read_json"}[file_format]
    options = ", all_varchar = true" if file_format == "csv" else ", format = 'newline_delimited'"
    theirs = duckdb.sql(
        f"""select count(*), count(distinct id), sum(try_cast(native_tokens_prompt as double))
        from {reader}('{tmp_path}/openrouter/generations/*/*.{file_format}', union_by_name = true{options})"""
    ).fetchone()
    ours = duckdb.sql(
        f"""select count(*), count(distinct id), sum(try_cast(native_tokens_prompt as double))
        from read_parquet('{small}/openrouter/generations/*/*.parquet', union_by_name = true)"""
    ).fetchone()
    assert theirs == ours


def test_command_line_refuses_what_it_may_not_replace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    arguments = ["--output", str(tmp_path), "--generations", "300", "--start", "2025-11-03", "--end", "2025-11-05"]
    arguments += ["--seeds", str(SEEDS), "--quiet"]
    assert main(arguments) == 2
    assert main([*arguments, "--overwrite"]) == 2
    assert "did not write" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "keep"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_command_line_replaces_its_own_folder_only_when_told(tmp_path: Path) -> None:
    arguments = ["--output", str(tmp_path), "--generations", "300", "--start", "2025-11-03", "--end", "2025-11-05"]
    arguments += ["--seeds", str(SEEDS), "--quiet"]
    assert main(arguments) == 0
    before = digest(tmp_path)
    assert main(arguments) == 2
    assert main([*arguments, "--overwrite"]) == 0
    assert digest(tmp_path) == before


@pytest.mark.parametrize(
    "wrong", [{"start": "2025-11-13"}, {"generations": 0}, {"classified_share": 1.5}, {"format": "xlsx"}]
)
def test_senseless_arguments_are_errors(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must not be|unknown format"):
        simulate(Options(output=tmp_path, **{**SHORT, **wrong}))
    assert list(tmp_path.iterdir()) == []


def test_a_path_outside_its_category_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in category programming"):
        path_table(CALIBRATION, {"/Computers & Electronics/Programming/Other": "technology"})


# ---------------------------------------------------------------------------------------------------------------------
# The default run, measured.
# ---------------------------------------------------------------------------------------------------------------------
SEED_FILES = [
    "catalogue/authors", "catalogue/free_access_periods", "catalogue/model_aliases", "catalogue/models",
    "geography/countries", "geography/language_aliases", "taxonomy/finish_reasons", "taxonomy/tag_rules",
    "taxonomy/tags",
]  # fmt: skip


@pytest.fixture(scope="module")
def default_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[duckdb.DuckDBPyConnection, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("default")
    simulate(Options(output=folder, seeds=SEEDS, progress=False))
    label = json.loads((folder / "SIMULATED.json").read_text(encoding="utf-8"))
    c = duckdb.connect()
    c.execute("set timezone = 'UTC'")
    for name in SEED_FILES:
        # Every value is text, and no text is null but the empty one: Namibia's code is NA.
        c.execute(
            f"""create view seed_{Path(name).name} as select * from read_csv(
            '{SEEDS / name}.csv', header = true, all_varchar = true, quote = '"', nullstr = '')"""
        )
    landing = f"{folder}/openrouter"
    c.execute(
        f"""
        create table raw as
        select * replace (cast(ingest_date as date) as ingest_date)
        from read_parquet('{landing}/generations/*/*.parquet', hive_partitioning = true, union_by_name = true);

        create table typed as
        select id, account_id, model, api_type, ingest_date, prompt_language, finish_reason, native_finish_reason,
            try_cast(created_at as timestamptz)::timestamp as created_at,
            created_at as created_text,
            try_cast(native_tokens_prompt as double) as prompt,
            try_cast(native_tokens_completion as double) as completion,
            native_tokens_prompt is not null and try_cast(native_tokens_prompt as double) is null as uncastable,
            try_cast(native_tokens_reasoning as double) as reasoning,
            try_cast(native_tokens_cached as double) as cached,
            try_cast(total_cost as double) as cost,
            total_cost is not null and try_cast(total_cost as double) is null as cost_uncastable,
            coalesce(try_cast(is_byok as boolean), false) as is_byok,
            streamed is not null and try_cast(streamed as boolean) is null as value_uncastable,
            try_cast(tokens_prompt as double) as other_prompt,
            try_cast(tools_provided as boolean) as tools_provided
        from raw;

        -- The order of the reasons is the contract's.
        create table judged as
        select *, case
            when id is null then 'missing_id'
            when account_id is null then 'missing_account'
            when model is null then 'missing_model'
            when created_at is null or created_at < '2020-06-01' then 'invalid_timestamp'
            when cast(created_at as date) > ingest_date + 1 then 'future_timestamp'
            when uncastable or prompt < 0 or prompt <> floor(prompt) or (prompt is null and other_prompt is null)
                then 'invalid_tokens'
            when reasoning > completion then 'reasoning_exceeds_completion'
            when cached > prompt then 'cached_exceeds_prompt'
            when cost_uncastable or cost < 0 then 'invalid_cost'
            when value_uncastable then 'invalid_value'
            end as reason
        from typed;

        create table accepted as
        select * from judged where reason is null
        qualify row_number() over (partition by id order by ingest_date desc, prompt + completion desc) = 1;

        create table models as
        select model_id, m.author_slug as author, total_parameters_b::double as parameters,
            is_reasoning = 'true' as is_reasoning, reasoning_from::date as reasoning_from, reasoning_variant,
            case when is_open_weights = 'false' then 'closed'
                when country_code in ('CN', 'TW', 'HK') then 'chinese' else 'row' end as source
        from seed_models as m left join seed_authors as a using (author_slug);

        create table facts as
        select g.*, prompt + completion as tokens, coalesce(source, 'unknown') as source, author, parameters,
            coalesce(m.model_id, 'unknown') as model_id, date_trunc('week', created_at)::date as week,
            nullif(split_part(g.model, ':', 2), '') as variant,
            coalesce(is_reasoning and (reasoning_from is null or created_at >= reasoning_from)
                and (reasoning_variant is null or reasoning_variant = split_part(g.model, ':', 2)), false) as reasons,
            coalesce(split_part(g.model, ':', 2) = 'free', false) or exists (
                select 1 from seed_free_access_periods as p
                where p.model_id = m.model_id
                    and g.created_at::date between p.starts_on::date and coalesce(p.ends_on::date, date '2099-01-01')
            ) as is_free,
            coalesce(g.finish_reason, f.finish_reason) = 'tool_calls' as calls_tool
        from accepted as g
        left join seed_model_aliases as al on al.alias = split_part(g.model, ':', 1)
        left join models as m on m.model_id = coalesce(al.model_id, split_part(g.model, ':', 1))
        left join seed_finish_reasons as f
            on f.native_finish_reason = g.native_finish_reason and g.finish_reason is null
        where coalesce(api_type, 'completions') = 'completions';

        create view in_window as
        select * from facts where created_at >= '2024-11-03' and created_at < '2025-12-01';

        create table billing as
        select
            account_id, upper(trim(billing_country_code)) as country_code,
            min(ingest_date) over (partition by account_id) as billed_on
        from read_parquet('{landing}/accounts/*/*.parquet') where account_id is not null and updated_at is not null
        qualify row_number() over (partition by account_id order by updated_at desc) = 1;

        create table regions as
        select account_id, country_code, continent
        from billing join seed_countries using (country_code);

        create table labels as
        select generation_id as id, path, confidence from read_parquet('{landing}/classifications/*/*.parquet')
        where generation_id is not null and coalesce(confidence, 0) <= 1;

        create table rules as
        select path_pattern, match_type, tag, category
        from seed_tag_rules join seed_tags using (tag);

        create table tagged_paths as
        select path, tag, category
        from (select distinct path from labels where path is not null) join rules
            on path = path_pattern or (match_type = 'prefix'
                and (path_pattern = '/' or starts_with(path, path_pattern || '/')))
        qualify row_number() over (partition by path order by length(path_pattern) desc, match_type) = 1;

        create table sampled as
        with best as (
            select id, path, confidence from labels
            qualify row_number() over (
                partition by id order by confidence desc nulls last, length(path) desc, path) = 1
        )
        select facts.*,
            case when confidence >= 0.5 then coalesce(category, 'others') else 'others' end as category,
            case when confidence >= 0.5 then tag end as tag,
            case when created_at < '2025-06-02' then 'may' when created_at >= '2025-11-03' then 'late' end as part
        from facts join best using (id) left join tagged_paths using (path)
        where created_at >= '2025-05-05';
        """
    )
    return c, label


def holds(name: str, measured: float) -> None:
    """Assert that a measured number is where the calibration's check wants it."""
    check = CHECKS[name]
    low = check.get("low", check.get("value", 0) - check.get("tolerance", 0))
    high = check.get("high", check.get("value", 0) + check.get("tolerance", 0))
    assert low <= measured <= high, f"{name}: {measured} is not in {low} to {high} ({check['source']})"


def one(c: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The first value of a query."""
    return c.sql(query).fetchone()[0]


def test_every_asked_generation_is_there_once(default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    c, label = default_run
    assert one(c, "select count(*) from accepted where coalesce(api_type, 'completions') = 'completions'") == 400_000
    assert label["label"] == "simulated"
    assert label["counts"]["generations"] == 400_000
    assert label["counts"]["raw_generation_rows"] == one(c, "select count(*) from raw")
    assert label["arguments"]["seed"] == 7


def test_every_kind_of_dirt_is_there_as_often_as_the_label_says(
    default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]],
) -> None:
    c, label = default_run
    counts = label["counts"]
    found = dict(c.sql("select reason, count(*) from judged where reason is not null group by 1").fetchall())
    assert found == counts["malformed_by_reason"]
    assert set(found) == {
        "missing_id", "missing_account", "missing_model", "invalid_timestamp", "future_timestamp", "invalid_tokens",
        "reasoning_exceeds_completion", "cached_exceeds_prompt", "invalid_cost", "invalid_value",
    }  # fmt: skip
    good = one(c, "select count(*) from judged where reason is null")
    kept = one(c, "select count(*) from accepted")
    repeated = counts["duplicates_same_partition"] + counts["duplicates_later_partition"] + counts["corrections"]
    assert good - kept == repeated
    assert counts["corrections_moved_day"] > 0
    assert one(c, "select count(*) from accepted where api_type = 'embeddings'") == counts["other_api_types"]
    lateness = "ingest_date - cast(created_at as date)"
    assert one(c, f"select max({lateness}) from accepted") in range(8, 17)
    assert one(c, f"select count(*) filter ({lateness} > 0) / count(*) from accepted") == pytest.approx(0.026, abs=0.01)
    assert one(c, "select count(distinct native_finish_reason) from accepted where finish_reason is null") > 3
    assert one(c, "select count(*) from facts where model_id = 'unknown'") > 0
    assert one(c, "select count(*) from accepted where account_id not in (select account_id from billing)") > 0
    lags = c.sql(
        """select billed_on - used_on, count(*) from billing
        join (select account_id, min(cast(created_at as date)) as used_on from accepted group by 1) using (account_id)
        group by 1"""
    ).fetchall()
    assert {lag for lag, _ in lags} == {0, 1, 2, 3}, "billed as it is first used, or soon after"
    assert 1 - dict(lags)[0] / sum(n for _, n in lags) == pytest.approx(0.02, abs=0.01)


def test_open_and_closed(default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    c, _ = default_run
    c.execute(
        """create or replace temp table weekly as
        select week, source, sum(tokens) / sum(sum(tokens)) over (partition by week) as share
        from facts where week between '2024-11-04' and '2025-11-24' group by week, source"""
    )
    for source in ("chinese", "row", "closed"):
        holds(f"{source}_mean", one(c, f"select sum(share) / 56 from weekly where source = '{source}'"))
    holds("chinese_smallest_week", one(c, "select min(share) from weekly where source = 'chinese'"))
    holds("chinese_largest_week", one(c, "select max(share) from weekly where source = 'chinese'"))
    late = "select sum(share) / 4 from weekly where source in ('chinese', 'row') and week >= '2025-11-03'"
    holds("oss_late", one(c, late))


def test_authors_have_the_values_and_the_order_of_table_1(
    default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]],
) -> None:
    c, _ = default_run
    rows = c.sql(
        """with totals as (select author, sum(tokens) as tokens from in_window where source in ('chinese', 'row')
            group by author order by tokens desc limit 10)
        select author, tokens * 33.80 / sum(tokens) over () from totals order by 2 desc"""
    ).fetchall()
    expected = CALIBRATION["open_author_trillions"]
    assert [author for author, _ in rows] == list(expected)
    for author, trillions in rows:
        assert trillions == pytest.approx(expected[author], rel=CHECKS["author_trillions_relative"]["tolerance"])


def test_open_models(default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    c, _ = default_run
    c.execute(
        """create or replace temp table open_models as
        select week, model_id, sum(tokens) / sum(sum(tokens)) over (partition by week) as share
        from facts where source in ('chinese', 'row') group by week, model_id"""
    )
    names = CALIBRATION["deepseek_v3_r1"]["models"]
    early = one(
        c,
        f"""select min(share) from (select week, sum(share) as share from open_models
        where model_id in {tuple(names)} and week between '2025-02-10' and '2025-06-23' group by week)""",
    )
    holds("deepseek_v3_r1_early", early)
    holds("largest_open_model_late", one(c, "select max(share) from open_models where week >= '2025-09-01'"))
    over = "select count(*) / 4 from open_models where share > 0.05 and week >= '2025-11-03'"
    holds("open_models_over_5_percent_late", one(c, over))


def test_reasoning(default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    c, _ = default_run
    share = "select coalesce(sum(tokens) filter (reasons), 0) / sum(tokens) from facts where "
    holds("reasoning_january_2025", one(c, share + "created_at between '2025-01-01' and '2025-02-01'"))
    holds("reasoning_last_week", one(c, share + "week = '2025-11-24'"))
    top = c.sql(
        """select model_id from facts where reasons and not is_free and week >= '2025-11-03'
        group by 1 order by sum(tokens) desc limit 5"""
    ).fetchall()
    assert [name for (name,) in top] == [
        "x-ai/grok-code-fast-1", "google/gemini-2.5-pro", "google/gemini-2.5-flash", "x-ai/grok-4-fast",
        "openai/gpt-oss-120b",
    ]  # fmt: skip


def test_tool_calls(default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    c, _ = default_run
    account = one(
        c,
        """select account_id from facts where calls_tool and created_at between '2025-05-05' and '2025-05-26'
        group by 1 order by sum(tokens) desc limit 1""",
    )
    share = "select sum(tokens) filter (calls_tool) / sum(tokens) from facts where "
    holds("tool_calls_spike_week", one(c, share + "week = '2025-05-12'"))
    holds("tool_calls_spike_without_account", one(c, share + f"week = '2025-05-12' and account_id <> '{account}'"))
    bounds = ["2024-11-04", "2025-02-01", "2025-05-01", "2025-08-01", "2025-10-01", "2025-12-01"]
    quarters = [
        one(c, share + f"created_at >= '{low}' and created_at < '{high}' and account_id <> '{account}'")
        for low, high in itertools.pairwise(bounds)
    ]
    assert quarters == sorted(quarters)
    known = "select count(tools_provided) from facts where created_at "
    assert one(c, known + "< '2025-09-01'") == 0
    since = "created_at >= '2025-09-01'"
    assert one(c, known + ">= '2025-09-01'") == one(c, f"select count(*) from facts where {since}")
    assert one(c, f"select count(*) from facts where calls_tool and not tools_provided and {since}") == 0
    provided = "select sum(tokens) filter (tools_provided) / sum(tokens) filter (calls_tool) from facts where "
    assert one(c, provided + since) > 1.5


def test_lengths(default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    c, _ = default_run
    for name, column, when in (
        ("prompt_tokens_early_2024", "prompt", "created_at between '2024-01-01' and '2024-04-01'"),
        ("prompt_tokens_late", "prompt", "week >= '2025-11-03'"),
        ("completion_tokens_early_2024", "completion", "created_at between '2024-01-01' and '2024-04-01'"),
        ("completion_tokens_late", "completion", "week >= '2025-11-03'"),
        ("sequence_tokens_late_2023", "tokens", "created_at < '2024-01-01'"),
        ("sequence_tokens_late", "tokens", "week >= '2025-11-03'"),
    ):
        holds(name, one(c, f"select avg({column}) from facts where {when}"))
    ratio = "select avg(tokens) filter (category = 'programming') / avg(tokens) from sampled where part = 'late'"
    holds("programming_length_ratio_late", one(c, ratio))
    prompt = "select avg(prompt) from sampled where part = 'late' and category = 'programming'"
    holds("programming_prompt_late", one(c, prompt))


def test_categories(default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    c, _ = default_run

    def share(of: str, where: str) -> float:
        return one(
            c,
            f"""select coalesce(sum(tokens) filter ({of}), 0) / sum(tokens) from sampled
            where category <> 'others' and {where}""",
        )

    programming, roleplay = "category = 'programming'", "category = 'roleplay'"
    both = "category in ('programming', 'technology')"
    for name, of, where in (
        ("programming_early", programming, "part = 'may'"),
        ("programming_late", programming, "part = 'late'"),
        ("oss_roleplay_window", roleplay, "source in ('chinese', 'row')"),
        ("oss_programming_window", programming, "source in ('chinese', 'row')"),
        ("chinese_roleplay_window", roleplay, "source = 'chinese'"),
        ("chinese_programming_technology_window", both, "source = 'chinese'"),
        ("roleplay_closed_may", "source = 'closed'", f"{roleplay} and part = 'may'"),
        ("roleplay_row_may", "source = 'row'", f"{roleplay} and part = 'may'"),
        ("roleplay_chinese_may", "source = 'chinese'", f"{roleplay} and part = 'may'"),
        ("roleplay_closed_late", "source = 'closed'", f"{roleplay} and part = 'late'"),
        ("roleplay_row_late", "source = 'row'", f"{roleplay} and part = 'late'"),
        ("anthropic_programming_technology_window", both, "author = 'anthropic'"),
        ("google_legal_window", "category = 'legal'", "author = 'google' and source = 'closed'"),
        ("google_science_window", "category = 'science'", "author = 'google' and source = 'closed'"),
        ("google_programming_late", programming, "author = 'google' and part = 'late'"),
        ("xai_programming_before_18_november", programming, "author = 'x-ai' and created_at < '2025-11-18'"),
        ("openai_science_may", "category = 'science'", "author = 'openai' and part = 'may'"),
        ("openai_science_late", "category = 'science'", "author = 'openai' and part = 'late'"),
        ("openai_programming_late", programming, "author = 'openai' and part = 'late'"),
        ("openai_technology_late", "category = 'technology'", "author = 'openai' and part = 'late'"),
        ("qwen_programming_window", programming, "author = 'qwen'"),
        ("roleplaying_games_of_roleplay", "tag = 'roleplaying_games'", roleplay),
        ("writers_resources_of_roleplay", "tag = 'writers_resources'", roleplay),
        ("adult_of_roleplay", "tag = 'adult'", roleplay),
        ("development_tools_of_programming", "tag = 'development_tools'", programming),
        ("foreign_language_of_translation", "tag = 'foreign_language_resources'", "category = 'translation'"),
        ("machine_learning_of_science", "tag = 'machine_learning_ai'", "category = 'science'"),
        ("government_other_of_legal", "tag = 'government_other'", "category = 'legal'"),
        ("legal_other_of_legal", "tag = 'legal_other'", "category = 'legal'"),
    ):
        holds(name, share(of, where))
    assert one(c, "select count(distinct category) from sampled") == 13


def test_programming_spend(default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    c, _ = default_run
    shares = dict(
        c.sql(
            """select week, sum(cost) filter (author = 'anthropic') / sum(cost) from sampled
            where category = 'programming' and author <> 'x-ai' and not is_free and not is_byok
                and week >= '2025-06-02' group by 1 order by 1"""
        ).fetchall()
    )
    by_week = {str(week): share for week, share in shares.items()}
    holds("anthropic_programming_spend_17_november", by_week["2025-11-17"])
    before = [share > 0.6 for week, share in by_week.items() if week < "2025-11-17"]
    holds("anthropic_programming_spend_weeks_over_60", sum(before) / len(before))


def test_regions_and_languages(default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    c, _ = default_run
    c.execute(
        """create or replace temp table regional as
        select week, coalesce(continent, 'unknown') as region,
            sum(cost) / sum(sum(cost)) over (partition by week) as share
        from facts left join regions using (account_id)
        where not is_byok and not is_free and week between '2024-11-04' and '2025-11-24' group by 1, 2"""
    )
    asia = "select avg(share) from regional where region = 'Asia' and "
    holds("asia_spend_first_weeks", one(c, asia + "week in ('2024-11-04', '2024-11-11')"))
    holds("asia_spend_late", one(c, asia + "week >= '2025-11-03'"))
    half = "select count(*) filter (share < 0.5) / count(*) from regional where region = 'North America'"
    holds("north_america_weeks_under_half", one(c, half))
    us = """select sum(tokens) filter (country_code = 'US') / sum(tokens)
        from in_window left join regions using (account_id)"""
    holds("united_states_tokens", one(c, us))
    languages = dict(
        c.sql(
            """select coalesce(language_code, prompt_language, 'none') as code, sum(tokens) / sum(sum(tokens)) over ()
            from in_window left join seed_language_aliases on alias = prompt_language group by 1"""
        ).fetchall()
    )
    for code in ("en", "zh-Hans", "ru", "es", "th"):
        expected = CALIBRATION["language_share"][code]
        assert languages[code] == pytest.approx(expected, abs=CHECKS["language_absolute"]["tolerance"])


def test_costs(default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    c, _ = default_run
    table_1 = tuple(CALIBRATION["open_author_trillions"])
    per_trillion = one(
        c, f"select sum(tokens) / 33.80 from in_window where source in ('chinese', 'row') and author in {table_1}"
    )
    c.execute(
        """create or replace temp table costs as
        select model_id, sum(cost) / sum(tokens) * 1e6 as cost, sum(tokens) as tokens from in_window
        where not is_byok and not is_free and model_id <> 'unknown' group by 1 having sum(cost) > 0"""
    )
    measured = {name: (cost, tokens) for name, cost, tokens in c.sql("select * from costs").fetchall()}
    for slug, cost in CALIBRATION["model_cost_per_1m_usd"].items():
        assert measured[slug][0] == pytest.approx(cost, rel=CHECKS["model_cost_relative"]["tolerance"]), slug
    for slug, log_millions in CALIBRATION["model_log10_millions"].items():
        usage = math.log10(measured[slug][1] / per_trillion * 1e6)
        assert usage == pytest.approx(log_millions, abs=CHECKS["model_log10_millions"]["tolerance"]), slug
    holds("cost_usage_slope", one(c, "select regr_slope(log10(tokens), log10(cost)) from costs"))
    median = """select median(cost) from (select category, sum(cost) / sum(tokens) * 1e6 as cost from sampled
        where not is_byok and not is_free and category <> 'others' group by 1)"""
    holds("median_category_cost", one(c, median))
    dearest = """select category from sampled where not is_byok and not is_free and category <> 'others'
        group by 1 order by sum(cost) / sum(tokens) desc limit 1"""
    assert one(c, dearest) == "technology"


def test_retention_follows_the_archetypes(default_run: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    c, label = default_run
    assert len(label["truth"]["retention_archetypes"]) == 8
    for slug, spec in CALIBRATION["retention"].items():
        rows = c.sql(
            f"""with months as (
                select distinct account_id, date_trunc('month', created_at) as month from facts
                where model_id = '{slug}'
            ), cohorts as (select account_id, min(month) as cohort from months group by 1)
            select strftime(cohort, '%Y-%m'), count(distinct account_id),
                count(*) filter (datediff('month', cohort, month) = 1),
                count(*) filter (datediff('month', cohort, month) = 2),
                count(*) filter (datediff('month', cohort, month) = 3),
                count(*) filter (datediff('month', cohort, month) = 5)
            from months join cohorts using (account_id) group by 1 order by 1"""
        ).fetchall()
        eligible = [row for row in rows if row[1] >= 100 and row[0] <= "2025-08"]
        assert len(eligible) >= 3, slug
        special = spec.get("cohorts", {})
        for cohort, size, *active in eligible:
            rates = special.get(cohort, spec["usual"])
            for months_since, count in zip((1, 2, 3), active[:3], strict=True):
                assert count / size == pytest.approx(rates[months_since - 1], abs=0.02), (slug, cohort, months_since)
        # The two cohorts that section 7.1 names are the models' first.
        if slug in ("anthropic/claude-sonnet-4", "google/gemini-2.5-pro"):
            ((size, *active),) = [row[1:] for row in rows if row[0] == min(special)]
            assert active[3] / size == pytest.approx(0.40, abs=0.02)
