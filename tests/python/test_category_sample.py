"""Category marts over hand-made samples: late, repeated, orphaned, tied, weak and missing labels, under each attribution."""

from __future__ import annotations

import datetime

import pytest
from conftest import Warehouse, failures
from landings import generation, generations

JUNE_2 = datetime.date(2025, 6, 2)
CODE = "/Computers & Electronics/Programming/Other"
TOOLS = "/Computers & Electronics/Programming/Development Tools"
HEALTH = "/Health/Aging & Geriatrics"
GAMES = "/Games/Roleplaying Games"
NOWHERE = "/No Such Branch/At All"


@pytest.fixture
def warehouse(warehouse: Warehouse) -> Warehouse:
    """Builds what is made from the sample, and what that is made of."""
    warehouse.selection = (
        "+path:models/marts/categories",
        "+rpt_oss_category_weekly",
        "+rpt_category_source_type_weekly",
        "+rpt_sequence_length_by_category_weekly",
        "+rpt_category_cost_usage",
    )
    return warehouse


def label(number: int, path: str | None, confidence: float | None, classified_at: str = "2025-06-03 00:00:00") -> str:
    """A classification of the generation of that number."""
    quoted = "null" if path is None else f"'{path}'"
    return f"""
        select '{generation(number, "", 0, 0)["id"]}' as generation_id, cast({quoted} as text) as path,
               cast({"null" if confidence is None else confidence} as double) as confidence,
               timestamp '{classified_at}' as classified_at"""


def land_labels(warehouse: Warehouse, ingest_date: str, *labels: str) -> None:
    warehouse.land(f"openrouter/classifications/ingest_date={ingest_date}/part-0.parquet", " union all ".join(labels))


def land_generations(warehouse: Warehouse, *rows: dict) -> None:
    """Generations of the week of 2 June, and one without a label on its Sunday: the week is complete."""
    week_end = generation(99, "2025-06-08", 1000, 0)
    warehouse.land("openrouter/generations/ingest_date=2025-06-08/part-0.parquet", generations([*rows, week_end]))


def category_weekly(warehouse: Warehouse) -> list[tuple]:
    return warehouse.query(
        """
        select category, round(sampled_generations, 9), round(sampled_tokens, 9), round(token_share, 9),
               round(token_share_with_others, 9), round(estimated_tokens, 6)
        from marts.rpt_category_weekly order by category
        """
    )


def category_marts(warehouse: Warehouse) -> dict[str, list[tuple]]:
    """Everything that is made from the sample."""
    contents = warehouse.contents(("intermediate", "marts"))
    chosen = {name: rows for name, rows in contents.items() if "category" in name or "tag_usage" in name}
    assert len(chosen) >= 11
    return chosen


@pytest.mark.slow
def test_labels_that_come_ten_days_late_and_twice(warehouse: Warehouse):
    land_generations(
        warehouse,
        generation(1, "2025-06-02", 90, 10),
        generation(2, "2025-06-03", 250, 50, model="deepseek/deepseek-r1"),
    )
    warehouse.build()
    assert category_weekly(warehouse) == []

    # Ten days later; the second delivery of the same path counts, whatever the first one said.
    land_labels(warehouse, "2025-06-12", label(1, CODE, 0.9), label(2, CODE, 0.9, "2025-06-12 01:00:00"))
    land_labels(warehouse, "2025-06-13", label(2, CODE, 0.2, "2025-06-13 01:00:00"), label(2, GAMES, 0.8))
    warehouse.build()
    # 100 + 300 sampled tokens stand for 1,400.
    assert category_weekly(warehouse) == [
        ("programming", 1, 100, 0.25, 0.25, 350),
        ("roleplay", 1, 300, 0.75, 0.75, 1050),
    ]
    assert warehouse.query(
        "select category, source_type, sampled_tokens, token_share from marts.rpt_category_source_type_weekly order by all"
    ) == [("programming", "closed", 100, 1), ("roleplay", "chinese_oss", 300, 1)]
    assert warehouse.query(
        "select scope, category, token_share, is_complete_week from marts.rpt_oss_category_weekly order by all"
    ) == [("all_oss", "roleplay", 1, True), ("chinese_oss", "roleplay", 1, True)]

    late = category_marts(warehouse)
    warehouse.build("--full-refresh")
    assert category_marts(warehouse) == late


