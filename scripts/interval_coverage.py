"""How often does the 95 % interval of a category share hold the true share?

Draws weeks of generations whose categories are known (13 categories, heavy-tailed lengths, programming four times as
long as the rest, a mix that changes from week to week), lets a classifier see a random part of them, and plants that
sample in a warehouse of its own. Then dbt builds the fact and the category marts over it, so the formulae that are
measured are those of the project and not a copy. The truth is the share in all generations of the week, seen or not.

A cell is a week and a category (and an author or a source type, where the mart has one) with at least `--minimum`
sampled generations: with fewer, heavy tails make any interval of this kind too narrow, as the other lines show. Exit
codes: 0 the coverage of the weekly category shares is within 93 to 97 %; 1 it is not; 2 the marts could not be built.
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
import numpy as np
import pyarrow as pa

CATEGORIES = (
    "programming", "roleplay", "technology", "science", "translation", "health", "finance", "academia", "legal",
    "marketing", "marketing/seo", "trivia", "others",
)  # fmt: skip
OTHERS = len(CATEGORIES) - 1
# Parts of requests and mean tokens; about what the study's figures show.
MIX = np.array([14, 30, 12, 8, 6, 4, 3, 3, 2, 2, 1.5, 1, 13.5])
LENGTHS = np.array([4.0, 1.1, 1.15, 0.95, 0.6, 0.8, 1.0, 1.1, 1.1, 0.75, 0.7, 0.5, 1.0]) * 5000
SOURCE_TYPES = ("closed", "chinese_oss", "row_oss")
SOURCE_MIX = (0.6, 0.2, 0.2)
FIRST_WEEK = np.datetime64("2021-01-04")
MODELS = (
    "fct_tag_usage_daily",
    "int_tag_usage_daily",
    "rpt_category_weekly",
    "rpt_author_category_weekly",
    "rpt_category_source_type_weekly",
)
BANDS = (2, 10, 30, 100, 300, 1000)


def draw_week(rng: np.random.Generator, generations: int, tail: float) -> dict[str, np.ndarray]:
    """All generations of one week: tokens, source type, and one or two labels with the first one's weight."""
    mix = rng.dirichlet(MIX)
    category = rng.choice(len(CATEGORIES), generations, p=mix)
    second = rng.choice(len(CATEGORIES), generations, p=mix)
    has_second = rng.random(generations) < 0.2
    return {
        "tokens": np.rint(LENGTHS[category] * np.exp(tail * rng.standard_normal(generations) - tail**2 / 2)),
        "source": rng.choice(len(SOURCE_TYPES), generations, p=SOURCE_MIX),
        "category": category,
        "second": np.where(has_second, second, -1),
        "weight": np.where(has_second, rng.uniform(0.5, 0.9, generations), 1.0),
    }


def attributed(week: dict[str, np.ndarray], attribution: str) -> np.ndarray:
    """Tokens by source type and category under an attribution: the truth that shares are taken from."""
    size = len(SOURCE_TYPES) * len(CATEGORIES)
    first = week["tokens"] * (week["weight"] if attribution == "weighted" else 1.0)
    result = np.bincount(week["source"] * len(CATEGORIES) + week["category"], first, minlength=size)
    if attribution != "primary":
        # A second label of the same category adds its weight, but never the generation again.
        rows = np.flatnonzero(
            (week["second"] >= 0) & ((attribution == "weighted") | (week["second"] != week["category"]))
        )
        rest = week["tokens"][rows] * ((1 - week["weight"][rows]) if attribution == "weighted" else 1.0)
        cell = week["source"][rows] * len(CATEGORIES) + week["second"][rows]
        result += np.bincount(cell, rest, minlength=size)
    return result.reshape(len(SOURCE_TYPES), len(CATEGORIES))


