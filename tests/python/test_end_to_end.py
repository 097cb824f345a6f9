"""Hand-made landings, built as an orchestrator would build them, with answers worked out by hand."""

from __future__ import annotations

import csv
import datetime
import gzip
import json
import shutil
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT, RECORDS, Warehouse, failures, slow
from landings import generation, generations, land_two_weeks

JUNE_2 = datetime.date(2025, 6, 2)
JUNE_9 = datetime.date(2025, 6, 9)
# Tests that look at nothing but what is selected: the rest is not built here.
WITHIN = ("--indirect-selection", "cautious")
SEED_EDIT = (
    "models",
    "dim_authors",
    "dim_models",
    "dim_model_slugs",
    "int_model_usage_daily",
    "rpt_source_type_weekly",
    "rpt_taxonomy_coverage",
)
SHARED_EXPORT = PROJECT.parent / "shared/data/real/openrouter_activity_export_sample.csv"


@pytest.mark.parametrize("extension", ["parquet", "csv", "jsonl"])
def test_two_weeks_by_hand(warehouse: Warehouse, extension: str):
    warehouse.environment["LANDING_FORMAT"] = "json" if extension == "jsonl" else extension
    warehouse.land_and_build(land_two_weeks, extension)

    assert warehouse.query(
        """
        select week_start, source_type, total_tokens, round(token_share, 9), generations, is_complete_week
        from marts.rpt_source_type_weekly order by all
        """
    ) == [
        (JUNE_2, "chinese_oss", 300, 0.3, 1, True),
        (JUNE_2, "closed", 200, 0.2, 2, True),
        (JUNE_2, "row_oss", 500, 0.5, 1, True),
        (JUNE_9, "chinese_oss", 600, 0.6, 1, True),
        (JUNE_9, "unknown", 400, 0.4, 1, True),
    ]
    assert warehouse.query(
        "select author_slug, total_tokens, token_rank from marts.rpt_oss_authors order by token_rank"
    ) == [("deepseek", 900, 1), ("meta-llama", 500, 2)]
    assert warehouse.query(
        """
        select source_name, ingest_date, raw_rows, accepted_rows, duplicate_rows, quarantined_rows, late_rows,
               max_lateness_days
        from marts.rpt_source_reconciliation order by all
        """
    ) == [
        ("openrouter.accounts", datetime.date(2025, 6, 8), 2, 2, 0, 0, 2, 7),
        ("openrouter.classifications", datetime.date(2025, 6, 15), 3, 3, 0, 0, 3, 6),
        ("openrouter.generations", datetime.date(2025, 6, 8), 6, 4, 1, 1, 1, 5),
        ("openrouter.generations", datetime.date(2025, 6, 15), 4, 3, 0, 1, 2, 13),
    ]
    assert warehouse.query("select generation_id, reason from marts.rpt_quarantined_generations order by reason") == [
        (generation(10, "", 0, 0)["id"], "future_timestamp"),
        (generation(9, "", 0, 0)["id"], "reasoning_exceeds_completion"),
    ]
    # The billing countries: acc_a's is trimmed and upper-cased, Namibia's NA is a text.
    assert warehouse.query(
        "select country_code, sum(generations)::int from marts.fct_usage_daily group by all order by all"
    ) == [("NA", 1), ("US", 5)]
    # One sampled generation each; the label of a generation that never arrived is in no sum.
    assert warehouse.query(
        """
        select paths.category, sum(sampled_generations)::int, sum(sampled_tokens)::int
        from marts.fct_tag_usage_daily join marts.dim_category_paths as paths on path = category_path
        group by all order by all
        """
    ) == [("others", 1, 600), ("roleplay", 1, 300)]
    assert warehouse.query(
        "select seed_name, natural_key, total_tokens, round(token_share, 9) from marts.rpt_taxonomy_coverage order by all"
    ) == [
        ("finish_reasons", "odd", 400, 0.2),
        ("models", "nobody/new-model", 400, 0.2),
        ("tag_rules", "/Sports/Other", 600, round(600 / 900, 9)),
    ]
    assert warehouse.query(
        """
        select uncached_input_tokens, cache_read_tokens, visible_output_tokens, reasoning_tokens
        from marts.fct_usage_daily where model_slug in ('deepseek/deepseek-r1:free', 'meta-llama/llama-3.3-70b-instruct')
        order by model_slug
        """
    ) == [(250, 0, 10, 40), (50, 400, 50, 0)]


def test_no_account_id_and_no_key_is_stored(warehouse: Warehouse):
    land_two_weeks(warehouse)
    warehouse.build()
    secret = warehouse.environment["PSEUDONYM_KEY"]
    for table in warehouse.tables(("staging", "intermediate", "marts", "reference")):
        text = str(warehouse.query(f"select * from {table}"))
        assert "acc_a" not in text and "acc_b" not in text, table
    views = str(warehouse.query("select sql from duckdb_views() where not internal"))
    assert "pseudonym_key" in views and secret not in views
    # Compiled SQL and artifacts, which go into the published docs.
    assert warehouse.dbt("compile", "--select", *warehouse.selection, "resource_type:analysis").success
    for file in warehouse.target.rglob("*"):
        if file.is_file():
            assert secret not in file.read_text(errors="ignore"), file
    (pseudonyms,) = warehouse.query("select count(distinct account_key) from marts.fct_account_model_months")[0]
    assert pseudonyms == 2


def test_another_key_gives_other_pseudonyms(warehouse: Warehouse):
    warehouse.land_and_build(land_two_weeks)
    query = "select distinct account_key from marts.fct_account_model_months"
    before = set(warehouse.query(query))
    warehouse.environment["PSEUDONYM_KEY"] = "another key"
    warehouse.build()
    after = set(warehouse.query(query))
    assert len(after) == 2 and not before & after


