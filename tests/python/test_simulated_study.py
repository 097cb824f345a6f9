"""The built and published marts of the simulated study: the study's numbers, the simulator's own counts, the summary.

`make test` builds them first. The tolerances stand beside the calibration, in scripts/simulator/calibration.yml.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import duckdb
import pytest
import yaml
from conftest import PROJECT, of_the_study

from scripts import _paths, summary

CALIBRATION = yaml.safe_load((PROJECT / "scripts/simulator/calibration.yml").read_text(encoding="utf-8"))
CHECKS = CALIBRATION["checks"]


@pytest.fixture(scope="module")
def study() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(of_the_study(_paths.published_path())), read_only=True) as connection:
        yield connection


def holds(check: str, measured: float) -> None:
    """Compare with the tolerance written beside the calibration."""
    bounds = CHECKS[check]
    low = bounds.get("low", bounds.get("value", 0) - bounds.get("tolerance", 0))
    high = bounds.get("high", bounds.get("value", 0) + bounds.get("tolerance", 0))
    assert low <= measured <= high, f"{check}: {measured} is not within {low} to {high}"


def test_weekly_shares_of_figure_1(study: duckdb.DuckDBPyConnection):
    means = dict(
        study.sql(
            """
            with weeks as (
                select week_start from marts.dim_weeks
                where is_complete_week and week_start >= '2024-11-03' and week_end <= '2025-11-30'
            )

            select source_type, sum(token_share) / (select count(*) from weeks)
            from marts.rpt_source_type_weekly
            where week_start in (from weeks)
            group by source_type
            """
        ).fetchall()
    )
    holds("chinese_mean", means["chinese_oss"])
    holds("row_mean", means["row_oss"])
    holds("closed_mean", means["closed"])
    smallest, largest = study.sql(
        """
        select min(token_share), max(token_share) from marts.rpt_source_type_weekly
        where source_type = 'chinese_oss' and is_complete_week and week_start >= '2024-11-03'
        """
    ).fetchone()
    holds("chinese_smallest_week", smallest)
    holds("chinese_largest_week", largest)


def test_order_and_values_of_table_1(study: duckdb.DuckDBPyConnection):
    rows = study.sql(
        """
        select author_slug, 33.80 * total_tokens / sum(total_tokens) over ()
        from marts.rpt_oss_authors where token_rank <= 10 order by token_rank
        """
    ).fetchall()
    expected = CALIBRATION["open_author_trillions"]
    assert [author for author, _ in rows] == list(expected)
    for author, trillions in rows:
        assert trillions == pytest.approx(expected[author], rel=CHECKS["author_trillions_relative"]["tolerance"])


def test_open_models_of_figure_3(study: duckdb.DuckDBPyConnection):
    early = study.sql(
        """
        select min(deepseek_v3_r1_share) from marts.rpt_oss_concentration_weekly
        where week_start between '2025-02-10' and '2025-06-23'
        """
    ).fetchone()[0]
    holds("deepseek_v3_r1_early", early)
    late = study.sql(
        "select max(top_model_share) from marts.rpt_oss_concentration_weekly where week_start >= '2025-09-01'"
    ).fetchone()[0]
    holds("largest_open_model_late", late)


def test_releases_are_taken_up_within_weeks(study: duckdb.DuckDBPyConnection):
    impact = study.sql("select model_id, weeks_to_1pct_of_oss from marts.rpt_model_release_impact").fetchall()
    assert len(impact) == 7
    assert all(weeks is not None and weeks <= 4 for _, weeks in impact), impact


def test_the_simulators_own_counts_come_back(study: duckdb.DuckDBPyConnection):
    counts = json.loads((_paths.landing_path() / "SIMULATED.json").read_text())["counts"]
    generations, raw = study.sql(
        """
        select (select generations from marts.rpt_load_summary),
               sum(raw_rows) from marts.rpt_source_reconciliation where source_name = 'openrouter.generations'
        """
    ).fetchone()
    # Every generation that was asked for is accepted, once; the other api types are accepted and enter no metric.
    assert raw == counts["raw_generation_rows"]
    assert generations == counts["generations"]
    quarantined = dict(
        study.sql(
            """
            select reason, count(*) from marts.rpt_quarantined_generations
            where source_name = 'openrouter.generations' group by all
            """
        ).fetchall()
    )
    assert quarantined == counts["malformed_by_reason"]


def test_the_summary_says_that_it_is_simulated(study: duckdb.DuckDBPyConnection):
    text = summary.summarise(study)
    assert "from SIMULATED data" in text and "DeepSeek" in text and "accepted" in text
