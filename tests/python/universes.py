"""Universes: small sets of deliveries that have nothing in common, so that many of them are landed and built together.

A dbt run takes seconds, however little there is to build. So a hundred cases share each run, and each is kept apart by ids,
accounts, models and a stretch of the calendar of its own; what is wrong can then be told from the rows that differ.
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import json
import math
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from conftest import ACCOUNTS as BUILD_ACCOUNTS
from conftest import Warehouse, failures
from hypothesis import strategies as st

# ---- What a universe is ----------------------------------------------------------------------------------------------
#
# Written in offsets, so that it can be moved to another place of the calendar: a moment is (day of the stretch, second of the
# day), `{u}` in a text is the name of the universe, `{unix}` the second at which its stretch begins.

STEPS = 4
STRETCH = datetime.timedelta(days=28)
FIRST_DAY = datetime.date(2020, 10, 5)
# One day of each universe lies long before its stretch, so that records move over years.
FAR = -1
FIRST_FAR_DAY = datetime.date(2020, 6, 2)
MOST = 120
EARLIEST = datetime.datetime(2020, 6, 1)

GENERATIONS, EXPORTS = "openrouter.generations", "openrouter_export.generations"
ACCOUNTS, CLASSIFICATIONS = "openrouter.accounts", "openrouter.classifications"


@dataclass(frozen=True)
class Put:
    """A file is delivered, or delivered anew where one of that name lies. `ingest` None: an export outside a partition."""

    step: int
    table: str
    ingest: int | None
    name: str
    rows: tuple[dict, ...]
    layout: str = "typed"


@dataclass(frozen=True)
class Remove:
    """A file is taken out of the landing."""

    step: int
    table: str
    ingest: int | None
    name: str


@dataclass(frozen=True)
class Universe:
    """What is delivered, in this order within a step."""

    deliveries: tuple[Put | Remove, ...]


# One that is always there: no landing is ever empty, and the marts of the study have known models to show.
ANCHOR = Universe(
    (
        Put(
            0,
            GENERATIONS,
            28,
            "anchor",
            tuple(
                {
                    "id": f"gen-{{unix}}-{{u}}-{number}",
                    "created_at": (number * 5, 43200),
                    "account_id": "{u}-a",
                    "model": model,
                    "native_tokens_prompt": 1000,
                    "native_tokens_completion": 100,
                    "total_cost": 0.25,
                }
                for number, model in enumerate(("openai/gpt-4o-mini", "deepseek/deepseek-chat", "openai/o3"))
            ),
        ),
    )
)


# ---- Drawing one -----------------------------------------------------------------------------------------------------

ID_STYLES = (
    "gen-{unix}-{u}00000000000000a",
    "gen-{unix}-{u}00000000000000b",
    # The time inside has nothing to do with created_at: long before it, long after it, and none at all.
    "gen-1-{u}",
    "gen-4102444800-{u}",
    "gen-99999999999999999999-{u}",
    "gen--1-{u}",
    "gen-1748736000.5-{u}",
    "gen-late-{u}",
    "GEN-{unix}-{u}00000000000000a",
    "{u}",
    '{u}-o\'brien, "said"',
    "{u}-\u00e9",
    "{u}-e\u0301",
)
MODELS = (
    "openai/gpt-4o-mini",
    "deepseek/deepseek-r1:free",
    "meta-llama/llama-3.3-70b-instruct",
    "anthropic/claude-sonnet-4",
    "x-ai/grok-code-fast-1",
    "nobody/{u}",
    "Nobody/{u}:odd",
)
COUNTRIES = ("US", "us", " de ", "NA", "cn", "ZZ", None)
PATHS = (
    "/Computers & Electronics/Programming",
    "/Computers & Electronics/Programming/Java (Programming Language)",
    "/Games/Roleplaying Games",
    "/Sports/Other",
    "/Adult",
    "/New/{u}",
    "unknown",
    None,
)
# How a value is spoilt, by the reason that it is quarantined for: (column, as a value of its type, as text).
BROKEN = {
    GENERATIONS: {
        "missing_id": ("id", None, "  "),
        "missing_account": ("account_id", None, " "),
        "missing_model": ("model", None, ""),
        "invalid_timestamp": ("created_at", datetime.datetime(2020, 5, 31, 23), "some day"),
        "invalid_tokens": ("native_tokens_prompt", -1, "1.5"),
        "reasoning_exceeds_completion": ("native_tokens_reasoning", 10**11, "100000000000"),
        "cached_exceeds_prompt": ("native_tokens_cached", 10**11, "100000000000"),
        "invalid_cost": ("total_cost", math.nan, "-0.5"),
        "invalid_value": ("cache_discount", 1e13, "much"),
    },
    ACCOUNTS: {
        "missing_account": ("account_id", None, " "),
        "invalid_timestamp": ("updated_at", None, "some day"),
    },
    CLASSIFICATIONS: {
        "missing_id": ("generation_id", None, " "),
        "invalid_timestamp": ("classified_at", None, "some day"),
        "invalid_value": ("confidence", 1.5, "high"),
    },
}
BROKEN[EXPORTS] = BROKEN[GENERATIONS]
# As the contract orders them; the first that applies counts.
REASONS = (
    "missing_id",
    "missing_account",
    "missing_model",
    "invalid_timestamp",
    "future_timestamp",
    "invalid_tokens",
    "reasoning_exceeds_completion",
    "cached_exceeds_prompt",
    "invalid_cost",
    "invalid_value",
)


MOMENTS = st.tuples(
    st.one_of(st.integers(0, 27), st.integers(0, 27), st.sampled_from((0, 6, 7, 27, FAR))),
    st.sampled_from((0, 43200, 86399)),
)
ACCOUNT_IDS = st.sampled_from(("{u}-a", "{u}-b", "{u}-A"))
TOKENS = st.sampled_from((100, 0, 1, 10, 1000, 1_000_000))
DOLLARS = st.sampled_from((0.1, 0.0, 0.25, 1e-9, 3.0))
FIELDS = {
    "created_at": MOMENTS,
    "account_id": ACCOUNT_IDS,
    "model": st.sampled_from(MODELS),
    "native_tokens_prompt": st.one_of(TOKENS, TOKENS, st.none()),
    "native_tokens_completion": TOKENS,
    "tokens_prompt": TOKENS,
    "tokens_completion": TOKENS,
    "native_tokens_reasoning": TOKENS,
    "native_tokens_cached": TOKENS,
    "total_cost": st.one_of(DOLLARS, st.none()),
    "upstream_inference_cost": DOLLARS,
    "cache_discount": st.sampled_from((-0.1, 0.05)),
    "finish_reason": st.sampled_from(("stop", "tool_calls", "odd {u}")),
    "native_finish_reason": st.sampled_from(("STOP", "end_turn")),
    "prompt_language": st.sampled_from(("en", "zh-cn", "xx-{u}")),
    "api_type": st.sampled_from(("completions", "embeddings")),
    "is_byok": st.booleans(),
    "cancelled": st.booleans(),
    "tools_provided": st.booleans(),
    "latency": st.just(5),
    "broken": st.sampled_from(sorted(BROKEN[GENERATIONS])),
}
REQUIRED = ("created_at", "account_id", "model", "native_tokens_prompt", "native_tokens_completion")
ONE_FIELD = [st.tuples(st.just(name), strategy) for name, strategy in FIELDS.items()]
# Most changes are of what decides where a record is counted.
FEW_FIELDS = st.lists(
    st.one_of(ONE_FIELD + 2 * [st.tuples(st.just(name), FIELDS[name]) for name in REQUIRED]), max_size=4
).map(dict)
# Which id, of the few that the universe has, is a number here and looked up in the end.
NUMBER = st.integers(0, 4)
RECORD = st.builds(
    lambda record, more: record | more,
    st.fixed_dictionaries({"id": NUMBER} | {name: FIELDS[name] for name in REQUIRED}),
    FEW_FIELDS,
)
# The same record again, or with some of its fields changed.
GENERATION_ROWS = st.lists(st.tuples(NUMBER, st.one_of(st.just({}), FEW_FIELDS)), min_size=1, max_size=4)
ACCOUNT_ROWS = st.lists(
    st.fixed_dictionaries(
        {"account_id": ACCOUNT_IDS, "billing_country_code": st.sampled_from(COUNTRIES), "updated_at": MOMENTS},
        optional={"broken": st.one_of(st.none(), st.none(), st.sampled_from(sorted(BROKEN[ACCOUNTS])))},
    ),
    min_size=1,
    max_size=3,
)
CLASSIFICATION_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "generation_id": NUMBER,
            "path": st.sampled_from(PATHS),
            "confidence": st.sampled_from((0.9, 0.7, 0.6, 0.5, 0.3, None)),
            "classified_at": MOMENTS,
        },
        optional={"broken": st.one_of(st.none(), st.none(), st.sampled_from(sorted(BROKEN[CLASSIFICATIONS])))},
    ),
    min_size=1,
    max_size=3,
)
STEP = st.integers(0, STEPS - 1)
LAYOUTS = st.sampled_from(("typed", "narrow", "text"))


def files(table: str, rows: st.SearchStrategy[list], fewest: int, most: int) -> st.SearchStrategy[list[tuple]]:
    """Files of one landed table: (table, step, number of the partition, name, layout, rows)."""
    return st.lists(
        st.tuples(st.just(table), STEP, NUMBER, st.sampled_from("ab"), LAYOUTS, rows), min_size=fewest, max_size=most
    )


FILES = st.tuples(
    files(GENERATIONS, GENERATION_ROWS, 2, 5),
    files(EXPORTS, GENERATION_ROWS, 0, 2),
    files(ACCOUNTS, ACCOUNT_ROWS, 0, 3),
    files(CLASSIFICATIONS, CLASSIFICATION_ROWS, 0, 4),
).map(lambda tables: [file for files_of_table in tables for file in files_of_table])
# Any text will do as an id, with the name of the universe somewhere in it.
LETTERS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=5)
ANY_ID = st.builds(lambda before, after: before + "{u}" + after, LETTERS, LETTERS)
IDS = st.lists(st.one_of(st.sampled_from(ID_STYLES), st.sampled_from(ID_STYLES), ANY_ID), min_size=1, max_size=3)
# Few partitions, so that files are replaced. Late can be years; early makes timestamps of the future.
PARTITIONS = st.lists(st.sampled_from((28, 29, 60, 400, 2000, 27, 14, 3)), min_size=1, max_size=3, unique=True)
# A record that arrives after all others, and later once more with one field changed: (record, step, the field).
CORRECTIONS = st.lists(st.tuples(NUMBER, st.integers(1, STEPS - 1), st.one_of(ONE_FIELD)), max_size=2)
# What happens to files later: gone, delivered again as they were, delivered once more into another partition.
FATES_OF_FILES = st.lists(st.tuples(st.integers(0, 13), STEP, st.sampled_from(("remove", "again", "copy"))), max_size=3)


def within_bounds(row: dict) -> dict:
    """Reasoning lies inside the completion and cache inside the prompt, unless the row is to be spoilt by just that."""
    for part, whole in (("native_tokens_reasoning", "completion"), ("native_tokens_cached", "prompt")):
        if row.get(part) is not None:
            native = row.get(f"native_tokens_{whole}")
            row[part] = min(row[part], (native if native is not None else row.get(f"tokens_{whole}")) or 0)
    return row


def assembled(ids: list, records: list, partitions: list, files: list, corrections: list, fates: list) -> Universe:
    """A universe from what was drawn for it, numbers looked up."""

    def row_of(table: str, row: dict | tuple) -> dict:
        if table == ACCOUNTS:
            return row
        if table == CLASSIFICATIONS:
            return row | {"generation_id": ids[row["generation_id"] % len(ids)]}
        number, changes = row
        row = records[number % len(records)] | changes
        return within_bounds(row | {"id": ids[row["id"] % len(ids)]})

    deliveries: list[Put | Remove] = []
    for table, step, partition, name, layout, rows in files:
        # An export may lie in no partition.
        ingest = None if table == EXPORTS and partition == 0 else partitions[partition % len(partitions)]
        deliveries.append(Put(step, table, ingest, name, tuple(row_of(table, row) for row in rows), layout))
    for order, (number, step, change) in enumerate(corrections):
        ingest = max(28, *partitions) + 2 * order
        for name, at, arrival, changes in (("before", 0, ingest + 1, {}), ("after", step, ingest + 2, dict([change]))):
            deliveries.append(
                Put(at, GENERATIONS, arrival, f"{name}{order}", (row_of(GENERATIONS, (number, changes)),))
            )
    for number, step, fate in fates:
        file = deliveries[number % len(files)]
        step = max(step, file.step)
        if fate == "remove":
            deliveries.append(Remove(step, file.table, file.ingest, file.name))
        elif fate == "again":
            deliveries.append(replace(file, step=step))
        else:
            deliveries.append(replace(file, step=step, ingest=partitions[number % len(partitions)], name="copy"))
    return Universe(tuple(sorted(deliveries, key=lambda delivery: delivery.step)))


def says_something(universe: Universe) -> bool:
    """Not one of the many that are next to nothing: records in two deliveries at least, and an id that comes twice."""
    puts = [put for put in universe.deliveries if isinstance(put, Put) and put.table in (GENERATIONS, EXPORTS)]
    ids = Counter(row["id"] for put in puts for row in put.rows)
    return len({put.step for put in puts}) > 1 and max(ids.values()) > 1 and len({str(put.rows) for put in puts}) > 1


def universes() -> st.SearchStrategy[Universe]:
    """Records that come again and again, alike or corrected, in files that come, change, move and go, in any order."""
    return st.builds(
        assembled,
        IDS,
        st.lists(RECORD, min_size=1, max_size=4),
        PARTITIONS,
        FILES,
        CORRECTIONS,
        FATES_OF_FILES,
    ).filter(says_something)


# ---- Its place in the landing ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Landed:
    """A file as it lies in the landing; its rows with the values that they stand for, before they are written."""

    universe: int
    table: str
    ingest_date: datetime.date | None
    layout: str
    rows: tuple[dict, ...]


def tag(number: int) -> str:
    return f"u{number:04d}"


def start_of(number: int) -> datetime.date:
    assert number < MOST, "there are no more far days"
    return FIRST_DAY + number * STRETCH


def day_of(number: int, offset: int) -> datetime.date:
    if offset == FAR:
        return FIRST_FAR_DAY + datetime.timedelta(days=number)
    return start_of(number) + datetime.timedelta(days=offset)


def placed(number: int, row: dict) -> dict:
    """The row's values at this place of the calendar."""
    unix = int(datetime.datetime.combine(start_of(number), datetime.time(), datetime.UTC).timestamp())

    def value(landed: object) -> object:
        if isinstance(landed, str):
            return landed.replace("{u}", tag(number)).replace("{unix}", str(unix))
        if isinstance(landed, tuple):
            day, second = landed
            midnight = datetime.datetime.combine(day_of(number, day), datetime.time())
            return midnight + datetime.timedelta(seconds=second)
        return landed

    return {name: value(landed) for name, landed in row.items()}


