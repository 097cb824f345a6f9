"""The worked analyses compile, and have rows on the simulated study."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from conftest import PROJECT, Warehouse, failures, of_the_study

from scripts import _paths

ANALYSES = sorted(path.stem for path in (PROJECT / "analyses").glob("*.sql"))


@pytest.fixture(scope="module")
def study() -> Iterator[duckdb.DuckDBPyConnection]:
    published = of_the_study(_paths.published_path())
    with duckdb.connect() as connection:
        # Compiled SQL names the catalog as the warehouse of the tests does.
        connection.execute(f"attach '{published}' as warehouse (read_only)")
        connection.execute("set timezone = 'UTC'")
        yield connection


@pytest.fixture(scope="module")
def compiled(shared_warehouse: Warehouse) -> dict[str, str]:
    shared_warehouse.reset()
    result = shared_warehouse.dbt("compile", "--select", "path:analyses")
    assert result.success, failures(result)
    folder = shared_warehouse.target / "compiled/llm_traffic/analyses"
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.sql")}


def test_every_analysis_compiles_and_says_what_it_asks(compiled: dict[str, str]):
    assert sorted(compiled) == ANALYSES
    assert len(ANALYSES) >= 6
    for name in ANALYSES:
        source = (PROJECT / f"analyses/{name}.sql").read_text(encoding="utf-8")
        assert "Question:" in source and "How to read it:" in source, name


@pytest.mark.parametrize("name", ANALYSES)
def test_an_analysis_has_rows_on_the_simulated_study(
    study: duckdb.DuckDBPyConnection, compiled: dict[str, str], name: str
):
    assert study.sql(compiled[name]).fetchall()


def test_the_largest_account_is_taken_out_of_both_sides(study: duckdb.DuckDBPyConnection, compiled: dict[str, str]):
    rows = study.sql(compiled["mix_without_the_largest_account"]).fetchall()
    assert sum(row[1] for row in rows) == pytest.approx(1, abs=1e-4)
    assert sum(row[2] for row in rows) == pytest.approx(1, abs=1e-4)


def test_a_foundational_cohort_shows_its_evidence(study: duckdb.DuckDBPyConnection, compiled: dict[str, str]):
    cohorts = {
        (row[0], str(row[2])) for row in study.sql(compiled["foundational_cohorts_and_their_evidence"]).fetchall()
    }
    assert ("anthropic/claude-sonnet-4", "2025-05-01") in cohorts
    assert ("openai/gpt-4o-mini", "2024-07-01") in cohorts
