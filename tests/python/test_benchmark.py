"""The benchmark: its yardsticks make the project's tables row for row, and its harness measures. No time is tested here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT, Warehouse

from scripts.benchmark import engine, landings, report, run, yardstick
from scripts.benchmark.measure import measure, split_of_log, union_seconds
from scripts.simulator.run import Options, simulate

KEY = "a key for tests"
# An interpreter with Polars and chdb, which the project's own environment does not have.
ENGINES_PYTHON = os.environ.get("BENCHMARK_ENGINES_PYTHON", sys.executable)


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 generations of three months, dirty as the simulator makes them, many of them classified."""
    folder = tmp_path_factory.mktemp("benchmark") / "landing"
    simulate(
        Options(
            output=folder,
            generations=20_000,
            start="2025-09-01",
            end=landings.END,
            classified_share=0.1,
            progress=False,
        )
    )
    return folder


@pytest.fixture(scope="module")
def script_tables(landing: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Facts and trust tables of the hand-written script, without marts."""
    output = tmp_path_factory.mktemp("yardstick")
    yardstick.run(engine.Task(landing, output, KEY))
    return output / yardstick.DATABASE


def differences(project: Path, other: Path, table: str) -> list[tuple]:
    """Rows of a table that one file has and the other has not, versions of days aside."""
    rows = []
    for file in (project, other):
        with duckdb.connect() as connection:
            # By the name that views look for their tables under.
            connection.execute(f"attach '{file}' as warehouse (read_only)")
            columns = ", ".join(
                f'"{name}"'
                for name, *_ in connection.execute(f"describe warehouse.{table}").fetchall()
                if name not in engine.VERSION_COLUMNS
            )
            rows.append(Counter(connection.execute(f"select {columns} from warehouse.{table}").fetchall()))
    mine, theirs = rows
    return [("project", *row) for row in mine - theirs][:5] + [("other", *row) for row in theirs - mine][:5]


@pytest.mark.slow
def test_the_hand_written_script_makes_every_table_of_the_project(
    warehouse: Warehouse, landing: Path, tmp_path: Path
) -> None:
    warehouse.landing.rmdir()
    warehouse.landing.symlink_to(landing, target_is_directory=True)
    try:
        manifest = warehouse.dbt("parse", *run.VARS).result
        result = warehouse.dbt("run", *run.VARS, manifest=manifest)
        assert result.success
        nodes = {key: node.to_dict() for key, node in manifest.nodes.items()}
        nodes |= {r.node.unique_id: r.node.to_dict() for r in result.result.results if r.node.resource_type == "model"}
        marts = tmp_path / "marts.json"
        marts.write_text(json.dumps(yardstick.ordered_statements(nodes, warehouse.project)), encoding="utf-8")
        # The path is in the table of what was quarantined, so it has to be the same.
        seconds = yardstick.run(engine.Task(warehouse.landing, tmp_path, KEY, marts=marts))
        assert set(seconds) == {"records", "facts", "trust", "marts"}

        tables = warehouse.tables(["marts"])
        assert {f"marts.{fact}" for fact in engine.FACTS} < set(tables)
        different = {
            t: found for t in tables if (found := differences(warehouse.path, tmp_path / yardstick.DATABASE, t))
        }
        assert different == {}
        for table in ("marts.rpt_quarantined_generations", "marts.fct_tag_usage_daily"):
            assert warehouse.query(f"select count(*) from {table}")[0][0] > 20, f"{table} proves nothing"
    finally:
        warehouse.landing.unlink()
        warehouse.landing.mkdir()


@pytest.mark.parametrize("name", ["polars", "chdb"])
def test_other_engines_make_the_same_facts(
    name: str, landing: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if subprocess.run([ENGINES_PYTHON, "-c", f"import {name}"], capture_output=True).returncode:
        pytest.skip(
            f"{name} is no part of this environment: set BENCHMARK_ENGINES_PYTHON to a Python with requirements/benchmark.in"
        )
    # Not made where there is nothing to compare it with.
    script_tables = request.getfixturevalue("script_tables")
    subprocess.run(
        [ENGINES_PYTHON, "-m", f"scripts.benchmark.{name}_facts", "--landing", landing, "--output", tmp_path],
        cwd=PROJECT,
        env={**os.environ, "PSEUDONYM_KEY": KEY},
        check=True,
    )
    with duckdb.connect(str(script_tables), read_only=True) as connection:
        for fact in engine.FACTS:
            # Other engines have other integers, and round the last digit of a sum of money another way.
            columns = ", ".join(
                f"round({column}, 9) as {column}" if kind == "DOUBLE" else f"cast({column} as {kind}) as {column}"
                for column, kind, *_ in connection.execute(f"describe marts.{fact}").fetchall()
            )
            ours = f"select {columns} from marts.{fact}"
            theirs = f"select {columns} from read_parquet('{tmp_path}/{fact}.parquet')"
            assert connection.execute(f"{ours} except all {theirs} limit 3").fetchall() == [], fact
            assert connection.execute(f"{theirs} except all {ours} limit 3").fetchall() == [], fact


def test_the_yardstick_says_when_it_no_longer_covers_the_project() -> None:
    nodes = {
        "model.a": {
            "resource_type": "model", "name": "rpt_a", "alias": "rpt_a", "schema": "marts", "database": "w",
            "config": {"materialized": "table"}, "compiled_code": "select * from w.intermediate.int_b",
            "relation_name": "w.marts.rpt_a", "depends_on": {"nodes": ["model.int_b"]},
        },
        "model.int_b": {
            "resource_type": "model", "name": "int_b", "alias": "int_b", "schema": "intermediate", "database": "w",
            "config": {"materialized": "table"}, "compiled_code": "select 1", "relation_name": "w.intermediate.int_b",
            "depends_on": {"nodes": []},
        },
    }  # fmt: skip
    with pytest.raises(yardstick.Outdated, match="rpt_a"):
        yardstick.ordered_statements(nodes, PROJECT)


def test_days_are_cut_and_dated_back(landing: Path, tmp_path: Path) -> None:
    history = landings.history(landing, tmp_path / "history")
    held_back = f"ingest_date={landings.HELD_BACK}"
    names = {path.name for path in (history / "openrouter" / "generations").iterdir()}
    assert names and max(names) < held_back

    day = landings.write_day(landing, tmp_path / "day", 150, "own")
    late = landings.write_day(landing, tmp_path / "late", 150, "late")
    arrived = landings.write_day(landing, tmp_path / "arrived", 150, "arrived")
    assert (day.rows, day.late_rows, late.rows, late.late_rows) == (150, 0, 150, 2)
    assert (day.event_days, arrived.rows) == (1, 150)
    assert late.event_days > arrived.event_days > 1, "records of earlier days arrive, too"
    with duckdb.connect() as connection:
        for table, wanted in (("accounts", f"updated_at >= '{landings.HELD_BACK}'"), ("classifications", "true")):
            count = f"select count(*), count(*) filter ({wanted}) from '{{}}/openrouter/{table}/*/*.parquet'"
            ((own, own_wanted), (all_of_it, _)) = (
                connection.execute(count.format(written.folder)).fetchone() for written in (day, arrived)
            )
            assert 0 < own == own_wanted <= all_of_it, table
    with duckdb.connect() as connection:
        pattern = "openrouter/generations/*/*.parquet"
        again = connection.execute(
            f"select count(*) from (select * from '{arrived.folder}/{pattern}' intersect select * from '{late.folder}/{pattern}')"
        ).fetchone()[0]
    assert again >= 147, "only the late rows differ"

    landings.add_day(history, day)
    assert (history / "openrouter" / "generations" / held_back / "part-0.parquet").is_file()
    landings.remove_day(history)
    assert {path.name for path in (history / "openrouter" / "generations").iterdir()} == names


def test_a_command_is_measured_with_its_children(tmp_path: Path) -> None:
    child = "x = bytearray(200_000_000); import time; time.sleep(0.3)"
    program = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); open('f', 'wb').write(bytes(5000))"
    )
    found = measure([sys.executable, "-c", program], tmp_path / "log", [tmp_path / "f"], folder=tmp_path)
    assert found.peak_memory_bytes > 200_000_000
    assert found.wall_seconds > 0.3 and found.disk_peak_bytes == 5000
    with pytest.raises(Exception, match="ended with 3"):
        measure([sys.executable, "-c", "print('no'); raise SystemExit(3)"], tmp_path / "log", [])


def test_a_log_is_split_by_who_asked(tmp_path: Path) -> None:
    def line(second: float, elapsed: float, kind: str | None) -> str:
        data = {"elapsed": elapsed} | ({"node_info": {"resource_type": kind}} if kind else {})
        return json.dumps(
            {"data": data, "info": {"name": "SQLQueryStatus", "ts": f"2026-01-01T00:00:{second:09.6f}Z"}}
        )  # fmt: skip

    log = tmp_path / "dbt.log"
    log.write_text(
        "\n".join(
            [line(10, 4, "model"), line(11, 3, "test"), line(12, 0.5, "operation"), line(1, 1, None), '{"info": {}}']
        )
    )
    split = split_of_log(log, 20)
    assert {k: round(split[k], 6) for k in ("models", "tests", "hooks", "catalogue", "overhead")} == {
        "models": 4, "tests": 1, "hooks": 0.5, "catalogue": 1, "overhead": 13.5,
    }  # fmt: skip
    assert split["statements"] == {"models": 1, "tests": 1, "hooks": 1, "catalogue": 1}
    assert union_seconds([(0, 2), (1, 3), (5, 6)]) == 4


# As little as the harness needs of a project: the seed that it edits, a model that reads the landing, a test.
SMALL_PROJECT = {
    "dbt_project.yml": "{name: small, version: '1.0', config-version: 2, profile: small, seeds: {small: {+schema: reference}}}",
    "profiles.yml": """
small:
  target: dev
  outputs:
    dev: {type: duckdb, path: "{{ env_var('WAREHOUSE_PATH') }}", schema: staging, threads: 1}
""",
    "seeds/catalogue/models.csv": "model_id,display_name\na/b,B\na/c,C\n",
    "models/counted.sql": """
{{ config(materialized='table') }}
select count(*) as generations, (select count(*) from {{ ref('models') }}) as models
from read_parquet('{{ env_var("LANDING_PATH") }}/openrouter/generations/*/part-0.parquet')
""",
    "models/counted.yml": "{models: [{name: counted, columns: [{name: generations, data_tests: [not_null]}]}]}",
}


@pytest.mark.slow
def test_the_harness_measures_resumes_and_writes_its_page(landing: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    for name, text in SMALL_PROJECT.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text, encoding="utf-8")
    settings = run.Settings(
        sizes=(20_000,),
        results=tmp_path / "results.jsonl",
        scratch=tmp_path / "scratch",
        landings={20_000: landing},
        memory_limit="1GB",
        repeats=1,
        only=("yardstick_duckdb", "full_with_tests", "day", "cold_day_without_tests", "seed_edit"),
        is_trial=True,
        project=project,
    )
    said: list[str] = []
    run.run(settings, said.append)
    measured = {m["scenario"]: m for m in run.read(settings.results)}
    assert set(measured) == set(settings.only)
    for found in measured.values():
        assert found["is_trial"] and found["wall_seconds"] > 0 < found["cpu_seconds"]
        assert found["peak_memory_bytes"] > 10**7 and found["size_bytes"] > 0 < found["disk_peak_bytes"]
    assert measured["day"]["day"] == measured["cold_day_without_tests"]["day"]
    assert measured["day"]["day"]["rows"] == 20_000 // landings.DAYS
    assert measured["full_with_tests"]["split"]["statements"]["tests"] >= 1
    parts = [measured["day"]["split"][kind] for kind in ("models", "tests", "hooks", "catalogue", "overhead")]
    assert sum(parts) == pytest.approx(measured["day"]["wall_seconds"])
    assert "(edited)" not in (project / "seeds/catalogue/models.csv").read_text(encoding="utf-8")

    run.run(settings, said.append)
    assert len(run.read(settings.results)) == len(measured), "what has been measured is not measured again"

    some = run.read(settings.results)
    assert "Nothing has been measured" in report.render(some, include_trials=True), "some scenarios are no whole run"
    whole = [m | {"run_id": "a whole run", "environment": m["environment"] | {"only": []}} for m in some]
    assert "Nothing has been measured" in report.render(whole), "a trial is no result"
    page, _, again = report.render([*whole, *some], include_trials=True).partition("### Some of it, measured again")
    assert "A trial run" in page and "Run of a whole run" in page and str(tmp_path) not in page
    again, _, rest = again.partition("## Full builds")
    assert f"Run of {some[0]['run_id']}" in again and "--only yardstick_duckdb full_with_tests day" in again
    assert "memory" in again and "A one-day increment: at most" not in again, "it had no full build to compare with"
    assert "0.02 M: one-day increment" in rest and "not measured" in rest


def test_the_page_is_what_its_results_say() -> None:
    page = PROJECT / "BENCHMARKS.md"
    assert page.read_text(encoding="utf-8") == report.render(run.read(PROJECT / "docs" / "benchmarks.jsonl"))