def test_an_empty_landing_builds_every_mart(warehouse: Warehouse):
    warehouse.selection = ()
    warehouse.build()
    marts = warehouse.tables(("marts",))
    assert len(marts) >= 40
    for table in marts:
        rows = warehouse.query(f"select count(*) from {table}")[0][0]
        name = table.split(".")[1]
        if name.startswith(("fct_", "rpt_")) and name not in (
            "rpt_load_summary",
            "rpt_model_release_impact",
            "rpt_paper_claims",
        ):
            assert rows == 0, table
        assert warehouse.query(f"select count(*) from (describe {table})")[0][0] > 1
    # What a catalogue row says of itself is there; what traffic would say is null.
    assert warehouse.query(
        "select count(*) from marts.rpt_model_release_impact where coalesce(source_share_before, weeks_to_1pct_of_oss) is not null"
    ) == [(0,)]
    assert warehouse.query("select raw_rows, is_simulated from marts.rpt_load_summary") == [(0, False)]


def test_a_landing_that_is_not_there_is_empty(warehouse: Warehouse):
    warehouse.selection = RECORDS
    shutil.rmtree(warehouse.landing)
    warehouse.build()
    assert warehouse.query("select raw_rows from marts.rpt_load_summary") == [(0,)]


@pytest.mark.parametrize(
    ("path", "column"),
    [
        ("openrouter/generations/ingest_date=2025-06-16/part-0", "account_id"),
        ("openrouter/generations/ingest_date=2025-06-16/part-0", "model"),
    ],
)
@pytest.mark.parametrize("extension", ["parquet", "csv", "jsonl"])
def test_a_missing_required_column_is_named(warehouse: Warehouse, path: str, column: str, extension: str):
    warehouse.selection = RECORDS
    warehouse.environment["LANDING_FORMAT"] = "json" if extension == "jsonl" else extension
    warehouse.land_and_build(land_two_weeks, extension)
    before = warehouse.contents()
    file = warehouse.land(f"{path}.{extension}", generations([generation(11, "2025-06-16", 1, 1)], exclude=(column,)))
    result = warehouse.dbt("run", "--select", *warehouse.selection)
    assert not result.success
    message = failures(result)
    assert str(file) in message and f"no column {column}" in message
    assert warehouse.contents() == before


def test_a_file_that_is_not_what_it_says_is_named(warehouse: Warehouse):
    warehouse.selection = RECORDS
    warehouse.land_and_build(land_two_weeks)
    before = warehouse.contents()
    file = warehouse.landing / "openrouter/generations/ingest_date=2025-06-16/part-0.parquet"
    file.parent.mkdir()
    file.write_text("id,created_at\n1,2\n")
    result = warehouse.dbt("run", "--select", *warehouse.selection)
    assert not result.success
    assert str(file) in failures(result)
    assert warehouse.contents() == before


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("openrouter/generations/ingest_date=2025-06-16/part-0.csv", "is no parquet file by its name"),
        ("openrouter/generations/part-0.parquet", "lies in no ingest_date=YYYY-MM-DD folder"),
        ("openrouter/generations/ingest_date=2025-13-16/part-0.parquet", "is no calendar date"),
    ],
)
def test_a_file_in_the_wrong_place_is_named(warehouse: Warehouse, path: str, message: str):
    file = warehouse.land(path, generations([generation(11, "2025-06-16", 1, 1)]))
    result = warehouse.dbt("build")
    assert not result.success
    assert str(file) in failures(result) and message in failures(result)


def test_the_other_copy_counts_when_the_better_ones_file_is_gone(warehouse: Warehouse):
    """And nothing else came: the partitions of ids that are compared again are those of what was listed as replaced."""
    warehouse.selection = RECORDS
    first = generation(1, "2025-06-02", 90, 10)
    warehouse.land("openrouter/generations/ingest_date=2025-06-02/part-0.parquet", generations([first]))
    later = warehouse.land(
        "openrouter/generations/ingest_date=2025-06-09/part-0.parquet",
        generations([first | {"native_tokens_prompt": 190}, generation(2, "2025-06-09", 5, 5)]),
    )
    total = "select sum(generations)::int, sum(total_tokens)::int from marts.fct_usage_daily"
    warehouse.build()
    assert warehouse.query(total) == [(2, 210)]
    later.unlink()
    warehouse.build()
    assert warehouse.query(total) == [(1, 100)]


@pytest.mark.parametrize(
    "left_out",
    [
        ("fct_usage_daily", "int_event_weeks"),
        *slow(
            ("fct_account_finish_reason_weeks", "fct_account_model_months"),
            ("int_event_months",),
            ("int_slug_months",),
            ("int_account_model_parts",),
        ),
    ],
)
def test_a_selection_without_what_is_between_loses_nothing(warehouse: Warehouse, left_out: tuple[str, ...]):
    """What is made of a table is made of the parts that it has, not of those that there are."""
    tables = (
        "int_slug_usage_daily",
        "int_country_usage_daily",
        "int_prompt_language_usage_daily",
        "int_model_usage_daily",
        "int_tool_calls_weekly",
        "int_account_model_months",
        "fct_account_usage_weeks",
    )
    warehouse.selection = tuple(f"+{table}" for table in tables)
    warehouse.land_and_build(land_two_weeks)
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-20/part-0.parquet",
        generations([generation(99, "2025-06-20", 7, 0, model="openai/gpt-4.1-mini")]),
    )
    result = warehouse.dbt("run", "--select", *warehouse.selection, "--exclude", *left_out)
    assert result.success, failures(result)
    warehouse.build()
    all_tokens = warehouse.query("select sum(total_tokens) from intermediate.int_counted_generations")
    for table in (*tables, *(table for table in left_out if table.startswith("fct"))):
        schema = "marts" if table.startswith("fct") else "intermediate"
        assert warehouse.query(f"select sum(total_tokens) from {schema}.{table}") == all_tokens, table


