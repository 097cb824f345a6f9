"""The register of the paper's claims: complete, measured by name, and met by the simulated study."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

import duckdb
import pytest
from conftest import PROJECT, Warehouse, failures, of_the_study

from scripts import _paths

REPORT = "models/marts/paper_claims/rpt_paper_claims.sql"
PAPER = {f"Figure {number}" for number in range(1, 30)} | {f"Table {number}" for number in range(1, 4)}


@pytest.fixture(scope="module")
def claims() -> dict[str, dict[str, str]]:
    with (PROJECT / "seeds/study/paper_claims.csv").open(newline="", encoding="utf-8") as file:
        return {row["claim_id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def study() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(of_the_study(_paths.published_path())), read_only=True) as connection:
        yield connection


def test_every_claim_that_can_be_measured_is_and_no_other(shared_warehouse: Warehouse, claims: dict):
    shared_warehouse.reset()
    result = shared_warehouse.dbt("compile", "--select", "rpt_paper_claims")
    assert result.success, failures(result)
    compiled = (shared_warehouse.target / "compiled/llm_traffic" / REPORT).read_text(encoding="utf-8")
    measured = re.findall(r"when '(\w+)' then cast\((?:\w+)\.\1 as double\)", compiled)
    assert len(measured) == len(set(measured))
    assert set(measured) == {name for name, claim in claims.items() if claim["is_measurable"] == "true"}


def test_the_register_is_long_and_covers_every_figure_and_table(claims: dict):
    assert len(claims) >= 90
    assert {claim["figure"] for claim in claims.values() if claim["figure"]} == PAPER
    for name, claim in claims.items():
        if claim["is_measurable"] == "false":
            assert "not measured" in claim["note"], name


def test_every_figure_and_table_has_a_mart(manifest: dict):
    named = set()
    for node in manifest["nodes"].values():
        papers = node["config"].get("meta", {}).get("paper", []) if node["resource_type"] == "model" else []
        named |= {papers} if isinstance(papers, str) else set(papers)
    assert PAPER - named == set()


def test_the_simulated_study_meets_the_paper(study: duckdb.DuckDBPyConnection):
    """At least 95 % of what can be measured is within the tolerance; the rest is explained in the claim's note."""
    unmeasured, within, measured = study.sql(
        """
        select
            count(*) filter (is_measurable and measured_value is null),
            count(*) filter (is_within),
            count(*) filter (is_measurable)
        from marts.rpt_paper_claims
        """
    ).fetchone()
    outside = study.sql(
        """
        select claim_id, measured_value, paper_value, paper_low, paper_high, tolerance, note
        from marts.rpt_paper_claims where not is_within order by claim_id
        """
    ).fetchall()
    assert unmeasured == 0
    assert [claim[:-1] for claim in outside if "On simulated data" not in claim[-1]] == []
    assert within / measured >= 0.95, [claim[:-1] for claim in outside]