@pytest.mark.slow
def test_labels_of_generations_that_never_arrive_are_in_no_sum(warehouse: Warehouse):
    land_generations(warehouse, generation(1, "2025-06-02", 90, 10))
    land_labels(warehouse, "2025-06-08", label(7, GAMES, 0.9), label(8, None, None))
    warehouse.build()
    assert category_weekly(warehouse) == []
    # One of them arrives after its label: its day gets a sample.
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-09/part-0.parquet", generations([generation(7, "2025-06-04", 5, 5)])
    )
    warehouse.build()
    assert category_weekly(warehouse) == [("roleplay", 1, 10, 1, 1, 1110)]
    arrived = category_marts(warehouse)
    warehouse.build("--full-refresh")
    assert category_marts(warehouse) == arrived


def test_ties_thresholds_and_missing_labels(warehouse: Warehouse):
    land_generations(warehouse, *(generation(number, "2025-06-02", 10**number, 0) for number in range(1, 7)))
    land_labels(
        warehouse,
        "2025-06-08",
        # 1: equal confidence, the longer path wins.
        label(1, GAMES, 0.9),
        label(1, TOOLS, 0.9),
        # 2: equal confidence and length, the alphabetically first wins.
        label(2, "/Games/aa", 0.7),
        label(2, "/Adult/ab", 0.7),
        # 3: exactly the threshold counts, and is the only one that does.
        label(3, GAMES, 0.5),
        label(3, CODE, 0.499999),
        # 4: sampled without a label; 5: nothing over the threshold; 6: no rule matches.
        label(4, None, None),
        label(5, CODE, 0.4),
        label(6, NOWHERE, 0.9),
    )
    warehouse.build()
    assert warehouse.query(
        "select category_path, sampled_tokens from marts.fct_tag_usage_daily where sampled_tokens < 10000 order by 2"
    ) == [(TOOLS, 10), ("/Adult/ab", 100), (GAMES, 1000)]
    rows = {row[0]: row[1:] for row in category_weekly(warehouse)}
    assert rows["programming"][:2] == (1, 10)
    assert rows["roleplay"][:2] == (2, 1100)
    assert rows["others"][:3] == (3, 1_110_000, None)
    assert rows["roleplay"][2] == round(1100 / 1110, 9)
    assert warehouse.query("select tag, sampled_tokens from marts.rpt_category_tags where category = 'others'") == [
        ("others", 1_110_000)
    ]
    assert warehouse.query(
        "select category, sampled_generations from marts.rpt_sequence_length_by_category_weekly where category = 'all'"
    ) == [("all", 6)]


@pytest.mark.parametrize(
    "attribution, expected",
    [
        # 1: 100 tokens of programming by two labels and of roleplay; 2: 60 of roleplay; 3: 40, 0.6 programming, 0.4 others.
        ("primary", [("others", 0, 0), ("programming", 2, 140), ("roleplay", 1, 60)]),
        # For which the project is parsed anew.
        pytest.param(
            "weighted", [("others", 0.4, 16), ("programming", 1.35, 99), ("roleplay", 1.25, 85)], marks=pytest.mark.slow
        ),
        # Programming once for generation 1, however many of its labels are in it.
        ("full", [("others", 1, 40), ("programming", 2, 140), ("roleplay", 2, 160)]),
    ],
)
def test_attributions(warehouse: Warehouse, attribution: str, expected: list[tuple]):
    land_generations(
        warehouse,
        generation(1, "2025-06-02", 100, 0),
        generation(2, "2025-06-02", 60, 0),
        generation(3, "2025-06-02", 40, 0),
    )
    land_labels(
        warehouse,
        "2025-06-08",
        label(1, CODE, 0.8),
        label(1, TOOLS, 0.7),
        label(1, GAMES, 0.5),
        label(2, GAMES, 0.9),
        label(3, CODE, 0.9),
        label(3, NOWHERE, 0.6),
    )
    warehouse.build("--vars", f"{{category_attribution: {attribution}}}")
    expected = [row for row in expected if row[1]]
    rows = category_weekly(warehouse)
    assert [row[:3] for row in rows] == expected
    total, named = (sum(tokens for name, _, tokens in expected if name != other) for other in ("", "others"))
    for (name, _, tokens), (*_, share, with_others, estimate) in zip(expected, rows, strict=True):
        assert share == (None if name == "others" else round(tokens / named, 9))
        assert with_others == round(tokens / total, 9)
        # All 1,200 tokens of the week, shared out: the estimates always add up to them.
        assert estimate == round(tokens / total * 1200, 6)
    # Whatever the attribution, a generation is in `all` once.
    assert warehouse.query(
        """
        select round(sampled_generations, 9), round(avg_sequence_tokens, 9)
        from marts.rpt_sequence_length_by_category_weekly where category = 'all'
        """
    ) == [(3, round(200 / 3, 9))]
    # The interval is the definition's, generation by generation: tokens in the denominator and in the category.
    if attribution == "full":
        in_denominator, in_programming = [200, 60, 40], [100, 0, 40]
    elif attribution == "primary":
        in_denominator, in_programming = [100, 60, 40], [100, 0, 40]
    else:
        return
    share = sum(in_programming) / sum(in_denominator)
    squares = sum((y - share * t) ** 2 for y, t in zip(in_programming, in_denominator, strict=True))
    error = (3 / 2 * squares) ** 0.5 / sum(in_denominator)
    assert warehouse.query(
        "select token_share_low, token_share_high from marts.rpt_category_weekly where category = 'programming'"
    ) == [(pytest.approx(max(share - 1.959964 * error, 0)), pytest.approx(min(share + 1.959964 * error, 1)))]
    # dbt's own tests hold under every option.
    tests = warehouse.dbt(
        "test", "--vars", f"{{category_attribution: {attribution}}}", "--select", "rpt_category_weekly", "rpt_category_tags",
        "int_tag_usage_daily", "--exclude", "test_type:unit", "--indirect-selection", "buildable",
    )  # fmt: skip
    assert tests.success, failures(tests)