@pytest.mark.slow
def test_a_selection_without_the_event_days_loses_nothing(warehouse: Warehouse):
    """Tables of accounts take new files for built only where the days that they touch were known."""
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-02/part-0.parquet", generations([generation(1, "2025-06-02", 9, 1)])
    )
    warehouse.build()
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-03/part-0.parquet",
        generations([generation(2, "2025-06-03", 9, 1, account_id="acc_b")]),
    )
    steps = (
        "int_landed_files",
        "stg_openrouter__generations",
        "int_generations_checked",
        "int_generation_file_days",
        "int_generations_superseded",
    )
    result = warehouse.dbt("run", "--select", *steps, "dim_model_slugs", "fct_account_model_months")
    assert result.success, failures(result)
    warehouse.build()
    assert warehouse.query("select count(*), sum(generations)::int from marts.fct_account_model_months") == [(2, 2)]


def test_an_emptied_landing_does_not_empty_the_warehouse(warehouse: Warehouse):
    """A volume that is not mounted looks like a landing without files."""
    warehouse.selection = RECORDS
    warehouse.land_and_build(land_two_weeks)
    before = warehouse.contents()
    shutil.rmtree(warehouse.landing)
    result = warehouse.dbt("run", "--select", *warehouse.selection)
    assert not result.success and "Is it mounted?" in failures(result)
    assert warehouse.contents() == before
    warehouse.build("--full-refresh")
    assert warehouse.query("select raw_rows from marts.rpt_load_summary") == [(0,)]


def test_odd_paths_are_read(warehouse: Warehouse, tmp_path: Path):
    """Quotes, wildcards and blanks in the path, and a partition behind a symbolic link."""
    warehouse.selection = RECORDS
    warehouse.landing = warehouse.root / "o'brien [prod] * ?"
    warehouse.environment["LANDING_PATH"] = str(warehouse.landing)
    try:
        land_two_weeks(warehouse)
        folder = warehouse.landing / "openrouter/generations/ingest_date=2025-06-15"
        elsewhere = tmp_path / "elsewhere"
        folder.rename(elsewhere)
        folder.symlink_to(elsewhere, target_is_directory=True)
        warehouse.build()
        assert warehouse.query("select sum(total_tokens)::int from marts.fct_usage_daily") == [(2000,)]
    finally:
        shutil.rmtree(warehouse.landing)
        warehouse.landing = warehouse.root / "landing"
        warehouse.environment["LANDING_PATH"] = str(warehouse.landing)


def test_file_names_may_differ_in_case_alone(warehouse: Warehouse):
    warehouse.selection = RECORDS
    # In an increment: that names the files that it reads.
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-16/a.parquet", generations([generation(1, "2025-06-16", 1, 1)])
    )
    warehouse.build()
    for number, name in ((2, "part-a"), (3, "part-A")):
        path = f"openrouter/generations/ingest_date=2025-06-17/{name}.parquet"
        warehouse.land(path, generations([generation(number, "2025-06-17", 1, 1)]))
    warehouse.build()
    assert warehouse.query("select sum(generations) from marts.fct_usage_daily") == [(3,)]


def test_markers_of_writers_are_ignored(warehouse: Warehouse):
    warehouse.selection = RECORDS
    land_two_weeks(warehouse)
    folder = warehouse.landing / "openrouter/generations/ingest_date=2025-06-08"
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.parquet.crc").write_bytes(b"crc")
    (folder / "_temporary").mkdir()
    (folder / "_temporary" / "part-1.parquet").write_text("half written")
    warehouse.build()
    assert warehouse.query("select sum(generations)::int from marts.fct_usage_daily") == [(6,)]


def test_types_order_and_extra_columns_may_differ_from_file_to_file(warehouse: Warehouse):
    warehouse.selection = RECORDS
    land_two_weeks(warehouse)
    expected_tokens = 2000 + 15
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-14/part-0.parquet",
        "select 'secret prompt' as prompt_text, * from ("
        + generations(
            [
                generation(20, "2025-06-14", "10", "5"),
                generation(21, "2025-06-14", "ten", 5),
                generation(22, "2025-06-14", "1.5", 5),
                generation(23, "some day", 1, 5) | {"created_at": "some day"},
                generation(24, "2025-06-14", 1, 5, cancelled="perhaps"),
                generation(25, "2025-06-14", 1, 5, total_cost="-0.5"),
                generation(26, "2025-06-14", 1, 5, total_cost="Infinity"),
                generation(27, "2025-06-14", 1, 5, native_tokens_cached="2"),
                generation(28, "2025-06-14", 1, 5, account_id="  "),
                generation(31, "infinity", 1, 5) | {"created_at": "infinity"},
                generation(32, "2025-06-14", 1, 5, total_cost="1e17"),
                generation(33, "2025-06-14", "1e15", 5),
                generation(29, "2025-06-14", None, None),
            ],
            types=dict.fromkeys(
                ("created_at", "native_tokens_prompt", "native_tokens_cached", "cancelled", "total_cost"), "text"
            ),
        )
        + ")",
    )
    warehouse.build()
    assert warehouse.query("select sum(total_tokens)::int from marts.fct_usage_daily") == [(expected_tokens,)]
    assert warehouse.query(
        """
        select right(generation_id, 2)::int, reason from marts.rpt_quarantined_generations
        where ingest_date = '2025-06-14' order by 1
        """
    ) == [
        (21, "invalid_tokens"),
        (22, "invalid_tokens"),
        (23, "invalid_timestamp"),
        (24, "invalid_value"),
        (25, "invalid_cost"),
        (26, "invalid_cost"),
        (27, "cached_exceeds_prompt"),
        (28, "missing_account"),
        (29, "invalid_tokens"),
        (31, "invalid_timestamp"),
        (32, "invalid_cost"),
        (33, "invalid_tokens"),
    ]
    records = [
        json.loads(record)
        for (record,) in warehouse.query(
            "select raw_record from marts.rpt_quarantined_generations order by generation_id"
        )
    ]
    # As it was landed, without the account and without columns that the contract does not know.
    assert all("account_id" not in record and "prompt_text" not in record for record in records)
    assert "ten" in [record["native_tokens_prompt"] for record in records]


