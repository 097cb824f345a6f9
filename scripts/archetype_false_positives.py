"""How often is a model called foundational whose cohorts are all alike?

Writes the monthly activity of models without any effect: every cohort has one and the same retention curve, every
account returns by chance alone. Then dbt builds the retention marts over them, in a warehouse of their own, so what is
measured are the marts' formulae and not a copy of them. Each simulated model is one run. The first loaded month is only
there so that no cohort is left-censored.

A cohort is foundational by a test of its own, so a model has as many chances as it has cohorts; its archetype takes one
that stands out among all of them. Both shares are printed.

Exit codes: 0 no scenario is above `--limit`; 1 one is; 2 the marts could not be built. The defaults take a few minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

# Months 1, 2, ...; the last value holds on. About what the study's curves without a fit do.
CURVE = (0.30, 0.22, 0.18, 0.15, 0.13, 0.12)
SIGNAL_MONTH = 3
MODELS = (
    "int_loaded_months",
    "int_slug_months",
    "int_account_model_parts",
    "int_account_model_months",
    "int_cohort_months",
    "rpt_model_cohort_retention",
    "rpt_model_cohort_signals",
    "rpt_model_retention_archetypes",
)


def write_activity(warehouse: Path, runs: int, cohorts: int, cohort_sizes: list[int], seed: int) -> None:
    """Write the tables that the retention models read.

    Args:
        warehouse: the DuckDB file, new.
        runs: simulated models per cohort size.
        cohorts: cohorts of each model that are observed at the signal month.
        cohort_sizes: accounts in each cohort, one scenario each.
        seed: another one gives other activity.
    """
    curve = "[" + ", ".join(str(rate) for rate in (1.0, *CURVE)) + "]"
    sizes = ", ".join(f"({size})" for size in cohort_sizes)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            f"""
            create schema marts;
            create table marts.fct_account_model_months as
            with activity as (
                select size, run, cohort, account, month
                from (values {sizes}) as scenarios (size)
                cross join range({runs}) as runs (run)
                cross join range({cohorts}) as cohorts (cohort)
                cross join lateral range(size) as accounts (account)
                cross join lateral range(cohort, {cohorts + SIGNAL_MONTH}) as months (month)
                where
                    hash({seed}, size, run, cohort, account, month) / 18446744073709551616.0
                    < {curve}[least(month - cohort, {len(CURVE)}) + 1]
            )
            select
                (date '2024-02-01' + to_months(month::integer))::date as month_start,
                concat_ws('/', size, run, cohort, account) as account_key,
                concat_ws('/', size, run) as model_slug,
                1::bigint as generations,
                1::bigint as total_tokens
            from activity
            union all
            select date '2024-01-01', 'before', 'before', 1, 1;

            create table marts.dim_model_slugs as
            select distinct model_slug, model_slug as model_id from marts.fct_account_model_months;

            create schema intermediate;
            create table intermediate.int_model_usage_daily as
            select distinct last_day(month_start) as event_date, model_slug, model_slug as model_id
            from marts.fct_account_model_months;
            create table intermediate.built_parts as
            select distinct 'fct_account_model_months' as model_name, month_start::varchar as part, 1::bigint as version
            from marts.fct_account_model_months;
            """
        )


def build_marts(warehouse: Path, folder: Path) -> None:
    """Build the retention models over that activity with dbt; CalledProcessError if it fails."""
    (folder / "landing").mkdir()
    environment = os.environ | {
        "LANDING_PATH": str(folder / "landing"),
        "WAREHOUSE_PATH": str(warehouse),
        "DBT_TARGET": "dev",
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DUCKDB_TEMP_DIRECTORY": str(folder / "tmp"),
    }
    dbt = Path(sys.executable).parent / "dbt"
    options = {"retention_cohort_basis": "model", "retention_signal_month": SIGNAL_MONTH}
    subprocess.run(
        [str(dbt), "--quiet", "run", "--select", *MODELS, "--vars", json.dumps(options)], env=environment, check=True
    )


def measure(warehouse: Path) -> list[tuple[int, int, int, float, float, float, float]]:
    """Measure the shares that are above others by accident.

    Returns:
        One row a cohort size: the size, cohorts a model, models, and the share of models called foundational or
        dominant launch, of models with a foundational cohort, of cohorts that are foundational, of models with a
        boomerang.
    """
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(
            """
            select
                split_part(model_id, '/', 1)::integer as cohort_size,
                max(cohorts),
                count(*),
                avg((archetype in ('foundational', 'dominant_launch'))::integer),
                avg((foundational_cohorts > 0)::integer),
                sum(foundational_cohorts) / sum(cohorts),
                avg((boomerang_cohorts > 0)::integer)
            from marts.rpt_model_retention_archetypes
            group by all
            order by all
            """
        ).fetchall()


def main(arguments: list[str] | None = None) -> int:
    """Simulate, build, print one line a cohort size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, help="models without an effect, per cohort size")
    parser.add_argument("--cohorts", type=int, default=6, help="cohorts of each model observed at the signal month")
    parser.add_argument("--cohort-sizes", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--limit", type=float, default=0.01, help="largest share that is called foundational")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warehouse = folder / "warehouse.duckdb"
        write_activity(warehouse, options.runs, options.cohorts, options.cohort_sizes, options.seed)
        try:
            build_marts(warehouse, folder)
        except subprocess.CalledProcessError:
            return 2
        rows = measure(warehouse)
    print("    cohort size  cohorts  models  called foundational  with such a cohort  of cohorts  with a boomerang")
    for size, cohorts, models, called, with_cohort, of_cohorts, boomerang in rows:
        shares = f"{called:19.2%}  {with_cohort:18.2%}  {of_cohorts:10.3%}  {boomerang:16.2%}"
        print(f"{size:15}  {cohorts:7}  {models:6}  {shares}")
    return int(any(called > options.limit for _, _, _, called, *_ in rows))


if __name__ == "__main__":
    sys.exit(main())
