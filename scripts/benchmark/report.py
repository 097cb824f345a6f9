"""BENCHMARKS.md from the results: never by hand, so that every number on the page is one that was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scripts.benchmark.landings import DAYS, END, START

GB = 10**9
NAMES = {
    "yardstick_duckdb": "hand-written DuckDB script",
    "full_without_tests": "full build without tests",
    "full_with_tests": "full build with tests",
    "nothing_new": "build with nothing new",
    "day": "one-day increment",
    "day_without_tests": "one-day increment without tests",
    "cold_day_without_tests": "one-day increment without tests, nothing of the warehouse in memory",
    "arrived_day": "what arrives in a day",
    "arrived_day_without_tests": "what arrives in a day, without tests",
    "day_with_late_rows": "increment with 1 % late rows",
    "day_with_late_rows_without_tests": "increment with 1 % late rows, without tests",
    "same_day": "the largest size's day",
    "same_day_without_tests": "the largest size's day, without tests",
    "same_arrived_day": "what arrives in the largest size's day",
    "same_arrived_day_without_tests": "what arrives in the largest size's day, without tests",
    "seed_edit": "seed edit",
    "seed_edit_without_tests": "seed edit without tests",
    "yardstick_polars": "facts in Polars",
    "yardstick_chdb": "facts in ClickHouse (chdb)",
}
INCREMENTS = list(NAMES)[list(NAMES).index("nothing_new") : list(NAMES).index("yardstick_polars")]
NOT_MEASURED = "not measured"
# What the requirements are about: at smaller sizes the seconds of dbt itself weigh more, so there is no verdict.
REQUIRED_FROM = 100_000_000


class Run:
    """The measurements of one run, by size and scenario: of several repetitions the one of median wall time."""

    def __init__(self, measurements: list[dict[str, Any]]):
        self.environment = measurements[-1]["environment"]
        self.run_id = measurements[-1]["run_id"]
        self.sizes = sorted({m["size"] for m in measurements})
        self.repetitions: dict[int, int] = {}
        self.chosen: dict[tuple[int, str], dict[str, Any]] = {}
        for size in self.sizes:
            for scenario in NAMES:
                found = sorted(
                    (m for m in measurements if m["size"] == size and m["scenario"] == scenario),
                    key=lambda m: m["wall_seconds"],
                )
                if found:
                    self.chosen[size, scenario] = found[(len(found) - 1) // 2]
                    self.repetitions[size] = max(self.repetitions.get(size, 0), len(found))
        self.other_load = max(m["other_load"] for m in measurements)

    def get(self, size: int, scenario: str) -> dict[str, Any] | None:
        """A measurement, None where there is none."""
        return self.chosen.get((size, scenario))

    def ratio(self, over: tuple[int, str], under: tuple[int, str], of: str = "wall_seconds") -> float | None:
        """One measurement over another, None where one of them was not made."""
        upper, lower = self.get(*over), self.get(*under)
        return upper[of] / lower[of] if upper and lower else None


@dataclass(frozen=True)
class Requirement:
    """What the project wants to hold: in words, how it is measured at a size, the bound, how to write it."""

    text: str
    value: Callable[[Run, int], float | None]
    bound: float
    write: Callable[[float], str]

    def verdict(self, run: Run, size: int) -> str:
        """The measured value and, of a size that it is asked of, whether it is within the bound."""
        value = self.value(run, size)
        if value is None:
            return NOT_MEASURED
        if size < REQUIRED_FROM:
            return self.write(value)
        return f"{self.write(value)}, {'met' if value <= self.bound else '**not met**'}"


def added_by_tests(run: Run, size: int) -> float | None:
    """What tests add to a full build, as a part of it without them."""
    ratio = run.ratio((size, "full_with_tests"), (size, "full_without_tests"))
    return None if ratio is None else ratio - 1


def peak_memory(run: Run, size: int) -> float | None:
    """Largest peak of the project's own builds and increments, GB."""
    peaks = [m["peak_memory_bytes"] for (s, name), m in run.chosen.items() if s == size and "yardstick" not in name]
    return max(peaks) / GB if peaks else None