def test_types_that_do_not_unite_are_read_apart(warehouse: Warehouse):
    """A time in one file, a number in the next; a count in one, a flag in the next: united, the flag would be 1 token."""
    warehouse.selection = RECORDS
    land_two_weeks(warehouse)
    for number, types in ((41, {"created_at": "bigint"}), (42, {"native_tokens_prompt": "boolean"})):
        row = generation(number, "2025-06-14", 1, 5) | ({"created_at": "1749902400"} if number == 41 else {})
        warehouse.land(
            f"openrouter/generations/ingest_date=2025-06-14/part-{number}.parquet", generations([row], types=types)
        )
    warehouse.build()
    assert warehouse.query("select sum(total_tokens)::int from marts.fct_usage_daily") == [(2000,)]
    assert warehouse.query(
        "select reason from marts.rpt_quarantined_generations where ingest_date = '2025-06-14' order by all"
    ) == [("invalid_timestamp",), ("invalid_tokens",)]


def test_a_named_zone_stays_with_its_own_value(warehouse: Warehouse):
    """DuckDB reads the zone-less times that follow one with a named zone in that zone too: a file's neighbours would move."""
    warehouse.selection = RECORDS
    times = {
        1: ("2025-06-10 00:30:00", "2025-06-10 00:30:00"),
        2: ("2025-06-09 10:00:00 America/New_York", "2025-06-09 14:00:00"),
        3: ("2025-06-10 22:30:00", "2025-06-10 22:30:00"),
        4: ("2025-06-10T00:30:00+05:30", "2025-06-09 19:00:00"),
        5: ("2025-06-10T23:59:59.5Z", "2025-06-10 23:59:59.5"),
        6: ("2025-06-10 23:59:59 EST", "2025-06-11 04:59:59"),
        7: ("2025-06-10", "2025-06-10 00:00:00"),
        8: ("2025-06-10 22:30", "2025-06-10 22:30:00"),
    }
    rows = [generation(number, "", 1, 1) | {"created_at": landed} for number, (landed, _) in times.items()]
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-10/region=eu/shard=1/part-0.parquet",
        generations(rows, types={"created_at": "text"}),
    )
    warehouse.build()
    assert warehouse.query(
        "select right(generation_id, 1)::int, created_at::text from intermediate.int_generations order by 1"
    ) == [(number, utc) for number, (_, utc) in times.items()]


def test_flags_may_be_numbers(warehouse: Warehouse):
    """A flag with nulls becomes a floating number in many a writer's hands."""
    warehouse.selection = RECORDS
    flags = {1: "1.0", 2: "0.0", 3: None, 4: "0.5"}
    rows = [generation(number, "2025-06-10", 1, 1, is_byok=flag) for number, flag in flags.items()]
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-10/part-0.parquet", generations(rows, types={"is_byok": "double"})
    )
    warehouse.build()
    assert warehouse.query(
        "select right(generation_id, 1)::int, is_byok from intermediate.int_generations order by 1"
    ) == [(1, True), (2, False), (3, False)]
    assert warehouse.query("select reason from marts.rpt_quarantined_generations") == [("invalid_value",)]


def test_a_build_that_does_not_fit_into_memory_ends(warehouse: Warehouse):
    """DuckDB writes to its temporary directory, and from then on refuses a session that sets it again."""
    one = generations([generation(0, "2025-06-02", 10, 5, total_cost=0.1)])
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-08/part-0.parquet",
        f"select one.* replace (one.id || '-' || i as id) from range(300000) as numbers (i) cross join ({one}) as one",
    )
    warehouse.environment["DUCKDB_MEMORY_LIMIT"] = "200MB"
    warehouse.selection = ("+fct_usage_daily",)
    warehouse.build()
    assert warehouse.query("select sum(generations)::int from marts.fct_usage_daily") == [(300_000,)]


def test_raw_records_are_json_whatever_the_numbers(warehouse: Warehouse):
    """JSON knows neither NaN nor Infinity, though DuckDB writes them."""
    warehouse.selection = RECORDS
    rows = [
        generation(number, "2025-06-14", 1, 5, total_cost=cost) for number, cost in ((1, "nan"), (2, "-inf"), (3, -1))
    ]
    warehouse.land("openrouter/generations/ingest_date=2025-06-14/part-0.parquet", generations(rows))
    warehouse.build()
    records = warehouse.query("select reason, raw_record from marts.rpt_quarantined_generations order by generation_id")

    def refuse(constant: str) -> None:
        raise AssertionError(f"no JSON: {constant}")

    assert [reason for reason, _ in records] == ["invalid_cost"] * 3
    costs = [json.loads(record, parse_constant=refuse)["total_cost"] for _, record in records]
    assert costs == ["NaN", "-Infinity", -1]


