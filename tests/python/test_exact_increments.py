"""Whatever is delivered, in whatever order: increments give what was delivered, and exactly what a full refresh gives.

    PROPERTY_CASES=2000 .venv/bin/python -m pytest tests/python/test_exact_increments.py -k property

PROPERTY_SEED draws other cases (the default draws the same ones every time), PROPERTY_BATCH sets how many share their builds,
PROPERTY_SHRINK=1 makes a failing case small.
"""

from __future__ import annotations

import os
import time

from conftest import Warehouse
from hypothesis import HealthCheck, Phase, given, seed, settings
from universes import ANCHOR, MOST, PLANS, Problem, Universe, check_batch, universes

CASES = int(os.environ.get("PROPERTY_CASES", "200"))
SEED = int(os.environ.get("PROPERTY_SEED", "20251130"))
BATCH = int(os.environ.get("PROPERTY_BATCH", "100"))


def drawn_cases(number: int) -> list[Universe]:
    """So many cases, drawn by hypothesis. What is done with them takes many together, so it is not done here."""
    cases: list[Universe] = []

    @seed(SEED)
    @settings(
        max_examples=number,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(universes())
    def draw(universe: Universe) -> None:
        cases.append(universe)

    draw()
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


def test_property_increments_equal_a_full_refresh(warehouse: Warehouse):
    cases = drawn_cases(CASES)
    assert len(cases) == CASES
    assert BATCH < MOST
    for plan_number, first in enumerate(range(0, CASES, BATCH)):
        began = time.monotonic()
        batch = in_one_landing(cases[first : first + BATCH])
        plan_number %= len(PLANS)
        warehouse.reset()
        problems = check_batch(warehouse, batch, PLANS[plan_number])
        print(f"cases {first} to {first + len(batch) - 2}: {len(problems)} problems, {time.monotonic() - began:.0f} s")
        assert not problems, report(problems, batch, plan_number)