def sql_seconds(measurement: dict[str, Any]) -> float:
    """Seconds in which a statement of a model, a seed or a hook was running, tests and dbt itself left out."""
    return measurement["split"]["models"] + measurement["split"]["hooks"]


def sql_ratio(run: Run, of: tuple[int, str], to: tuple[int, str]) -> float | None:
    """SQL seconds of one measurement over those of another."""
    here, there = run.get(*of), run.get(*to)
    return sql_seconds(here) / sql_seconds(there) if here and there else None


def to_full(scenario: str) -> Callable[[Run, int], float | None]:
    """SQL seconds of an increment over those of the full build."""
    return lambda run, size: sql_ratio(run, (size, scenario), (size, "full_without_tests"))


def to_smaller_history(scenario: str) -> Callable[[Run, int], float | None]:
    """An increment on this history over the same one on the history of the next smaller size."""

    def ratio(run: Run, size: int) -> float | None:
        smaller = [other for other in run.sizes if other < size]
        return sql_ratio(run, (size, scenario), (smaller[-1], scenario)) if smaller else None

    return ratio


def seconds_of(scenario: str) -> Callable[[Run, int], float | None]:
    """Wall seconds of a scenario."""
    return lambda run, size: found["wall_seconds"] if (found := run.get(size, scenario)) else None


REQUIREMENTS = (
    Requirement(
        "A full build without tests takes at most 1.5 times as long as the hand-written script",
        lambda run, size: run.ratio((size, "full_without_tests"), (size, "yardstick_duckdb")),
        1.5,
        lambda value: f"{value:.2f}x",
    ),
    Requirement("Tests add at most 50 % to it", added_by_tests, 0.5, lambda value: f"{100 * value:.0f} %"),
    Requirement("No build needs more than 8 GB of memory", peak_memory, 8, lambda value: f"{value:.1f} GB"),
    *(
        Requirement(
            f"{subject}: at most 3 % of a full build (SQL without tests)",
            to_full(f"{scenario}_without_tests"),
            0.03,
            lambda value: f"{100 * value:.1f} %",
        )
        for subject, scenario in (
            ("A one-day increment", "day"),
            ("What arrives in a day, late rows and all", "arrived_day"),
        )
    ),
    *(
        Requirement(
            f"{subject}: at most 1.3 times as long on the next larger history (SQL without tests)",
            to_smaller_history(f"{scenario}_without_tests"),
            1.3,
            lambda value: f"{value:.2f}x",
        )
        for subject, scenario in (
            ("The same one-day increment", "same_day"),
            ("The same day's arrivals", "same_arrived_day"),
        )
    ),
    Requirement(
        "A seed edit takes less than 15 s to the relabelled marts (wall)",
        seconds_of("seed_edit_without_tests"),
        15,
        lambda value: f"{value:.1f} s",
    ),
)