def test_gzipped_csv_is_read(warehouse: Warehouse):
    warehouse.selection = RECORDS
    warehouse.environment["LANDING_FORMAT"] = "csv"
    land_two_weeks(warehouse, "csv")
    for file in list(warehouse.landing.rglob("*.csv")):
        file.with_suffix(".csv.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    warehouse.build()
    assert warehouse.query("select sum(total_tokens)::int from marts.fct_usage_daily") == [(2000,)]


def test_a_second_build_changes_nothing(warehouse: Warehouse):
    warehouse.land_and_build(land_two_weeks)
    before = warehouse.contents(("intermediate", "marts", "reference"))
    warehouse.build()
    assert warehouse.contents(("intermediate", "marts", "reference")) == before


def later_arrivals(warehouse: Warehouse) -> None:
    """Late rows, a correction to another day, a label, a move to another country: all for days long built."""
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-20/part-0.parquet",
        generations(
            [
                generation(30, "2025-06-03", 1000, 0, model="qwen/qwen3-coder"),
                # Record 4 was of 8 June: it moves to 4 June, with fewer tokens.
                generation(4, "2025-06-04", 40, 10, model="meta-llama/llama-3.3-70b-instruct"),
                # A bad correction leaves the good record.
                generation(5, "2025-06-09", -1, 100, model="deepseek/deepseek-chat"),
            ]
        ),
    )
    warehouse.land(
        "openrouter/accounts/ingest_date=2025-06-20/part-0.parquet",
        "select 'acc_b' as account_id, 'DE' as billing_country_code, timestamp '2025-06-19 00:00:00' as updated_at",
    )
    warehouse.land(
        "openrouter/classifications/ingest_date=2025-06-20/part-0.parquet",
        f"""
        select '{generation(1, "", 0, 0)["id"]}' as generation_id, '/Adult' as path, 0.7 as confidence,
               timestamp '2025-06-19 00:00:00' as classified_at
        """,
    )


def changed_and_removed_files(warehouse: Warehouse) -> None:
    """A landed file is delivered anew with other rows, another is taken away."""
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-15/part-0.parquet",
        generations([generation(5, "2025-06-10", 50, 50, model="deepseek/deepseek-chat")]),
    )
    (warehouse.landing / "openrouter/classifications/ingest_date=2025-06-15/part-0.parquet").unlink()


@pytest.mark.parametrize("left_out", ["int_landed_files", *slow("stg_openrouter", "nothing")])
def test_a_manifest_and_views_of_different_moments_lose_nothing(warehouse: Warehouse, left_out: str):
    """As a selection leaves them, or an orchestrator to which every model is a command of its own."""
    warehouse.selection = ("+fct_usage_daily", "+fct_tag_usage_daily", "+rpt_source_reconciliation")
    warehouse.land_and_build(land_two_weeks)
    later_arrivals(warehouse)
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-15/part-0.parquet",
        generations([generation(5, "2025-06-10", 50, 50)]),
    )
    for step in ("int_landed_files", "stg_openrouter*", "int_*_checked"):
        if not step.startswith(left_out):
            result = warehouse.dbt("run", "--select", step)
            assert result.success, failures(result)
    warehouse.build()
    increment = warehouse.contents()
    warehouse.build("--full-refresh")
    assert warehouse.contents() == increment


@pytest.mark.slow
@pytest.mark.parametrize("change", [later_arrivals, changed_and_removed_files])
def test_an_increment_equals_a_full_refresh(warehouse: Warehouse, change):
    warehouse.land_and_build(land_two_weeks)
    before = warehouse.contents(("marts",))
    change(warehouse)
    warehouse.build()
    increment = warehouse.contents(("intermediate", "marts"))
    warehouse.build("--full-refresh")
    refreshed = warehouse.contents(("intermediate", "marts"))
    assert increment == refreshed
    assert increment["marts.fct_usage_daily"] != before["marts.fct_usage_daily"]
    assert increment["marts.fct_tag_usage_daily"] != before["marts.fct_tag_usage_daily"]
    assert increment["marts.fct_account_model_months"] != before["marts.fct_account_model_months"]


def test_an_increment_rebuilds_only_the_days_that_it_touches(warehouse: Warehouse):
    warehouse.land_and_build(land_two_weeks)
    versions = "select part, version from intermediate.built_parts where model_name = 'fct_usage_daily'"
    before = dict(warehouse.query(versions))
    later_arrivals(warehouse)
    warehouse.build()
    after = dict(warehouse.query(versions))
    changed = {day for day in before | after if before.get(day) != after.get(day)}
    # 3 June: a late row, and acc_b's move; 4 June: the corrected record comes; 8 June: it goes.
    assert changed == {"2025-06-03", "2025-06-04", "2025-06-08"}


def move(warehouse: Warehouse, account: str, country: str, day: int) -> None:
    warehouse.land(
        f"openrouter/accounts/ingest_date=2025-06-{day}/part-0.parquet",
        f"select '{account}' as account_id, '{country}' as billing_country_code, timestamp '2025-06-{day} 00:00:00' as updated_at",
    )