def write_sample(warehouse: Path, options: argparse.Namespace) -> np.ndarray:
    """Write the sample as the tables that the models read; returns true tokens by week, source type and category."""
    truth, sampled = [], {name: [] for name in ("number", "tokens", "source", "category", "second", "weight")}
    for number in range(options.weeks):
        rng = np.random.default_rng([options.seed, number])
        week = draw_week(rng, options.generations, options.tail)
        truth.append(attributed(week, options.attribution))
        seen = np.flatnonzero(rng.random(options.generations) < options.sampled_share)
        sampled["number"].append(np.full(len(seen), number))
        for name, values in week.items():
            sampled[name].append(values[seen])
    table = pa.table({name: np.concatenate(values) for name, values in sampled.items()})
    weight, second_weight = ("weight", "(1 - weight)") if options.attribution == "weighted" else ("1", "1")
    with duckdb.connect(str(warehouse)) as connection:
        connection.register("drawn", table)
        connection.execute(
            f"""
            create schema intermediate;
            create schema marts;
            create schema reference;
            create table sample as
            select *, row_number() over () as generation_id, date '{FIRST_WEEK}' + 7 * number::integer as event_date
            from drawn;
            create table intermediate.int_counted_generations as
            select
                generation_id, event_date, 'model/' || source as model_slug, 'unknown' as country_code,
                'unknown' as prompt_language, false as is_byok, tokens::bigint as total_tokens,
                tokens::bigint as prompt_tokens, 0::bigint as completion_tokens, 0::double as spend_usd
            from sample;
            -- The two labels of a generation are two paths, of one category or of two.
            create table intermediate.int_classification_labels as
            select
                generation_id, '/first/' || category as category_path, true as is_primary,
                {weight}::double as label_weight
            from sample
            union all
            select generation_id, '/second/' || second, false, {second_weight}::double
            from sample
            where second >= 0 and {options.attribution != "primary"};
            create table intermediate.int_event_days as
            select distinct event_date, event_date::varchar as label_version from sample;
            create table marts.dim_category_paths as
            select '/' || label || '/' || (number - 1) as path, category, category as tag
            from (select unnest({list(CATEGORIES)}) as category, generate_subscripts({list(CATEGORIES)}, 1) as number)
            cross join (values ('first'), ('second')) as labels (label);
            create table marts.dim_model_slugs as
            select 'model/' || number as model_slug, model_slug as model_id, 'standard' as model_variant
            from range({len(SOURCE_TYPES)}) as numbers (number);
            create table marts.dim_models as
            select
                model_id, model_id as author_slug,
                {list(SOURCE_TYPES)}[split_part(model_id, '/', 2)::integer + 1] as source_type
            from marts.dim_model_slugs;
            create table reference.free_access_periods (model_id varchar, starts_on date, ends_on date);
            create table marts.fct_usage_daily as select distinct event_date, 1::bigint as total_tokens from sample;
            create table marts.dim_weeks as
            select distinct event_date as week_start, true as is_complete_week from sample;
            """
        )
    return np.stack(truth)


def build_marts(warehouse: Path, folder: Path, attribution: str) -> None:
    """Build the category models over that sample with dbt; CalledProcessError if it fails."""
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
    options = {"category_attribution": attribution, "category_start": None}
    subprocess.run(
        [str(dbt), "--quiet", "run", "--full-refresh", "--select", *MODELS, "--vars", json.dumps(options)],
        env=environment,
        check=True,
    )


def measure(warehouse: Path, truth: np.ndarray) -> dict[str, list[tuple[float, bool]]]:
    """Of each mart, every cell with an interval: its sampled generations, and whether the truth is inside."""
    named = truth[:, :, :OTHERS]
    shares = {
        "rpt_category_weekly": (named.sum(axis=1) / named.sum(axis=(1, 2))[:, None])[:, None, :],
        "rpt_author_category_weekly": named / named.sum(axis=2, keepdims=True),
        "rpt_category_source_type_weekly": truth / truth.sum(axis=1, keepdims=True),
    }
    columns = {
        "rpt_category_weekly": ("0", "token_share"),
        "rpt_author_category_weekly": ("split_part(author_slug, '/', 2)::integer", "share_of_author"),
        "rpt_category_source_type_weekly": (f"list_position({list(SOURCE_TYPES)}, source_type) - 1", "token_share"),
    }
    results = {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for mart, (source, share) in columns.items():
            cells = connection.execute(
                f"""
                select
                    (week_start - date '{FIRST_WEEK}') // 7, {source}, list_position({list(CATEGORIES)}, category) - 1,
                    sampled_generations, {share}_low, {share}_high
                from marts.{mart}
                where {share}_low is not null
                """
            ).fetchall()
            results[mart] = [
                (sampled, bool(low <= shares[mart][week, source, category] <= high))
                for week, source, category, sampled, low, high in cells
            ]
    return results


def main(arguments: list[str] | None = None) -> int:
    """Simulate, build, print one line a mart and size of cell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", type=int, default=240)
    parser.add_argument("--generations", type=int, default=100_000, help="generations a week, seen or not")
    parser.add_argument("--sampled-share", type=float, default=0.02, help="part of them that the classifier sees")
    parser.add_argument("--tail", type=float, default=1.0, help="standard deviation of the logarithm of tokens")
    parser.add_argument("--attribution", choices=("primary", "weighted", "full"), default="primary")
    parser.add_argument("--minimum", type=int, default=100, help="sampled generations that a cell needs to count")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warehouse = folder / "warehouse.duckdb"
        truth = write_sample(warehouse, options)
        try:
            build_marts(warehouse, folder, options.attribution)
        except subprocess.CalledProcessError:
            return 2
        results = measure(warehouse, truth)
    print(f"attribution {options.attribution}: cells whose 95 % interval holds the true share")
    for mart, cells in results.items():
        for low, high in zip(BANDS, (*BANDS[1:], float("inf")), strict=True):
            inside = [hit for sampled, hit in cells if low <= sampled < high]
            if inside:
                print(f"  {mart:32}  from {low:5} sampled  {len(inside):6} cells  {np.mean(inside):7.2%}")
        inside = [hit for sampled, hit in cells if sampled >= options.minimum]
        print(f"  {mart:32}  from {options.minimum:5} upwards {len(inside):6} cells  {np.mean(inside):7.2%}")
    inside = [hit for sampled, hit in results["rpt_category_weekly"] if sampled >= options.minimum]
    return int(not 0.93 <= np.mean(inside) <= 0.97)


if __name__ == "__main__":
    sys.exit(main())