def render(measurements: list[dict[str, Any]], include_trials: bool = False) -> str:
    """The page, from the last whole run that is no trial, and what runs of some scenarios have said since.

    Args:
        measurements: lines of the results file.
        include_trials: for tests of the page: the page then says that it shows a trial.
    """
    real = [m for m in measurements if include_trials or not m["is_trial"]]
    whole = [m for m in real if not m["environment"].get("only")]
    if not whole:
        return "# Benchmarks\n\nNothing has been measured yet: `python -m scripts.benchmark run`.\n"
    last = [m for m in whole if m["run_id"] == whole[-1]["run_id"]]
    run = Run(last)
    since: dict[str, list[dict[str, Any]]] = {}
    for measurement in real[real.index(last[-1]) + 1 :]:
        since.setdefault(measurement["run_id"], []).append(measurement)
    parts = [
        "# Benchmarks\n",
        "_Written by `python -m scripts.benchmark render` from"
        " [docs/benchmarks.jsonl](docs/benchmarks.jsonl), which holds every measurement. Not edited by hand._\n",
    ]
    if last[-1]["is_trial"]:
        parts.append("> **A trial run, of nothing but the benchmark itself.**\n")
    parts += [
        conditions(run),
        requirements(run),
        *(measured_since(Run(found)) for found in since.values()),
        "## Full builds, next to the yardstick\n\n" + full_builds(run),
        "## Increments and edits\n\n" + increments(run),
        "## Where the time goes\n\n" + splits(run),
        "## The same facts in other engines\n\n" + engines(run),
        "## What a billion would take\n\n" + billion(run),
        METHOD,
    ]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, text to the left and numbers to the right."""
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def million(size: int) -> str:
    """A size in words: 10 M, 0.02 M."""
    return f"{size / 1e6:g} M"


def seconds(value: float) -> str:
    """Seconds with as many digits as mean something."""
    return f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def gigabytes(value: float) -> str:
    """Bytes as GB (powers of ten)."""
    return f"{value / GB:.2f} GB" if value < 10 * GB else f"{value / GB:.1f} GB"


def times(value: float | None) -> str:
    """A ratio."""
    return NOT_MEASURED if value is None else f"{value:.2f}x"


def conditions(run: Run) -> str:
    """Machine, versions, command, date."""
    found = run.environment
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    sizes = " ".join(f"{size / 1e6:g}" for size in found["sizes"])
    repeated = ", ".join(f"{million(size)}: {n}" for size, n in run.repetitions.items())
    options = f" --repeats {counts.pop()}" if len(counts := set(run.repetitions.values())) == 1 else ""
    if found.get("only"):
        options += f" --only {' '.join(found['only'])}"
    if {"polars", "chdb"} & found["versions"].keys():
        options += " --engines-python <of requirements/benchmark.in>"
    load = ""
    if run.other_load > 0.2:
        load = (
            f" **The machine had other work: up to {run.other_load:.1f} of its {found['processors']} processors"
            " while one of these was measured. Seconds are inflated, ratios noisy.**"
        )
    return (
        f"Run of {run.run_id}, commit {found['commit']}: {found['processors']} processors ({found['processor']}),"
        f" {found['memory_bytes'] / 2**30:.0f} GiB of memory, {found['system']}; {versions}. DuckDB had"
        f" {found['threads']} threads and a memory limit of {found['memory_limit']}, in dbt and out of it; dbt built"
        f" {found['dbt_threads']} model(s) at a time."
        f" Repetitions by size ({repeated}); of several the median is shown.{load}\n\n"
        f"```sh\npython -m scripts.benchmark run --millions {sizes} --threads {found['threads']}"
        f" --dbt-threads {found['dbt_threads']} --memory-limit {found['memory_limit']}{options}\n```\n\n"
        "Seconds are this machine's; the ratios are what carries over. All that is compared was measured in this run.\n"
    )


def verdicts(run: Run) -> dict[str, list[str]]:
    """Each requirement with its value at each size."""
    return {r.text: [r.verdict(run, size) for size in run.sizes] for r in REQUIREMENTS}


def requirement_table(run: Run, rows: dict[str, list[str]]) -> str:
    """Some requirements, a column for each size."""
    header = ["", *(f"{million(size)} generations" for size in run.sizes)]
    return table(header, [[text, *values] for text, values in rows.items()])


def requirements(run: Run) -> str:
    """All that is wanted, measured or not."""
    return "## What is wanted, and what was measured\n\n" + requirement_table(run, verdicts(run))


def measured_since(run: Run) -> str:
    """What a run of some scenarios says of the requirements, beside the whole run that the rest of the page is of."""
    rows = {text: values for text, values in verdicts(run).items() if set(values) != {NOT_MEASURED}}
    return f"### Some of it, measured again: {run.run_id}\n\n{conditions(run)}\n{requirement_table(run, rows)}"


def cost(found: dict[str, Any]) -> list[str]:
    """The columns that every scenario has."""
    return [
        seconds(found["wall_seconds"]),
        seconds(found["cpu_seconds"]),
        gigabytes(found["peak_memory_bytes"]),
        gigabytes(found["size_bytes"]),
        gigabytes(found["disk_peak_bytes"]),
    ]


COST = ["wall", "CPU", "peak memory", "file", "peak disk"]


def full_builds(run: Run) -> str:
    """Yardstick, build, build with tests: a table a size."""
    rows = []
    for size in run.sizes:
        for scenario in ("yardstick_duckdb", "full_without_tests", "full_with_tests"):
            if found := run.get(size, scenario):
                to_yardstick = [
                    times(run.ratio((size, scenario), (size, "yardstick_duckdb"), of))
                    for of in ("wall_seconds", "cpu_seconds")
                ]
                rows.append([f"{million(size)}: {NAMES[scenario]}", *to_yardstick, *cost(found)])
    return table(["", "wall to the yardstick", "CPU to the yardstick", *COST], rows)


def increments(run: Run) -> str:
    """Increments and the seed edit, as ratios to the full build of the same kind."""
    rows = []
    for size in run.sizes:
        for scenario in INCREMENTS:
            found = run.get(size, scenario)
            if not found:
                continue
            whole = "full_without_tests" if scenario.endswith("_without_tests") else "full_with_tests"
            ratio = run.ratio((size, scenario), (size, whole))
            day = found["day"]
            rows.append(
                [
                    f"{million(size)}: {NAMES[scenario]}",
                    f"{day['rows']:,}" if day else "",
                    f"{day['event_days']:,}" if day else "",
                    NOT_MEASURED if ratio is None else f"{100 * ratio:.1f} %",
                    *cost(found),
                ]
            )
    return (
        "The percentage is of the full build of the same kind, with tests or without. The days are those on which the"
        " new rows lie.\n\n" + table(["", "new rows", "days", "of a full build", *COST], rows)
    )


def splits(run: Run) -> str:
    """How the wall time of each dbt run divides."""
    rows = []
    for (size, scenario), found in run.chosen.items():
        if split := found["split"]:
            shares = [split[kind] for kind in ("models", "tests", "hooks", "catalogue", "overhead")]
            statements = sum(split["statements"].values())
            rows.append(
                [f"{million(size)}: {NAMES[scenario]}", *(seconds(value) for value in shares), f"{statements:,}"]
            )
    return (
        "From dbt's own log. Parts add up to the wall time: a statement of a model or seed was running; one of a test,"
        " and none of a model; one of a hook; one of dbt's own about schemas and tables; none (Python: imports,"
        " parsing, compiling, graph, logging, artifacts).\n\n"
        + table(["", "SQL of models", "SQL of tests", "SQL of hooks", "SQL of dbt", "dbt itself", "statements"], rows)
    )


def engines(run: Run) -> str:
    """Facts in other engines, next to the records and facts of the DuckDB script."""
    rows = []
    for size in run.sizes:
        script = run.get(size, "yardstick_duckdb")
        if not script:
            continue
        facts = script["parts"]["records"] + script["parts"]["facts"]
        rows.append([f"{million(size)}: DuckDB, facts of the hand-written script", "1.00x", seconds(facts), "", ""])
        for scenario in ("yardstick_polars", "yardstick_chdb"):
            found = run.get(size, scenario)
            name = NAMES[scenario].removeprefix("facts in ")
            if found:
                of_parts = sum(found["parts"].values())
                rows.append(
                    [
                        f"{million(size)}: {name}", times(of_parts / facts), seconds(of_parts),
                        seconds(found["cpu_seconds"]), gigabytes(found["peak_memory_bytes"]),
                    ]
                )  # fmt: skip
            else:
                rows.append([f"{million(size)}: {name}", NOT_MEASURED, "", "", ""])
    return (
        "From the landing to the five facts: read, checked, deduplicated, pseudonymised, counted; no marts, no list of"
        " what was quarantined. The facts are the project's, compared row for row in a test. CPU and memory are of the"
        " whole process, and not shown for the script, whose process makes the marts too.\n\n"
        + table(["", "to DuckDB", "wall", "CPU", "peak memory"], rows)
    )


def billion(run: Run) -> str:
    """A model: the line through the two largest sizes, or proportion where there is one."""
    wanted = 10**9
    measured = [size for size in run.sizes if run.get(size, "full_with_tests")]
    if not measured:
        return f"{NOT_MEASURED}.\n"

    def extended(value: Callable[[dict[str, Any]], float], scenario: str) -> float | None:
        points = [(size, value(found)) for size in measured if (found := run.get(size, scenario))]
        if not points:
            return None
        if len(points) == 1:
            return points[0][1] * wanted / points[0][0]
        (small, low), (large, high) = points[-2:]
        return high + (high - low) / (large - small) * (wanted - large)

    lines = []
    for text, value, scenario, write in (
        ("landing (Parquet)", lambda m: m["landing_bytes"], "full_with_tests", gigabytes),
        ("warehouse file", lambda m: m["size_bytes"], "full_with_tests", gigabytes),
        ("peak disk of a full build, spills included", lambda m: m["disk_peak_bytes"], "full_with_tests", gigabytes),
        ("full build without tests", lambda m: m["wall_seconds"], "full_without_tests", hours),
        ("full build with tests", lambda m: m["wall_seconds"], "full_with_tests", hours),
        ("hand-written script", lambda m: m["wall_seconds"], "yardstick_duckdb", hours),
    ):
        found = extended(value, scenario)
        per_row = None if found is None else found / wanted
        unit = "bytes" if write is gigabytes else "s"
        lines.append(
            [
                text,
                NOT_MEASURED if found is None else write(found),
                ""
                if per_row is None
                else f"{per_row if unit == 'bytes' else per_row * 1e6:.1f} {unit} a "
                + ("row" if unit == "bytes" else "million rows"),
            ]
        )
    basis = " and ".join(million(size) for size in measured[-2:])
    return (
        f"**A model, not a measurement**: the straight line through {basis} generations, drawn on to a billion. It"
        " leaves out what a straight line cannot know: sorts and joins that spill once they no longer fit into memory,"
        " caches that the landing no longer fits into. Accounts grow with the rows in the simulator; elsewhere they may"
        " not.\n\n" + table(["a billion generations", "in all", "per row"], lines)
    )


def hours(value: float) -> str:
    """Long times in hours."""
    return f"{value / 3600:.1f} h" if value >= 5400 else f"{value / 60:.0f} min"


METHOD = f"""## How it is measured