def land_two_accounts(warehouse: Warehouse) -> None:
    """On one day, in one country; one model is used by both, the others by one of them."""
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-02/part-0.parquet",
        generations(
            [
                generation(1, "2025-06-02", 1, 0, model="both", account_id="acc_a"),
                generation(2, "2025-06-02", 2, 0, model="both", account_id="acc_b"),
                generation(3, "2025-06-02", 3, 0, model="only_a", account_id="acc_a"),
                # No language and no native reason in any, here no reason either.
                generation(4, "2025-06-02", 4, 0, model="only_b", account_id="acc_b", finish_reason=None),
            ]
        ),
    )
    move(warehouse, "acc_a", "US", 10)
    move(warehouse, "acc_b", "US", 11)


def usage_by_country(warehouse: Warehouse) -> list[tuple]:
    return warehouse.query(
        "select model_slug, country_code, total_tokens, generations from marts.fct_usage_daily order by all"
    )


@pytest.mark.slow
def test_a_moved_account_rebuilds_its_cells_alone(warehouse: Warehouse):
    warehouse.land_and_build(land_two_accounts)
    warehouse.execute("update marts.fct_usage_daily set spend_usd = 1000 + total_tokens")
    move(warehouse, "acc_b", "DE", 12)
    warehouse.build()
    assert usage_by_country(warehouse) == [
        ("both", "DE", 2, 1),
        ("both", "US", 1, 1),
        ("only_a", "US", 3, 1),
        ("only_b", "DE", 4, 1),
    ]
    assert warehouse.query("select model_slug from marts.fct_usage_daily where spend_usd > 1000") == [("only_a",)]


def test_a_first_country_on_the_day_of_a_move(warehouse: Warehouse):
    """Cells are known of the account that moves alone, so the day is built whole."""
    warehouse.selection = ("+fct_usage_daily",)
    land_two_accounts(warehouse)
    shutil.rmtree(warehouse.landing / "openrouter/accounts/ingest_date=2025-06-10")
    warehouse.build()
    move(warehouse, "acc_a", "FR", 12)
    move(warehouse, "acc_b", "DE", 13)
    warehouse.build()
    assert usage_by_country(warehouse) == [
        ("both", "DE", 2, 1),
        ("both", "FR", 1, 1),
        ("only_a", "FR", 3, 1),
        ("only_b", "DE", 4, 1),
    ]


@pytest.mark.parametrize(
    "steps",
    [
        # The fact misses a change: of two, the last is not all.
        ("b moves", "countries", "a moves", "countries", "days"),
        *slow(
            ("b moves", "countries", "days", "a moves", "countries", "days"),
            # It is built with countries that are newer than the days' versions.
            ("b moves", "countries", "days", "a moves", "countries", "fact"),
            # Records change on the day, too.
            ("b moves", "countries", "days", "a record", "records", "days"),
            # Countries are made anew.
            ("b moves", "countries", "days", "all countries", "a moves", "countries"),
        ),
    ],
    ids=" > ".join,
)
def test_moves_that_a_selection_misses_are_made_up_for(warehouse: Warehouse, steps: tuple[str, ...]):
    warehouse.selection = ("+fct_usage_daily", "+int_country_usage_daily")
    warehouse.land_and_build(land_two_accounts)
    landed = ("int_landed_files", "stg_openrouter__accounts", "stg_openrouter__generations")
    accounts = ("int_accounts_checked", "int_accounts_superseded", "int_accounts", "int_account_countries")
    selections = {
        "countries": (*landed, *accounts),
        "all countries": (*landed, *accounts, "--full-refresh"),
        "records": (*landed, "int_generations_checked", "int_generations_superseded", "int_generation_file_days"),
        "days": ("int_event_days",),
        "fact": ("fct_usage_daily",),
    }
    changes = {
        "a moves": lambda: move(warehouse, "acc_a", "FR", 13),
        "b moves": lambda: move(warehouse, "acc_b", "DE", 12),
        "a record": lambda: warehouse.land(
            "openrouter/generations/ingest_date=2025-06-12/part-0.parquet",
            generations([generation(5, "2025-06-02", 5, 0, model="only_a", account_id="acc_a")]),
        ),
    }
    for step in steps:
        if step in changes:
            changes[step]()
        else:
            result = warehouse.dbt("run", "--select", *selections[step])
            assert result.success, failures(result)
    warehouse.build()
    increment = warehouse.contents(("intermediate", "marts"))
    warehouse.build("--full-refresh")
    assert warehouse.contents(("intermediate", "marts")) == increment


@pytest.mark.slow
@pytest.mark.parametrize("away", [("03",), ("02", "03")], ids=["one file", "all files of the account"])
def test_a_file_that_was_away_while_an_account_moved(warehouse: Warehouse, away: tuple[str, ...]):
    """Its records come back as they were, and the build that saw the move was killed before the fact."""
    warehouse.selection = ("+fct_usage_daily",)
    for number, day in enumerate(("02", "03")):
        warehouse.land(
            f"openrouter/generations/ingest_date=2025-06-{day}/part-0.parquet",
            generations([generation(number, "2025-06-02", 1, 0, model=f"model_{day}", account_id="acc_b")]),
        )
    move(warehouse, "acc_b", "US", 11)
    warehouse.build()
    folders = [warehouse.landing / f"openrouter/generations/ingest_date=2025-06-{day}" for day in away]
    for folder in folders:
        folder.rename(warehouse.root / f"away_{folder.name}")
    move(warehouse, "acc_b", "DE", 12)
    result = warehouse.dbt("run", "--select", "+int_account_countries", "int_generation_file_days")
    assert result.success, failures(result)
    for folder in folders:
        (warehouse.root / f"away_{folder.name}").rename(folder)
    warehouse.build()
    assert usage_by_country(warehouse) == [("model_02", "DE", 1, 1), ("model_03", "DE", 1, 1)]