class Landing:
    """The landing of several universes: deliveries step by step, and what lies there now.

    With `only_arrivals` no file goes or is replaced: what is delivered anew comes beside what was there.
    """

    def __init__(self, folder: Path, universes: dict[int, Universe], only_arrivals: bool = False):
        self.folder = folder
        self.universes = universes
        self.only_arrivals = only_arrivals
        self.files: dict[Path, Landed] = {}

    def deliver(self, step: int) -> None:
        for number, universe in self.universes.items():
            for delivery in universe.deliveries:
                if delivery.step != step:
                    continue
                path, ingest_date = self._place(number, delivery)
                if self.only_arrivals:
                    if isinstance(delivery, Remove):
                        continue
                    path = path.with_stem(f"{path.stem}-{step}")
                if isinstance(delivery, Remove):
                    path.unlink(missing_ok=True)
                    self.files.pop(path, None)
                    continue
                rows = tuple(placed(number, row) for row in delivery.rows)
                self.files[path] = Landed(number, delivery.table, ingest_date, delivery.layout, rows)
                path.parent.mkdir(parents=True, exist_ok=True)
                write(path, self.files[path])

    def _place(self, number: int, delivery: Put | Remove) -> tuple[Path, datetime.date | None]:
        folder = {
            GENERATIONS: "openrouter/generations",
            EXPORTS: "openrouter_export",
            ACCOUNTS: "openrouter/accounts",
            CLASSIFICATIONS: "openrouter/classifications",
        }[delivery.table]
        extension = "csv" if delivery.table == EXPORTS else "parquet"
        name = f"{tag(number)}-{delivery.name}.{extension}"
        if delivery.ingest is None:
            # Events that are still to come would depend on the day on which the test is run.
            if start_of(number) + STRETCH < datetime.date(2025, 1, 1):
                return self.folder / folder / name, None
            ingest_date = start_of(number) + STRETCH
        else:
            ingest_date = start_of(number) + datetime.timedelta(days=delivery.ingest)
        return self.folder / folder / f"ingest_date={ingest_date}" / name, ingest_date


