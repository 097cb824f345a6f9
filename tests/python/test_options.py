"""Options whose every value is seen to act, on the marts that they reach; the others are tested beside what they change."""

from __future__ import annotations

import json

import pytest
from conftest import CORE, Warehouse, failures
from landings import generation, generations, land_two_weeks

COST_MARTS = (
    "+rpt_model_cost_usage",
    "+rpt_region_weekly",
    "+rpt_category_cost_usage",
    "+rpt_category_author_spend_weekly",
)


def land(warehouse: Warehouse, *rows: dict) -> None:
    warehouse.land("openrouter/generations/ingest_date=2025-09-07/part-0.parquet", generations(list(rows)))


@pytest.mark.parametrize(("excluded", "tokens", "spend"), [("true", 100, 1.0), ("false", 100 + 200 + 400, 1.0 + 2.0)])
def test_free_access_in_cost_metrics(warehouse: Warehouse, excluded: str, tokens: int, spend: float):
    """Grok Code Fast 1 was free at its launch, then cost; a `:free` variant costs nothing. BYOK is never in."""
    grok = "x-ai/grok-code-fast-1"
    (ends_on,) = (
        line.split(",")[2]
        for line in (warehouse.project / "seeds/catalogue/free_access_periods.csv").read_text().splitlines()
        if line.startswith(f"{grok},")
    )
    assert ends_on > "2025-09-01"
    land(
        warehouse,
        generation(1, "2025-09-01", 100, 0, model="openai/gpt-4o-mini", total_cost=1),
        generation(2, "2025-09-01", 200, 0, model=grok, total_cost=2),
        generation(3, "2025-09-01", 400, 0, model="openai/gpt-4o-mini:free", total_cost=0),
        generation(4, "2025-09-01", 800, 0, model="openai/gpt-4o-mini", total_cost=4, is_byok=True),
    )
    labels = " union all ".join(
        f"select '{generation(number, '', 0, 0)['id']}' as generation_id, '/Computers & Electronics/Programming/Other' as path,"
        " 0.9 as confidence, timestamp '2025-09-02 00:00:00' as classified_at"
        for number in range(1, 5)
    )
    warehouse.land("openrouter/classifications/ingest_date=2025-09-07/part-0.parquet", labels)
    warehouse.selection = COST_MARTS
    warehouse.build("--vars", f"{{cost_excludes_free_access: {excluded}}}")
    totals = "select sum(total_tokens), sum(spend_usd) from marts.rpt_model_cost_usage"
    assert warehouse.query(totals) == [(tokens, spend)]
    assert warehouse.query("select sum(spend_usd), sum(total_tokens) from marts.rpt_region_weekly") == [(spend, 1500)]
    assert warehouse.query("select sampled_tokens, sampled_spend_usd from marts.rpt_category_cost_usage") == [
        (tokens, spend)
    ]
    assert warehouse.query("select sum(spend_usd) from marts.rpt_category_author_spend_weekly") == [(spend,)]


@pytest.mark.parametrize(
    ("omitted", "shares"),
    [
        ("[x-ai]", {"openai": 1.0, "x-ai": None}),
        ("[openai, x-ai]", {"openai": None, "x-ai": None}),
        ("[]", {"openai": 0.25, "x-ai": 0.75}),
    ],
)
def test_authors_omitted_from_spend_share(warehouse: Warehouse, omitted: str, shares: dict[str, float | None]):
    land(
        warehouse,
        generation(1, "2025-09-01", 100, 0, model="openai/gpt-4o-mini", total_cost=1),
        generation(2, "2025-09-01", 200, 0, model="x-ai/grok-4", total_cost=3),
    )
    warehouse.land(
        "openrouter/classifications/ingest_date=2025-09-07/part-0.parquet",
        " union all ".join(
            f"select '{generation(number, '', 0, 0)['id']}' as generation_id, '/Adult' as path, 0.9 as confidence,"
            " timestamp '2025-09-02 00:00:00' as classified_at"
            for number in (1, 2)
        ),
    )
    warehouse.selection = ("+rpt_category_author_spend_weekly",)
    warehouse.build("--vars", f"{{authors_omitted_from_spend_share: {omitted}}}")
    rows = warehouse.query(
        "select author_slug, spend_share, spend_share_all from marts.rpt_category_author_spend_weekly order by all"
    )
    assert [row[2] for row in rows] == [0.25, 0.75]
    assert {author: share for author, share, _ in rows} == shares


@pytest.mark.slow
def test_earliest_plausible_date(warehouse: Warehouse):
    """Another date reads the files again: what was quarantined before need not be so now."""
    land(warehouse, generation(1, "2025-09-01", 100, 0), generation(2, "2025-09-03", 200, 0))
    warehouse.selection = CORE
    total = "select sum(total_tokens)::int from marts.fct_usage_daily"
    warehouse.build()
    assert warehouse.query(total) == [(300,)]
    warehouse.build("--vars", "{earliest_plausible_date: 2025-09-02}")
    assert warehouse.query(total) == [(200,)]
    assert warehouse.query("select generation_id, reason from marts.rpt_quarantined_generations") == [
        (generation(1, "", 0, 0)["id"], "invalid_timestamp")
    ]
    warehouse.build()
    assert warehouse.query(total) == [(300,)]


# No option has its default in either.
OTHERWISE = {
    "study_start": None,
    "study_end": None,
    "token_basis": "normalized",
    "category_attribution": "weighted",
    "classifier_min_confidence": 0.6,
    "category_start": None,
    "cost_excludes_free_access": False,
    "authors_omitted_from_spend_share": [],
    "retention_cohort_basis": "platform",
    "retention_signal_month": 2,
    "min_cohort_size": 30,
    "no_fit_max_rate": 0.4,
    "earliest_plausible_date": "2024-01-01",
}
OTHERWISE_AGAIN = OTHERWISE | {
    "study_start": "2025-01-01",
    "study_end": "2025-06-30",
    "category_attribution": "full",
    "category_start": "2025-07-01",
    "authors_omitted_from_spend_share": ["openai"],
    "min_cohort_size": 1000,
}


@pytest.mark.slow
def test_the_projects_own_tests_pass_under_every_option(warehouse: Warehouse):
    """`dbt build --vars` runs the unit tests too: one that takes an option's default for granted would stop the build."""
    land_two_weeks(warehouse)
    warehouse.selection = ()
    for options, tests in ((OTHERWISE, ()), (OTHERWISE_AGAIN, ("--select", "test_type:unit"))):
        variables = json.dumps(options | {"max_unknown_token_share": 1})
        warehouse.build("--vars", variables)
        result = warehouse.dbt("test", *tests, "--vars", variables)
        assert result.success, failures(result)