def test_another_landing_replaces_the_records_of_the_first(warehouse: Warehouse):
    warehouse.selection = RECORDS
    land_two_weeks(warehouse)
    (warehouse.landing / "SIMULATED.json").write_text("{}")
    warehouse.build()
    assert warehouse.query("select is_simulated from marts.rpt_load_summary") == [(True,)]
    shutil.rmtree(warehouse.landing)
    warehouse.land(
        "openrouter/generations/ingest_date=2025-07-01/part-0.parquet",
        generations([generation(40, "2025-07-01", 7, 3)]),
    )
    warehouse.build()
    assert warehouse.query("select is_simulated, raw_rows, total_tokens from marts.rpt_load_summary") == [
        (False, 1, 10)
    ]


def test_the_token_basis_is_an_option(warehouse: Warehouse):
    warehouse.selection = RECORDS
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-08/part-0.parquet",
        generations(
            [
                generation(1, "2025-06-02", 100, 50, tokens_prompt=80, tokens_completion=40),
                generation(2, "2025-06-02", 100, None, tokens_prompt=None, tokens_completion=40),
            ]
        ),
    )
    total = "select sum(total_tokens)::int from marts.fct_usage_daily"
    warehouse.build()
    assert warehouse.query(total) == [(150 + 140,)]
    # An option is part of what a day was built from: no full refresh is needed.
    warehouse.build("--vars", "{token_basis: normalized}")
    assert warehouse.query(total) == [(120 + 140,)]


@pytest.mark.slow
def test_a_null_window_means_everything(warehouse: Warehouse):
    warehouse.land(
        "openrouter/generations/ingest_date=2026-06-08/part-0.parquet",
        generations([generation(1, "2026-06-02", 100, 50, model="deepseek/deepseek-r1")]),
    )
    warehouse.build()
    assert warehouse.query("select count(*) from marts.rpt_oss_authors") == [(0,)]
    warehouse.build("--vars", "{study_start: null, study_end: null}")
    assert warehouse.query("select author_slug, total_tokens from marts.rpt_oss_authors") == [("deepseek", 150)]


def test_adding_the_suggested_row_places_a_model_without_reading_raw(warehouse: Warehouse):
    warehouse.land_and_build(land_two_weeks)
    (row,) = warehouse.query("select suggested_row from marts.rpt_taxonomy_coverage where seed_name = 'models'")[0]
    seeds = warehouse.project / "seeds" / "catalogue"
    for seed, line in (("models", row), ("authors", "nobody,Nobody,,test")):
        lines = (seeds / f"{seed}.csv").read_text().splitlines()
        (seeds / f"{seed}.csv").write_text("\n".join([lines[0], *sorted([*lines[1:], line])]) + "\n")
    # There is nothing to read any more, and nothing asks for it.
    shutil.rmtree(warehouse.landing)
    # Of all that depends on the seeds, what the test has built.
    result = warehouse.dbt("build", "--select", "authors", *SEED_EDIT, *WITHIN, "--exclude", "test_type:unit")
    assert result.success, failures(result)
    assert warehouse.query(
        "select source_type, total_tokens from marts.rpt_source_type_weekly where week_start = '2025-06-09' order by all"
    ) == [("chinese_oss", 600), ("closed", 400)]
    assert warehouse.query("select count(*) from marts.rpt_taxonomy_coverage where seed_name = 'models'") == [(0,)]


def test_a_wrong_seed_row_is_caught(warehouse: Warehouse):
    warehouse.build()
    models = warehouse.project / "seeds" / "catalogue" / "models.csv"
    row = "nobody/new-model,New,nobody,,true,,,false,,,2025-06-09,,false,,,"
    models.write_text(models.read_text() + row + "\n")
    result = warehouse.dbt("build", "--select", "models")
    assert not result.success
    # Its author is not in the seed, and an open model without its size has to say why.
    assert "relationships_models_author_slug" in failures(result)


EXPORT = {
    "generation_id": "gen-1-a",
    "created_at": "2025-08-20 10:00:00.100",
    "cost_total": "0.001641",
    "cost_web_search": "",
    "cost_cache": "",
    "cost_file_processing": "",
    "byok_usage_inference": "0",
    "tokens_prompt": "264",
    "tokens_completion": "84",
    "tokens_reasoning": "67",
    "tokens_cached": "0",
    "model_permaslug": "openai/gpt-4o-mini",
    "provider_name": "Azure",
    "variant": "standard",
    "cancelled": "false",
    "streamed": "true",
    "user": "",
    "finish_reason_raw": "completed",
    "finish_reason_normalized": "stop",
    "generation_time_ms": "2373",
    "time_to_first_token_ms": "2230",
    "app_name": "App, with comma",
    "api_key_name": "key one",
    "api_key_disabled": "false",
}