TYPES = {
    GENERATIONS: {
        "id": pa.string(),
        "created_at": pa.timestamp("us"),
        "account_id": pa.string(),
        "model": pa.string(),
        "api_type": pa.string(),
        "finish_reason": pa.string(),
        "native_finish_reason": pa.string(),
        "native_tokens_prompt": pa.int64(),
        "native_tokens_completion": pa.int64(),
        "native_tokens_reasoning": pa.int64(),
        "native_tokens_cached": pa.int64(),
        "tokens_prompt": pa.int64(),
        "tokens_completion": pa.int64(),
        "total_cost": pa.float64(),
        # Left out of a narrow file, if no row fills one of them.
        "cancelled": pa.bool_(),
        "is_byok": pa.bool_(),
        "tools_provided": pa.bool_(),
        "upstream_inference_cost": pa.float64(),
        "cache_discount": pa.float64(),
        "latency": pa.int64(),
        "prompt_language": pa.string(),
    },
    ACCOUNTS: {"account_id": pa.string(), "billing_country_code": pa.string(), "updated_at": pa.timestamp("us")},
    CLASSIFICATIONS: {
        "generation_id": pa.string(),
        "path": pa.string(),
        "confidence": pa.float64(),
        "classified_at": pa.timestamp("us"),
    },
}
SELDOM = (
    "cancelled",
    "is_byok",
    "tools_provided",
    "upstream_inference_cost",
    "cache_discount",
    "latency",
    "prompt_language",
)
EXPORT_COLUMNS = {
    "generation_id": "id",
    "created_at": "created_at",
    "cost_total": "total_cost",
    "tokens_prompt": "native_tokens_prompt",
    "tokens_completion": "native_tokens_completion",
    "tokens_reasoning": "native_tokens_reasoning",
    "tokens_cached": "native_tokens_cached",
    "model_permaslug": "model",
    "api_key_name": "account_id",
    "cancelled": "cancelled",
    "finish_reason_normalized": "finish_reason",
    "finish_reason_raw": "native_finish_reason",
    "cost_cache": "cache_discount",
    "byok_usage_inference": "upstream_inference_cost",
    "time_to_first_token_ms": "latency",
}


