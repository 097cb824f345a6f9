"""The published retention marts of the simulated study: the simulator's own truth, and every test statistic a second time.

`make test` builds them first.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator

import duckdb
import pytest
import yaml
from conftest import PROJECT, of_the_study

from scripts import _paths

RETENTION = yaml.safe_load((PROJECT / "scripts/simulator/calibration.yml").read_text(encoding="utf-8"))["retention"]


@pytest.fixture(scope="module")
def study() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(of_the_study(_paths.published_path())), read_only=True) as connection:
        yield connection


def flagged(study: duckdb.DuckDBPyConnection, model: str, flag: str) -> set[str]:
    """Months of the model's cohorts that carry a flag."""
    rows = study.execute(
        f"select strftime(cohort_month, '%Y-%m') from marts.rpt_model_cohort_signals where model_id = ? and {flag}",
        [model],
    )
    return {month for (month,) in rows.fetchall()}


@pytest.mark.parametrize("model", list(RETENTION))
def test_the_cohorts_that_were_made_different_are_found(study: duckdb.DuckDBPyConnection, model: str):
    """And no other of that model: what is foundational or comes back in the calibration is so in the mart."""
    spec = RETENTION[model]
    exceptions = set(spec.get("cohorts", {}))
    comes_back = spec["archetype"] == "boomerang"
    assert flagged(study, model, "is_foundational") == (set() if comes_back else exceptions)
    assert flagged(study, model, "is_boomerang") == (exceptions if comes_back else set())


def test_archetypes_are_the_simulators_truth(study: duckdb.DuckDBPyConnection):
    truth = json.loads((_paths.landing_path() / "SIMULATED.json").read_text())["truth"]["retention_archetypes"]
    measured = dict(study.sql("select model_id, archetype from marts.rpt_model_retention_archetypes").fetchall())
    assert {model: measured.get(model) for model in truth} == truth
    assert set(truth.values()) == {"foundational", "dominant_launch", "boomerang", "no_fit", "unsettled"}


def test_the_named_cohorts_keep_what_the_study_says(study: duckdb.DuckDBPyConnection):
    """Section 7: about 40 % at month 5 for Claude Sonnet 4 of May and Gemini 2.5 Pro of June 2025."""
    for model, month in [("anthropic/claude-sonnet-4", "2025-05-01"), ("google/gemini-2.5-pro", "2025-06-01")]:
        (rate,) = study.execute(
            """
            select retention_rate from marts.rpt_model_cohort_retention
            where model_id = ? and cohort_month = ? and months_since = 5
            """,
            [model, month],
        ).fetchone()
        assert rate == pytest.approx(0.40, abs=0.02)
    # "Around Month 3" and "around Month 2".
    for model, month, months_since in [
        ("deepseek/deepseek-r1", "2025-04-01", 3),
        ("deepseek/deepseek-chat-v3-0324", "2025-07-01", 2),
    ]:
        assert study.execute(
            "select resurrection_month from marts.rpt_model_cohort_signals where model_id = ? and cohort_month = ?",
            [model, month],
        ).fetchone() == (months_since,)


def test_lifts_and_their_p_values_a_second_time(study: duckdb.DuckDBPyConnection):
    """From the retention mart, in Python, with the C library's erfc."""
    cells = study.sql(
        """
        select model_id, cohort_month, cohort_size, active_accounts, is_left_censored
        from marts.rpt_model_cohort_retention where months_since = 3
        """
    ).fetchall()
    signals = study.sql(
        """
        select model_id, cohort_month, retention_rate, others_rate, lift_p_value, lift_p_value_of_model, is_foundational
        from marts.rpt_model_cohort_signals where retention_rate is not null
        """
    ).fetchall()
    assert len(signals) > 100
    by_model: dict[str, list[tuple]] = {}
    for model, *cell in cells:
        by_model.setdefault(model, []).append(cell)
    cohorts = Counter(model for model, *_ in signals)
    for model, month, rate, others_rate, p_value, p_value_of_model, is_foundational in signals:
        ((size, active),) = [(size, active) for cohort, size, active, _ in by_model[model] if cohort == month]
        others = [cell for cell in by_model[model] if cell[0] != month and not cell[3]]
        others_size = sum(cell[1] for cell in others)
        others_active = sum(cell[2] for cell in others)
        pooled = (active + others_active) / (size + others_size)
        assert rate == active / size
        if not others_size or pooled in (0, 1):
            assert p_value is None and p_value_of_model is None and is_foundational is False, (model, month)
            continue
        lift = active / size - others_active / others_size
        error = math.sqrt(pooled * (1 - pooled) * (1 / size + 1 / others_size))
        expected = math.erfc(abs(lift) / error / math.sqrt(2))
        assert others_rate == pytest.approx(others_active / others_size)
        assert p_value == pytest.approx(expected, abs=1e-12), (model, month)
        continuous = max(abs(lift) - (1 / size + 1 / others_size) / 2, 0)
        together = min(1, cohorts[model] * math.erfc(continuous / error / math.sqrt(2)))
        assert p_value_of_model == pytest.approx(together, abs=1e-11), (model, month)
        assert is_foundational == (lift >= 0.05 - 1e-12 and expected < 0.01), (model, month)
