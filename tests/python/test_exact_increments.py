"""Whatever is delivered, in whatever order: increments give what was delivered, and exactly what a full refresh gives.

    PROPERTY_CASES=2000 .venv/bin/python -m pytest tests/python/test_exact_increments.py -k property

PROPERTY_SEED draws other cases (the default draws the same ones every time), PROPERTY_BATCH sets how many share their builds,
PROPERTY_SHRINK=1 makes a failing case small.
"""

from __future__ import annotations

import os
import time

import pytest
from conftest import Warehouse
from hypothesis import HealthCheck, Phase, given, seed, settings
from universes import (
    ACCOUNTS,
    ANCHOR,
    CLASSIFICATIONS,
    GENERATIONS,
    MOST,
    PLANS,
    Landing,
    Owners,
    Problem,
    Put,
    Remove,
    Universe,
    against_oracle,
    build,
    check_batch,
    expected,
    shrunk,
    two_builds,
    universes,
)

CASES = int(os.environ.get("PROPERTY_CASES", "200"))
SEED = int(os.environ.get("PROPERTY_SEED", "20251130"))
BATCH = int(os.environ.get("PROPERTY_BATCH", "100"))


def drawn_cases(number: int, first_seed: int = SEED) -> list[Universe]:
    """So many cases, drawn by hypothesis. What is done with them takes many together, so it is not done here.

    Ten to a seed: with more, hypothesis goes on with small changes to those that it has.
    """
    cases: list[Universe] = []
    for ten in range((number + 9) // 10):

        @seed(first_seed + ten)
        @settings(
            max_examples=10,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(universes())
        def draw(universe: Universe) -> None:
            cases.append(universe)

        draw()
    assert len(cases) >= number, f"hypothesis found {len(cases)} cases only"
    return cases[:number]


def in_one_landing(cases: list[Universe]) -> dict[int, Universe]:
    return dict(enumerate([ANCHOR, *cases]))


def report(problems: list[Problem], batch: dict[int, Universe], plan_number: int) -> str:
    """What is wrong, and the cases that it can be of, to be pasted into a test."""
    suspects = sorted({number for problem in problems for number in problem.universes if len(problem.universes) <= 3})
    lines = [f"{len(problems)} problems, seed {SEED}, plan {plan_number}, of cases {suspects}"]
    lines += [f"  [{problem.check}] of {sorted(problem.universes)[:5]}: {problem.text}" for problem in problems[:20]]
    for number in suspects[:3]:
        lines += [f"case {number}:", f"  {batch[number]!r}"]
    return "\n".join(lines)


def smallest(warehouse: Warehouse, universe: Universe, plan_number: int) -> Universe:
    """A failing case made small, which takes minutes."""

    def fails(candidates: list[Universe]) -> set[int]:
        warehouse.reset()
        warehouse.selection = ()
        problems = check_batch(warehouse, in_one_landing(candidates), PLANS[plan_number])
        return {number - 1 for problem in problems if len(problem.universes) == 1 for number in problem.universes} - {
            -1
        }

    return shrunk(fails, universe)


def test_property_increments_equal_a_full_refresh(warehouse: Warehouse):
    cases = drawn_cases(CASES)
    assert BATCH < MOST
    for plan_number, first in enumerate(range(0, CASES, BATCH)):
        began = time.monotonic()
        batch = in_one_landing(cases[first : first + BATCH])
        plan_number %= len(PLANS)
        warehouse.reset()
        warehouse.selection = ()
        problems = check_batch(warehouse, batch, PLANS[plan_number])
        print(f"cases {first} to {first + len(batch) - 2}: {len(problems)} problems, {time.monotonic() - began:.0f} s")
        if not problems:
            continue
        text = report(problems, batch, plan_number)
        certain = [number for problem in problems if len(problem.universes) == 1 for number in problem.universes]
        if certain and os.environ.get("PROPERTY_SHRINK"):
            text += f"\nsmallest:\n  {smallest(warehouse, batch[certain[0]], plan_number)!r}"
        pytest.fail(text)


# ---- The check itself is seen to fail ----------------------------------------------------------------------------------

RECORD = {
    "id": "gen-{unix}-{u}",
    "created_at": (5, 43200),
    "account_id": "{u}-a",
    "model": "openai/gpt-4o-mini",
    "native_tokens_prompt": 100,
    "native_tokens_completion": 10,
    "total_cost": 0.1,
}
FIRST = Put(0, GENERATIONS, 28, "a", (RECORD,))
# What comes second; and what a build that overlooks it would have had before it instead.
OVERLOOKED: dict[str, tuple[Put | Remove, ...]] = {
    "an account update": (
        Put(1, ACCOUNTS, 60, "a", ({"account_id": "{u}-a", "billing_country_code": "DE", "updated_at": (9, 0)},)),
    ),
    "a label": (
        Put(
            1,
            CLASSIFICATIONS,
            60,
            "a",
            ({"generation_id": RECORD["id"], "path": "/Adult", "confidence": 0.9, "classified_at": (9, 0)},),
        ),
    ),
    "a correction to another day": (Put(1, GENERATIONS, 60, "b", (RECORD | {"created_at": (6, 0)},)),),
    "a late record": (Put(1, GENERATIONS, 400, "b", (RECORD | {"id": "{u} late"},)),),
    "a repetition": (Put(1, GENERATIONS, 60, "b", (RECORD,)),),
    "a file delivered anew": (Put(1, GENERATIONS, 28, "a", (RECORD | {"native_tokens_prompt": 101},)),),
    "a file taken away": (Remove(1, GENERATIONS, 28, "a"),),
    "a bad row": (Put(1, GENERATIONS, 60, "b", (RECORD | {"id": "{u} bad", "broken": "invalid_cost"},)),),
}


@pytest.mark.slow
def test_the_check_sees_what_a_build_overlooks(warehouse: Warehouse):
    """As if the increment did not look at the second delivery of a universe: it is named, and nobody else is."""
    names = list(OVERLOOKED)
    batch = in_one_landing([Universe((FIRST, *OVERLOOKED[name])) for name in names] * 2)
    overlooked = set(range(1, len(names) + 1))
    key = warehouse.environment["PSEUDONYM_KEY"]
    landing = Landing(warehouse.landing, batch)
    landing.deliver(0)
    seen = {path: path.read_bytes() for path in landing.files}
    landing.deliver(1)
    for path in {path for path, file in landing.files.items() if file.universe in overlooked} | seen.keys():
        if int(path.name[1:5]) in overlooked:
            path.unlink(missing_ok=True)
            if path in seen:
                path.write_bytes(seen[path])
    build(warehouse, {})
    owners = Owners(landing, key)
    wanted = expected(landing.files.values(), "native", key)
    problems = against_oracle("overlooked", warehouse.path, wanted, owners)
    named = {number for problem in problems for number in problem.universes if len(problem.universes) == 1}
    assert named == overlooked, problems

    good = warehouse.root / "good.duckdb"
    good.write_bytes(warehouse.path.read_bytes())
    assert not two_builds("same", good, warehouse.path, owners)
    for sql, table in (
        (
            "update marts.fct_usage_daily set spend_usd = spend_usd + 1e-16 where event_date = '2020-10-10'",
            "fct_usage_daily",
        ),
        ("insert into marts.rpt_load_summary select * from marts.rpt_load_summary", "rpt_load_summary"),
        ("delete from marts.rpt_quarantined_generations", "rpt_quarantined_generations"),
        ("update marts.fct_account_model_months set active_days = 99", "fct_account_model_months"),
        ("update reference.countries set note = '' where country_code = 'DE'", "countries"),
    ):
        warehouse.path.write_bytes(good.read_bytes())
        warehouse.execute(sql)
        problems = two_builds("planted", good, warehouse.path, owners)
        assert problems and all(table in problem.text for problem in problems), sql