def write(path: Path, file: Landed) -> None:
    """The file itself. A row's `broken` spoils one of its values."""
    as_text = file.layout == "text" or file.table == EXPORTS
    rows = []
    for number, row in enumerate(file.rows):
        row = dict(row)
        reason = row.pop("broken", None)
        if reason is not None:
            column, typed, text = BROKEN[file.table][reason]
            row[column] = text if as_text else typed
        rows.append({name: text_of(value, number) for name, value in row.items()} if as_text else row)
    if file.table == EXPORTS:
        with path.open("w", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(EXPORT_COLUMNS)
            writer.writerows([row.get(name) for name in EXPORT_COLUMNS.values()] for row in rows)
        return
    types = TYPES[file.table]
    if file.layout == "narrow" and not any(row.get(name) is not None for row in rows for name in SELDOM):
        types = {name: kind for name, kind in types.items() if name not in SELDOM}
    schema = pa.schema([(name, pa.string() if as_text else kind) for name, kind in types.items()])
    pq.write_table(pa.Table.from_pylist([{name: row.get(name) for name in types} for row in rows], schema), path)


def text_of(value: object, number: int) -> str | None:
    """A value as text; the same moment in one spelling or another, by the number of the row."""
    if isinstance(value, datetime.datetime):
        spellings = (
            value.strftime("%Y-%m-%d %H:%M:%S"),
            value.strftime("%Y-%m-%dT%H:%M:%SZ"),
            (value + datetime.timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%S+05:30"),
        )
        return spellings[number % 3]
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


# ---- The oracle ------------------------------------------------------------------------------------------------------
#
# What the facts must say, from the delivered rows and the contract alone. It knows of a duplicate that the latest ingest date
# wins, then the most complete usage; the tie-break after that is the project's own affair, so where tied copies differ, a
# sum may lie anywhere between what the one and the other would give.

Bounds = dict[tuple, list[int]]


@dataclass
class Expected:
    """Sums by key, each [least, most] count and [least, most] tokens; and exact counts of rows by fate."""

    usage: Bounds
    fates: Counter


def expected(files: Iterable[Landed], token_basis: str, pseudonym_key: str) -> Expected:
    fates: Counter = Counter()
    generations: dict[str, list[tuple[tuple, dict]]] = defaultdict(list)
    accounts: dict[str, list[tuple[tuple, dict]]] = defaultdict(list)
    labels: dict[tuple, list[tuple[tuple, dict]]] = defaultdict(list)
    for file in files:
        rows = [canonical(file.table, row) for row in file.rows]
        ingest_date = file.ingest_date or arrived_on(rows)
        for row in rows:
            reason = quarantine_reason(file.table, row, ingest_date)
            fates[("raw", file.table, ingest_date)] += 1
            if reason is not None:
                fates[("quarantined", file.table, ingest_date, reason)] += 1
            elif file.table == ACCOUNTS:
                accounts[row["account_id"]].append(((row["updated_at"], ingest_date), row))
            elif file.table == CLASSIFICATIONS:
                key = (row["generation_id"], row["path"])
                labels[key].append(((ingest_date,), row))
            else:
                generations[row["id"]].append(((ingest_date, most_complete(row)), row))
    for kind, copies_of in (("generations", generations), ("accounts", accounts), ("classifications", labels)):
        for copies in copies_of.values():
            ranks = sorted(rank for rank, _ in copies)
            for rank in ranks[:-1]:
                fates[("duplicate", kind, rank[1] if kind == "accounts" else rank[0])] += 1

    countries = {
        account: {(row["billing_country_code"] or "unknown").upper() for row in best(copies)}
        for account, copies in accounts.items()
    }
    countries = {account: {c if c != "UNKNOWN" else "unknown" for c in known} for account, known in countries.items()}
    sampled = {generation for generation, _ in labels}

    usage: Bounds = defaultdict(lambda: [0, 0, 0, 0])
    for generation, copies in generations.items():
        candidates = []
        for row in best(copies):
            for country in countries.get(row["account_id"], {"unknown"}):
                candidates.append(dict(contributions(row, country, generation in sampled, token_basis, pseudonym_key)))
        for key in {key for candidate in candidates for key in candidate}:
            counts = [candidate.get(key, (0, 0)) for candidate in candidates]
            sums = usage[key]
            sums[0] += min(count for count, _ in counts)
            sums[1] += max(count for count, _ in counts)
            sums[2] += min(tokens for _, tokens in counts)
            sums[3] += max(tokens for _, tokens in counts)
    return Expected(dict(usage), fates)


def canonical(table: str, row: dict) -> dict:
    """As the contract reads it: text without blanks around it, blank text nothing; an export has fewer columns."""
    row = {name: (value.strip(" \t\n\r") or None) if isinstance(value, str) else value for name, value in row.items()}
    if table == EXPORTS:
        row = {name: row.get(name) for name in (*EXPORT_COLUMNS.values(), "broken")}
    return row


def best(copies: list[tuple[tuple, dict]]) -> list[dict]:
    top = max(rank for rank, _ in copies)
    return [row for rank, row in copies if rank == top]


def event_time(table: str, row: dict) -> datetime.datetime:
    return row[{ACCOUNTS: "updated_at", CLASSIFICATIONS: "classified_at"}.get(table, "created_at")]


def arrived_on(rows: list[dict]) -> datetime.date:
    days = [row["created_at"].date() for row in rows if row.get("broken") != "invalid_timestamp"]
    return max(days, default=EARLIEST.date())


def quarantine_reason(table: str, row: dict, ingest_date: datetime.date) -> str | None:
    reasons = {row["broken"]} if row.get("broken") else set()
    latest = ingest_date + datetime.timedelta(days=1)
    if "invalid_timestamp" not in reasons and event_time(table, row).date() > latest:
        reasons.add("future_timestamp")
    if table in (GENERATIONS, EXPORTS) and not any(
        row.get(name) is not None
        for name in ("native_tokens_prompt", "native_tokens_completion", "tokens_prompt", "tokens_completion")
    ):
        reasons.add("invalid_tokens")
    if table in (GENERATIONS, EXPORTS):
        # A spoilt row says so already; here is what an export is left with, which has no normalised counts.
        for part, whole in (("reasoning", "completion"), ("cached", "prompt")):
            native = row.get(f"native_tokens_{whole}")
            counted = native if native is not None else row.get(f"tokens_{whole}")
            if (row.get(f"native_tokens_{part}") or 0) > (counted or 0):
                reasons.add(f"{part}_exceeds_{whole}")
    return min(reasons, key=REASONS.index, default=None)


def tokens_of(row: dict, first: str, second: str) -> int:
    sides = []
    for side in ("prompt", "completion"):
        value = row.get(f"{first}tokens_{side}")
        sides.append((value if value is not None else row.get(f"{second}tokens_{side}")) or 0)
    return sum(sides)


def most_complete(row: dict) -> int:
    return tokens_of(row, "native_", "")


def contributions(
    row: dict, country: str, is_sampled: bool, token_basis: str, pseudonym_key: str
) -> Iterator[tuple[tuple, tuple[int, int]]]:
    if row.get("api_type") not in (None, "completions"):
        return
    day = row["created_at"].date()
    one = (1, tokens_of(row, "native_", "") if token_basis == "native" else tokens_of(row, "", "native_"))
    account_key = uuid.UUID(hashlib.sha256(f"{pseudonym_key}:{row['account_id']}".encode()).hexdigest()[:32])
    yield ("day", day), one
    yield ("day and model", day, row["model"]), one
    yield ("day and country", day, country), one
    yield ("week", day - datetime.timedelta(days=day.weekday())), one
    yield ("month and account", day.replace(day=1), account_key), one
    yield ("account, week and finish", day - datetime.timedelta(days=day.weekday()), account_key), one
    yield ("account, week and model", day - datetime.timedelta(days=day.weekday()), account_key, row["model"]), one
    if is_sampled:
        yield ("labelled day", day), one


FOUND = {
    "day": "select event_date, sum(generations), sum(total_tokens) from marts.fct_usage_daily group by all",
    "day and model": "select event_date, model_slug, sum(generations), sum(total_tokens) from marts.fct_usage_daily group by all",
    "day and country": "select event_date, country_code, sum(generations), sum(total_tokens) from marts.fct_usage_daily group by all",
    "week": "select week_start, sum(generations), sum(total_tokens) from marts.rpt_source_type_weekly group by all",
    "month and account": "select month_start, account_key, sum(generations), sum(total_tokens) from marts.fct_account_model_months group by all",
    "account, week and finish": "select week_start, account_key, sum(generations), sum(total_tokens) from marts.fct_account_finish_reason_weeks group by all",
    "account, week and model": "select week_start, account_key, model_slug, sum(generations), sum(total_tokens) from marts.fct_account_usage_weeks group by all",
    # Whatever the attribution, each sampled generation has one label that is its first.
    "labelled day": "select event_date, sum(primary_generations), sum(primary_tokens) from marts.fct_tag_usage_daily group by all",
}
FATES = {
    "raw": "select source_name, ingest_date, raw_rows from marts.rpt_source_reconciliation",
    "quarantined": "select source_name, ingest_date, reason, count(*) from marts.rpt_quarantined_generations group by all",
    # Of which source the duplicate is, can hang on the tie-break.
    "duplicate": "select split_part(source_name, '.', 2), ingest_date, sum(duplicate_rows) from marts.rpt_source_reconciliation group by all having sum(duplicate_rows) > 0",
}


@dataclass(frozen=True)
class Problem:
    """Something that is not as it must be: in which check, what, and of which universes it can be."""

    check: str
    text: str
    universes: frozenset[int]


def against_oracle(check: str, path: Path, wanted: Expected, owners: Owners) -> list[Problem]:
    """Where the facts of a warehouse are not what the delivered rows say."""
    problems = []
    with duckdb.connect(str(path), read_only=True) as connection:
        found = {
            (kind, *row[:-2]): (int(row[-2]), int(row[-1]))
            for kind, sql in FOUND.items()
            for row in connection.execute(sql).fetchall()
        }
        fates = Counter(
            {
                (kind, *row[:-1]): int(row[-1])
                for kind, sql in FATES.items()
                for row in connection.execute(sql).fetchall()
            }
        )
    for key in sorted(found.keys() | wanted.usage.keys(), key=str):
        count, tokens = found.get(key, (0, 0))
        least, most, least_tokens, most_tokens = wanted.usage.get(key, [0, 0, 0, 0])
        if not (least <= count <= most and least_tokens <= tokens <= most_tokens):
            problems.append(
                Problem(
                    check,
                    f"{key}: {count} generations, {tokens} tokens; delivered {least} to {most}, {least_tokens} to {most_tokens}",
                    owners(key),
                )
            )
    for key in sorted(fates.keys() | wanted.fates.keys(), key=str):
        if fates[key] != wanted.fates[key]:
            problems.append(
                Problem(
                    check,
                    f"rows {key}: {fates[key]}, but {wanted.fates[key]} were delivered",
                    owners.of_arrival(key[2]) or owners(key),
                )
            )
    return problems


# ---- Two builds, row by row ------------------------------------------------------------------------------------------

# The account of what has passed changes with every run.
NOT_COMPARED = tuple(f"intermediate.{name}" for name in BUILD_ACCOUNTS)
# Where a row stands in a CSV file is not known: the reader hands the rows over in any order. It tells rows of a file apart.
COLUMNS_NOT_COMPARED = ("file_row_number",)
# Of doubles that follow the order of adding, see `tolerance`.
LAST_DIGITS = 1e-9
SCHEMAS = ("intermediate", "marts", "reference")


def differing_rows(
    one: Path, other: Path, schemas: Iterable[str] = SCHEMAS, tolerance: float = 0
) -> list[tuple[str, str, dict]]:
    """(table, "only in the first" or "only in the second", row) of each row without its equal.

    Doubles are compared as text, the shortest that is read back as the same number: bit by bit, but for what a NaN carries.
    With a tolerance, rows that are equal but for doubles that lie close together are not listed.
    """
    differing = []
    with duckdb.connect() as connection:
        for name, path in (("one", one), ("other", other)):
            quoted = str(path).replace("'", "''")
            connection.execute(f"attach '{quoted}' as {name} (read_only)")
        listed = ", ".join(f"'{schema}'" for schema in schemas)
        shapes: dict[str, dict[str, list]] = {"one": defaultdict(list), "other": defaultdict(list)}
        for database, table, column, kind in connection.execute(
            f"""
            select database_name, schema_name || '.' || table_name, column_name, data_type
            from duckdb_columns()
            where database_name in ('one', 'other') and schema_name in ({listed})
                and not list_contains({list(COLUMNS_NOT_COMPARED)}, column_name)
                and (database_name, schema_name, table_name)
                in (select database_name, schema_name, table_name from duckdb_tables())
            order by database_name, schema_name, table_name, column_index
            """
        ).fetchall():
            shapes[database][table].append((column, kind))
        for table in sorted(shapes["one"].keys() | shapes["other"].keys()):
            if table in NOT_COMPARED:
                continue
            columns = shapes["one"].get(table)
            if columns != shapes["other"].get(table):
                differing.append((table, "of another shape", {"first": columns, "second": shapes["other"].get(table)}))
                continue
            selected = ", ".join(
                f'cast("{column}" as varchar) as "{column}"' if kind in ("DOUBLE", "FLOAT") else f'"{column}"'
                for column, kind in columns
            )
            doubles = [number for number, (_, kind) in enumerate(columns) if kind in ("DOUBLE", "FLOAT")]
            rows = [
                connection.execute(
                    f"select {selected} from {first}.{table} except all select {selected} from {second}.{table}"
                ).fetchall()
                for first, second in (("one", "other"), ("other", "one"))
            ]
            if tolerance and doubles:
                rows = without_neighbours(*rows, doubles, tolerance)
            for where, remaining in zip(("only in the first", "only in the second"), rows, strict=True):
                names = [column for column, _ in columns]
                differing += [(table, where, dict(zip(names, row, strict=True))) for row in remaining]
    return differing


def without_neighbours(
    one: list[tuple], other: list[tuple], doubles: list[int], tolerance: float
) -> tuple[list[tuple], list[tuple]]:
    """Rows without those that have a partner in the other list, equal but for doubles that lie close together."""
    by_rest = defaultdict(list)
    for row in other:
        by_rest[tuple(v for i, v in enumerate(row) if i not in doubles)].append(row)

    def close(left: str | None, right: str | None) -> bool:
        if left is None or right is None:
            return left is right
        return left == right or math.isclose(float(left), float(right), rel_tol=tolerance, abs_tol=tolerance)

    left_over = []
    for row in one:
        partners = by_rest[tuple(v for i, v in enumerate(row) if i not in doubles)]
        for partner in partners:
            if all(close(row[i], partner[i]) for i in doubles):
                partners.remove(partner)
                break
        else:
            left_over.append(row)
    return left_over, [row for rows in by_rest.values() for row in rows]


def two_builds(check: str, one: Path, other: Path, owners: Owners, tolerance: float = 0) -> list[Problem]:
    """Where two warehouses differ, as problems."""
    return [
        Problem(check, f"{table}: {where}: {row}", owners(row.values()))
        for table, where, row in differing_rows(one, other, tolerance=tolerance)
    ]


# ---- A batch of universes, from the first delivery to the last ---------------------------------------------------------

# So that every public table has rows to compare: no window, cohorts of one account.
SHOW_ALL = {
    "study_start": None,
    "study_end": None,
    "category_start": "2020-06-01",
    "min_cohort_size": 1,
    "retention_signal_month": 1,
}


@dataclass(frozen=True)
class Plan:
    """Options of each step, after which step the state is compared with a full refresh in a file of its own, and whether
    files only come."""

    options: tuple[dict, ...] = ({},) * STEPS
    halfway: int = 1
    only_arrivals: bool = False


# Options that change between increments are an increment, too.
PLANS = (
    # Where nothing goes, increments look at what is in new files only (macros/touched_keys.sql).
    Plan(halfway=2, only_arrivals=True),
    Plan(
        (
            {},
            {"token_basis": "normalized"},
            {"token_basis": "normalized", "category_attribution": "full"},
            {"category_attribution": "full", "retention_cohort_basis": "platform"},
        ),
        halfway=2,
    ),
    Plan(halfway=2),
    Plan(
        (
            {"category_attribution": "weighted"},
            {},
            {},
            {"category_attribution": "weighted", "classifier_min_confidence": 0.8},
        )
    ),
)


def build(warehouse: Warehouse, options: dict, *arguments: str) -> None:
    """The selection, with options."""
    select = ("--select", *warehouse.selection) if warehouse.selection else ()
    arguments = (*select, "--vars", json.dumps(SHOW_ALL | options), *arguments)
    result = warehouse.dbt("run", *arguments)
    assert result.success, failures(result)


class Owners:
    """Which universes a row can be of, by the names and the days in it."""

    def __init__(self, landing: Landing, pseudonym_key: str):
        self.days: dict[datetime.date, set[int]] = defaultdict(set)
        for number in landing.universes:
            for offset in range(-1, STRETCH.days):
                day = day_of(number, offset)
                for related in (day, day - datetime.timedelta(days=day.weekday()), day.replace(day=1)):
                    self.days[related].add(number)
        self.landing = landing
        self.accounts = {
            hashlib.sha256(f"{pseudonym_key}:{tag(number)}-{name}".encode()).hexdigest()[:32]: number
            for number in landing.universes
            for name in "abA"
        }

    def __call__(self, values: Iterable) -> frozenset[int]:
        values = list(values)
        named = {int(name) for value in values if isinstance(value, str) for name in re.findall(r"u(\d{4})", value)}
        named |= {self.accounts[value] for value in values if isinstance(value, str) and value in self.accounts}
        if not named:
            days = [
                value.date() if isinstance(value, datetime.datetime) else value
                for value in values
                if isinstance(value, datetime.date)
            ]
            named = set.intersection(*(self._of_day(day) for day in days)) if days else set()
        return frozenset(named & self.landing.universes.keys())

    def _of_day(self, day: datetime.date) -> set[int]:
        return self.days.get(day, set()) | self.of_arrival(day)

    def of_arrival(self, ingest_date: datetime.date) -> frozenset[int]:
        """Universes of which something lies in that partition."""
        return frozenset(file.universe for file in self.landing.files.values() if file.ingest_date == ingest_date)


def check_batch(
    warehouse: Warehouse, universes: dict[int, Universe], plan: Plan, build: Callable[..., None] = build
) -> list[Problem]:
    """Deliver and build step by step; the problems of the first step that has any.

    After each step the facts are compared with the oracle, after one on the way and after the last the whole warehouse with
    a full refresh: the one in a file of its own, the other in the file that the increments were built in.
    """
    key = warehouse.environment["PSEUDONYM_KEY"]
    landing = Landing(warehouse.landing, universes, plan.only_arrivals)
    own = warehouse.environment["WAREHOUSE_PATH"]
    elsewhere = warehouse.root / "elsewhere" / warehouse.path.name
    for step, options in enumerate(plan.options):
        landing.deliver(step)
        build(warehouse, options)
        owners = Owners(landing, key)
        wanted = expected(landing.files.values(), options.get("token_basis", "native"), key)
        problems = against_oracle(f"delivery {step} against what was delivered", warehouse.path, wanted, owners)
        # Generations in fractions: their sums differ in the last digits from build to build (known limits, CHANGELOG).
        tolerance = LAST_DIGITS if options.get("category_attribution") == "weighted" else 0
        if step == plan.halfway and step < len(plan.options) - 1:
            elsewhere.parent.mkdir(exist_ok=True)
            elsewhere.write_bytes(warehouse.seeded.read_bytes())
            warehouse.environment["WAREHOUSE_PATH"] = str(elsewhere)
            try:
                build(warehouse, options, "--full-refresh")
            finally:
                warehouse.environment["WAREHOUSE_PATH"] = own
            problems += two_builds(
                f"delivery {step} against a full refresh elsewhere", warehouse.path, elsewhere, owners, tolerance
            )
        if step == len(plan.options) - 1:
            elsewhere.parent.mkdir(exist_ok=True)
            elsewhere.write_bytes(warehouse.path.read_bytes())
            build(warehouse, options, "--full-refresh")
            problems += two_builds(
                f"delivery {step} against a full refresh", elsewhere, warehouse.path, owners, tolerance
            )
            problems += against_oracle("full refresh against what was delivered", warehouse.path, wanted, owners)
        if problems:
            return problems
    return []


# ---- Making a failing universe small -----------------------------------------------------------------------------------


def parts_of(universe: Universe) -> list[tuple]:
    """What can be left out: a delivery, a row, a field that a row can do without."""
    parts: list[tuple] = []
    for number, delivery in enumerate(universe.deliveries):
        parts.append((number,))
        for row_number, row in enumerate(getattr(delivery, "rows", ())):
            parts.append((number, row_number))
            optional = row.keys() - {"id", *REQUIRED} if delivery.table in (GENERATIONS, EXPORTS) else {"broken"}
            parts += [(number, row_number, name) for name in sorted(optional & row.keys())]
    return parts


def without(universe: Universe, gone: set[tuple]) -> Universe:
    deliveries = []
    for number, delivery in enumerate(universe.deliveries):
        if isinstance(delivery, Put):
            rows = tuple(
                {name: value for name, value in row.items() if (number, row_number, name) not in gone}
                for row_number, row in enumerate(delivery.rows)
                if (number, row_number) not in gone
            )
            delivery = replace(delivery, rows=rows)
        if (number,) not in gone and getattr(delivery, "rows", True):
            deliveries.append(delivery)
    return Universe(tuple(deliveries))


def shrunk(fails: Callable[[list[Universe]], set[int]], universe: Universe, rounds: int = 6) -> Universe:
    """The smallest universe found that still fails. Each round tries up to a hundred at once, in one landing.

    Args:
        fails: which of these universes fail, by their numbers in the list.
        universe: one that fails.
        rounds: how many times to build.
    """
    for _ in range(rounds):
        parts = parts_of(universe)
        chunks: list[set[tuple]] = []
        size = len(parts) // 2
        while size >= 1 and len(chunks) + len(parts) // size < MOST - 20:
            chunks += [set(parts[first : first + size]) for first in range(0, len(parts), size)]
            size //= 2
        failing = sorted(fails([without(universe, chunk) for chunk in chunks]), key=lambda i: -len(chunks[i]))
        if not failing:
            return universe
        # All that could go one by one may not be able to go together: take as much of it as can.
        together = [set().union(*(chunks[i] for i in failing[:number])) for number in range(1, len(failing) + 1)]
        still = fails([without(universe, gone) for gone in together]) | {0}
        universe = without(universe, together[max(still)])
    return universe