- **Records**: simulated, {START} to {END}, {DAYS} days, classified at the study's rate of 0.25 %, with late,
  repeated, corrected and malformed rows. Everything that arrived on {END} or later is held back; "full" is what
  arrived before.
- **One day**: 1/{DAYS} of the size's rows, drawn from what happened and arrived on {END}, with accounts changed on that
  day and the labels of its generations. **What arrives in a day** is as many, drawn from all that arrived on it: late
  rows, repetitions and corrections of ten days before, malformed rows, accounts and labels of days before.
  **The largest size's day** is the day of the largest size on this page, added to each history: the same file.
- **Late rows**: 1 % of what arrives in that day, dated back to days drawn evenly from the whole window, under new ids.
  It touches nearly every day, which real lateness does not.
- **Without tests**: `dbt seed` and `dbt run`. **With tests**: `dbt build`. **Seed edit**: another display name in
  `models.csv`, then `dbt --no-write-json build --exclude-resource-type unit_test --select models+`, on an unchanged
  landing; without tests, those are excluded, too.
- Increments start from a copy of the warehouse as `dbt build` of the history left it; making the copy is not timed,
  nor is writing it to the disk. The project is parsed before; what an edit makes dbt parse again is timed.
- **Memory of the system**: before a full build or yardstick every file of the landing is read once, before an
  increment or edit the copy of the warehouse. Where it does not fit into memory, or something else has taken that, an
  increment reads some gigabytes of it from the disk: one of the increments is measured with nothing of it in memory,
  and no requirement is about that one.
- **What is built**: everything but the three tables that only a report's publishing gate reads (var
  `publishing_facts`).
- **The hand-written script** is [`scripts/benchmark/yardstick.sql`](scripts/benchmark/yardstick.sql): the same facts,
  trust tables and marts from the same landing, no dbt, no tests, no state for increments. A test compares every
  table, row for row.
- **Wall** and **CPU** (user and system) are of the process and its children; **peak memory** is resident memory of
  them all, looked at twenty times a second; **file** is what is left; **peak disk** is the largest size of the work
  folder, spills included, looked at every second.
- Polars and ClickHouse are in `requirements/benchmark.in`, for an environment of their own: `--engines-python`.
  ClickHouse has the memory limit, too; Polars knows none.
- **Disk**: landing, two copies of the warehouse, spills.
"""
