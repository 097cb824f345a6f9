"""Measure the project, or write BENCHMARKS.md: `python -m scripts.benchmark run`, `... render`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.benchmark.report import render
from scripts.benchmark.run import REPOSITORY, Settings, read, run

RESULTS = REPOSITORY / "docs" / "benchmarks.jsonl"
PAGE = REPOSITORY / "BENCHMARKS.md"


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark", description=__doc__)
    parser.add_argument("what", choices=["run", "render"])
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON lines, one a measurement, appended to")
    parser.add_argument("--page", type=Path, default=PAGE, help="what `render` writes")
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10, 100], help="millions of generations")
    parser.add_argument(
        "--landings", type=Path, nargs="*", default=[], help="landings of these sizes, in their order; others are made"
    )
    parser.add_argument(
        "--scratch", type=Path, default=REPOSITORY / "data" / "benchmark", help="disk: see BENCHMARKS.md"
    )
    parser.add_argument("--memory-limit", default="6GB", help="of DuckDB, in and out of dbt, and of ClickHouse")
    parser.add_argument("--threads", type=int, default=2, help="of DuckDB, in and out of dbt, and of Polars")
    parser.add_argument("--dbt-threads", type=int, default=1, help="models at a time; two need twice the memory")
    parser.add_argument("--repeats", type=int, help="of each scenario (3 up to a million generations, above 1)")
    parser.add_argument("--engines-python", default=sys.executable, help="interpreter with Polars and chdb")
    parser.add_argument(
        "--only", nargs="*", default=[], help="some scenarios, by name: shown beside the last whole run"
    )
    parser.add_argument("--new-run", action="store_true", help="measure all anew, do not go on with the last run")
    parser.add_argument("--trial", action="store_true", help="mark the results as no real ones: not rendered")
    chosen = parser.parse_args(arguments)
    if chosen.what == "run":
        sizes = tuple(sorted(int(millions * 1_000_000) for millions in chosen.millions))
        run(
            Settings(
                sizes=sizes,
                results=chosen.results.resolve(),
                scratch=chosen.scratch.resolve(),
                landings={
                    int(m * 1_000_000): p.resolve() for m, p in zip(chosen.millions, chosen.landings, strict=False)
                },
                memory_limit=chosen.memory_limit,
                threads=chosen.threads,
                dbt_threads=chosen.dbt_threads,
                repeats=chosen.repeats,
                # Not resolved: the link in an environment's folder is what makes it that environment.
                engines_python=chosen.engines_python,
                new_run=chosen.new_run,
                only=tuple(chosen.only),
                is_trial=chosen.trial,
            ),
            say=lambda line: print(line, file=sys.stderr, flush=True),
        )
    measurements = read(chosen.results)
    if chosen.what == "render" or not chosen.trial:
        chosen.page.write_text(render(measurements), encoding="utf-8")
        print(f"wrote {chosen.page}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