def test_an_activity_export_is_a_source(warehouse: Warehouse):
    warehouse.selection = RECORDS
    discounted = {
        "generation_id": "gen-1-b",
        "created_at": "2025-08-24 23:00:00.100",
        "cost_cache": "-0.006331",
        "tokens_prompt": "35985",
        "tokens_completion": "647",
        "tokens_reasoning": "0",
        "tokens_cached": "35351",
        "model_permaslug": "deepseek/deepseek-chat-v3-0324",
        "variant": "free",
    }
    more_cached_than_sent = {"generation_id": "gen-1-c", "tokens_cached": "265"}
    # A time to come is no valid event day: it neither dates the file nor counts.
    to_come = {"generation_id": "gen-1-d", "created_at": "2999-01-01 00:00:00"}
    (warehouse.landing / "openrouter_export").mkdir()
    with (warehouse.landing / "openrouter_export" / "activity.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, EXPORT)
        writer.writeheader()
        writer.writerows(EXPORT | row for row in ({}, discounted, discounted, more_cached_than_sent, to_come))
    warehouse.build()
    assert warehouse.query(
        """
        select source_name, ingest_date, raw_rows, accepted_rows, duplicate_rows, quarantined_rows
        from marts.rpt_source_reconciliation
        """
    ) == [("openrouter_export.generations", datetime.date(2025, 8, 24), 5, 2, 1, 2)]
    assert warehouse.query(
        "select model_slug, total_tokens, spend_usd, cache_discount_usd from marts.fct_usage_daily order by all"
    ) == [
        ("deepseek/deepseek-chat-v3-0324:free", 36632, 0.001641, 0.006331),
        ("openai/gpt-4o-mini", 348, 0.001641, 0.0),
    ]


@pytest.mark.slow
@pytest.mark.skipif(
    not SHARED_EXPORT.exists(),
    reason="needs a real export, which is no part of the project; the tests above use one made up",
)
def test_the_real_export_ties_to_the_cent(warehouse: Warehouse):
    folder = warehouse.landing / "openrouter_export"
    folder.mkdir()
    shutil.copy(SHARED_EXPORT, folder)
    result = warehouse.dbt("build", "--select", *warehouse.selection, *WITHIN, "--exclude", "test_type:unit")
    assert result.success, failures(result)
    rows, tokens, cost = duckdb.sql(
        f"select count(*), sum(tokens_prompt + tokens_completion), round(sum(cost_total), 9) from '{SHARED_EXPORT}'"
    ).fetchone()
    assert warehouse.query(
        "select sum(raw_rows)::int, sum(accepted_rows)::int from marts.rpt_source_reconciliation"
    ) == [(rows, rows)]
    assert warehouse.query("select sum(total_tokens), round(sum(spend_usd), 9) from marts.fct_usage_daily") == [
        (tokens, cost)
    ]
    unknown = dict(warehouse.query("select natural_key, suggested_row from marts.rpt_taxonomy_coverage"))
    assert set(unknown) == {
        slug for (slug,) in duckdb.sql(f"select distinct model_permaslug from '{SHARED_EXPORT}'").fetchall()
    }
    models = warehouse.project / "seeds" / "catalogue" / "models.csv"
    models.write_text(models.read_text() + "\n".join(unknown.values()) + "\n")
    shutil.rmtree(warehouse.landing)
    # Of all that depends on the seed, what the test has built.
    result = warehouse.dbt("build", "--select", *SEED_EDIT, *WITHIN, "--exclude", "test_type:unit")
    assert result.success, failures(result)
    assert warehouse.query("select distinct source_type from marts.rpt_source_type_weekly order by all") == [
        ("chinese_oss",),
        ("closed",),
    ]


def test_views_without_their_account_are_not_read(warehouse: Warehouse):
    """As in a warehouse of before there was one: what is read of them would be read again."""
    warehouse.land_and_build(land_two_weeks)
    before = warehouse.contents(("intermediate",))
    warehouse.execute("delete from intermediate.built_parts where model_name like 'stg_%'")
    result = warehouse.dbt("run", "--full-refresh", "--select", "int_*_checked")
    assert failures(result).count("does not say which landed files it reads. Build it, too") == 3
    assert warehouse.contents(("intermediate",)) == before


@pytest.mark.slow
def test_a_changed_file_is_not_read_by_an_old_view(warehouse: Warehouse):
    """It would look for the columns that the file had."""
    warehouse.selection = ("+fct_usage_daily",)
    name = "openrouter/generations/ingest_date=2025-06-02/part-0.parquet"
    record = generation(1, "2025-06-02", 1, 0)
    warehouse.land(name, generations([record], exclude=("prompt_language",)))
    warehouse.build()
    warehouse.land(name, generations([record | {"prompt_language": "en"}]))
    result = warehouse.dbt("run", "--select", "int_landed_files", "int_generations_checked")
    assert result.success, failures(result)
    warehouse.build()
    assert warehouse.query("select prompt_language from marts.fct_usage_daily") == [("en",)]


def test_a_staging_view_may_come_first(warehouse: Warehouse):
    """Before there is a manifest it lists the landing, and nothing counts as read."""
    warehouse.selection = ("+rpt_load_summary",)
    land_two_weeks(warehouse)
    result = warehouse.dbt("run", "--select", "stg_openrouter__generations")
    assert result.success, failures(result)
    warehouse.build()
    assert warehouse.query("select raw_rows from marts.rpt_load_summary") == [(15,)]


def test_files_that_are_gone_stop_views_and_not_documentation(warehouse: Warehouse):
    warehouse.selection = ("+fct_usage_daily",)
    warehouse.land_and_build(land_two_weeks)
    gone = warehouse.landing / "openrouter/generations/ingest_date=2025-06-08/part-0.parquet"
    gone.unlink()
    result = warehouse.dbt("compile", "--select", "+fct_usage_daily")
    assert result.success, failures(result)
    result = warehouse.dbt("run", "--select", "stg_openrouter__generations")
    assert f"Landed file {gone} is gone since the landing was listed" in failures(result)


def test_a_table_without_its_account_is_built_anew(warehouse: Warehouse):
    """What a table was built from is kept beside it. If that is lost, nothing may be counted twice."""
    warehouse.land_and_build(land_two_weeks)
    before = warehouse.contents(("intermediate", "marts"))
    warehouse.execute("delete from intermediate.built_parts")
    warehouse.build()
    assert warehouse.contents(("intermediate", "marts")) == before