def test_two_generations_with_three_labels_are_two(warehouse: Warehouse):
    """Under `full` a generation counts in parts, and three thirds are less than one: the interval was once null for that."""
    land_generations(warehouse, generation(1, "2025-06-02", 100, 0), generation(2, "2025-06-02", 60, 0))
    land_labels(
        warehouse,
        "2025-06-08",
        *(label(number, path, 0.9) for number, path in ((1, HEALTH), (1, GAMES), (2, HEALTH), (2, GAMES), (2, CODE))),
    )
    warehouse.build("--vars", "{category_attribution: full}")
    assert warehouse.query(
        "select category, token_share_low is null, token_share_high is null from marts.rpt_category_weekly order by all"
    ) == [(name, False, False) for name in ("health", "programming", "roleplay")]


@pytest.mark.slow
def test_another_attribution_reaches_days_that_are_built(warehouse: Warehouse):
    """The option is part of what a day's version is made of: no full refresh is needed."""
    land_generations(warehouse, generation(1, "2025-06-02", 100, 0))
    land_labels(warehouse, "2025-06-08", label(1, CODE, 0.8), label(1, GAMES, 0.6))
    warehouse.build()
    assert [row[0] for row in category_weekly(warehouse)] == ["programming"]
    warehouse.build("--vars", "{category_attribution: full}")
    assert [row[:2] for row in category_weekly(warehouse)] == [("programming", 1), ("roleplay", 1)]
    warehouse.build("--vars", "{category_attribution: primary}")
    assert [row[:2] for row in category_weekly(warehouse)] == [("programming", 1)]
    # So is the threshold.
    warehouse.build("--vars", "{classifier_min_confidence: 0.9}")
    assert [row[:2] for row in category_weekly(warehouse)] == [("others", 1)]


def test_categories_begin_at_category_start(warehouse: Warehouse):
    warehouse.land(
        "openrouter/generations/ingest_date=2025-05-12/part-0.parquet",
        generations(
            [
                generation(1, "2025-04-28", 10, 0),
                generation(2, "2025-04-30", 10, 0),
                generation(3, "2025-05-01", 30, 0),
                generation(4, "2025-05-11", 50, 0),
            ]
        ),
    )
    land_labels(warehouse, "2025-05-12", *(label(number, GAMES, 0.9, "2025-05-12 00:00:00") for number in range(1, 5)))
    warehouse.build()
    assert warehouse.query(
        """
        select week_start, sampled_tokens, estimated_tokens, is_complete_week
        from marts.rpt_category_weekly order by week_start
        """
    ) == [(datetime.date(2025, 4, 28), 30, 30, False), (datetime.date(2025, 5, 5), 50, 50, True)]
    assert warehouse.query("select sampled_tokens from marts.rpt_category_tags") == [(80,)]
    # The fact keeps all of history.
    assert warehouse.query("select sum(sampled_tokens) from marts.fct_tag_usage_daily") == [(100,)]
