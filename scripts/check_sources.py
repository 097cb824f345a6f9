"""Check the landed source files before dbt reads them.

    python -m scripts.check_sources [--strict] [--since YYYY-MM-DD] [--max-age-days N]

This checks what ARRIVED; the dbt tests check what was BUILT. dbt quarantines single bad rows, so this module
does not ask for perfect rows. It stops a build that would be impossible (a file that cannot be read, a
missing required column) or wrong (so many unusable rows that the marts would describe the accident), and it
warns about what a person should look at (a day with a third of the usual rows).

How it works
    1. Folder, file name, file content and columns are checked file by file, so that a message names the file.
    2. One SQL pass over each source counts, per file, the rows that break each rule. A second pass over the
       key columns counts repeated rows per partition. No row reaches Python; DuckDB bounds the memory.
    3. The counts become shares, one row a partition and one for the whole source. Great Expectations suites,
       defined here and written to ``CHECKS_PATH/expectations``, hold the bounds on these shares. They do what
       ``mostly`` does on rows, and also tell which partition broke the bound.

Environment variables
    LANDING_PATH     folder of the landed files (default ``data/landing``)
    LANDING_FORMAT   ``parquet`` (default), ``csv`` or ``json``; the activity export is always CSV
    CHECKS_PATH      folder of the results (default ``data/checks``)

Exit codes
    0  clean, or only warnings
    1  only warnings, and ``--strict`` was given
    2  errors: do not build
    3  the check could not run (bad argument, bad LANDING_FORMAT, a check that died); nothing is known
"""

from __future__ import annotations

import argparse
import codecs
import csv
import gzip
import io
import json
import logging
import math
import os
import re
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

import duckdb

from scripts import _paths

EXIT_CLEAN, EXIT_WARNINGS, EXIT_ERRORS, EXIT_NOT_RUN = 0, 1, 2, 3

# --- Bounds. Each is a share of rows unless it says otherwise. ---------------

# Above this share of rows that dbt would quarantine, the marts describe the accident and not the traffic.
MAX_UNUSABLE_SHARE = 0.20
# Every log has a few bad rows, and quarantine is made for them. One in a hundred is no longer chance.
WARN_BAD_SHARE = 0.01
# Gateways retry and redeliver. More than one row in twenty twice on one day points at a file delivered twice.
WARN_DUPLICATE_SHARE = 0.05
# A missing country is allowed, but from one account in five on, geography is about the unknown.
WARN_NULL_COUNTRY_SHARE = 0.20
# One value like 2**31 outweighs a day of traffic, so a single implausible one is worth a look.
WARN_IMPLAUSIBLE_SHARE = 0.0
PLAUSIBLE_TOKENS = 10_000_000  # tokens in one generation; ten times the longest context window on offer
PLAUSIBLE_COST = 1_000  # US dollars for one generation
EARLIEST_PLAUSIBLE_DATE = "2020-06-01"  # as in the input contract; older times are unset clocks
# A share of very few rows says nothing: one bad row in three is 33 %. Small partitions count in the total.
MIN_ROWS_FOR_SHARE = 50
# Nor does a share of very few bad rows, unless they are all there is. One implausible value is always worth a look.
MIN_BAD_ROWS = 5
# Volume is compared with the median of the trailing four weeks, which a single odd day does not move.
VOLUME_WINDOW, VOLUME_WARM_UP, VOLUME_MIN_MEDIAN = 28, 7, 50  # partitions, partitions, rows
VOLUME_LOW, VOLUME_HIGH = (
    0.3,
    4.0,
)  # ratio; a weekend stays above a third, growth in four weeks stays below four

# --- Limits of one query. ----------------------------------------------------

FILES_PER_QUERY = 400  # also how many files are read again, one by one, to find the broken one
ROWS_PER_DUPLICATE_QUERY = 5_000_000  # bounds the hash table of the duplicate count
PARTITIONS_NAMED = 6  # besides the worst of a check that failed in many partitions; the JSON result holds all
EXAMPLE_LENGTH = 40  # characters

EXTENSIONS = {
    "parquet": (".parquet",),
    "csv": (".csv", ".csv.gz"),
    "json": (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz"),
}
FINISH_REASONS = ("tool_calls", "stop", "length", "content_filter", "error")
ERROR, WARNING = "error", "warning"


class CheckCouldNotRunError(Exception):
    """The check did not finish, so it can say neither "clean" nor "broken"."""


# --- What is checked ---------------------------------------------------------


@dataclass(frozen=True)
class RowCheck:
    """A rule on one row, judged by the share of rows that break it.

    Attributes:
        name: identifier; also the column of the counts table.
        column: the column that a message names.
        bad: SQL predicate, true for a bad row. Columns are trimmed text, empty text is null.
        reason: what the bad rows are, to follow "N % of the rows ...".
        remedy: what to do.
        warn_above, error_above: share of rows above which it is a warning or an error; None for never.
        unusable: whether dbt would quarantine the row, so that it counts in the total of unusable rows.
        example: whether a message may show a value of the column. Never true for account identifiers.
    """

    name: str
    column: str
    bad: str
    reason: str
    remedy: str
    warn_above: float | None = WARN_BAD_SHARE
    error_above: float | None = MAX_UNUSABLE_SHARE
    unusable: bool = True
    example: bool = True


@dataclass(frozen=True)
class Source:
    """One landed table: where it lies, which columns it must have, and the rules on its rows."""

    folder: str
    required: tuple[str, ...]
    key: tuple[str, ...]
    checks: tuple[RowCheck, ...]
    landing_format: str | None = None  # None: LANDING_FORMAT
    partitioned: bool = True  # False: files may also lie directly in the folder
    daily: bool = True  # False: a day without a partition is normal
    optional: tuple[str, ...] = ()  # columns that the rules use when they are there

    @property
    def table(self) -> str:
        """Name of the source as a SQL identifier."""
        return self.folder.replace("/", "_")

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read."""
        return tuple(dict.fromkeys((*self.required, *self.key, *self.optional)))


def _missing(column: str, example: bool = False) -> RowCheck:
    return RowCheck(
        name=f"{column}_missing",
        column=column,
        bad=f"{column} is null",
        reason=f"have no {column}",
        remedy="have the sender fill the column; dbt quarantines these rows",
        example=example,
    )


def _time(column: str) -> tuple[RowCheck, RowCheck]:
    moment = f"try_cast({column} as timestamptz)"
    return (
        RowCheck(
            name=f"{column}_invalid",
            column=column,
            bad=f"{column} is null or {moment} is null or not isfinite({moment})"
            f" or {moment} < timestamptz '{EARLIEST_PLAUSIBLE_DATE} 00:00:00+00'",
            reason=f"hold no time, or one before {EARLIEST_PLAUSIBLE_DATE}",
            remedy="send ISO 8601 timestamps in UTC; dbt quarantines these rows as invalid_timestamp",
        ),
        RowCheck(
            name=f"{column}_after_ingest",
            column=column,
            bad=f"isfinite({moment}) and cast({moment} as date) > ingest_date + 1",
            reason="lie more than one day after the ingest date of their folder",
            remedy="check the sender's clock and the folder's date; dbt quarantines them as future_timestamp",
        ),
    )


def _generation_id(column: str) -> RowCheck:
    return RowCheck(
        name=f"{column}_pattern",
        column=column,
        bad=f"{column} is not null and not regexp_full_match({column}, 'gen-[0-9]+-[A-Za-z0-9]{{20}}')",
        reason="have an identifier that is not of the form gen-<unix seconds>-<20 characters>",
        remedy="nothing, if another gateway wrote them; else look for truncated identifiers",
        error_above=None,
        unusable=False,
    )


def _whole_number(column: str) -> tuple[RowCheck, RowCheck]:
    number = f"try_cast({column} as double)"
    return (
        RowCheck(
            name=f"{column}_invalid",
            column=column,
            bad=f"{column} is not null and ({number} is null or not isfinite({number}) or {number} < 0"
            f" or {number} <> floor({number}))",
            reason="hold a token count that is negative or no whole number",
            remedy="look for shifted columns or text in the count; dbt quarantines them as invalid_tokens",
        ),
        RowCheck(
            name=f"{column}_implausible",
            column=column,
            bad=f"isfinite({number}) and {number} >= {PLAUSIBLE_TOKENS}",
            reason=f"count {PLAUSIBLE_TOKENS:,} tokens or more in one generation",
            remedy="check these records with the sender: they pass into the totals",
            warn_above=WARN_IMPLAUSIBLE_SHARE,
            error_above=None,
            unusable=False,
        ),
    )


def _exceeds(name: str, part: str, whole: str, quarantine: str) -> RowCheck:
    return RowCheck(
        name=name,
        column=part,
        # A negative whole is another rule's business.
        bad=f"try_cast({whole} as double) >= 0 and try_cast({part} as double) > try_cast({whole} as double)",
        reason=f"have more {part} than {whole}",
        remedy=f"check the sender's token convention; dbt quarantines these rows as {quarantine}",
    )


def _tokens_absent(*bases: tuple[str, str]) -> RowCheck:
    columns = [column for base in bases for column in base]
    return RowCheck(
        name="tokens_absent",
        column=columns[0],
        bad=" and ".join(f"{column} is null" for column in columns),
        reason=f"have no token count at all ({', '.join(columns)})",
        remedy="have the sender fill at least one pair; dbt quarantines these rows as invalid_tokens",
        example=False,
    )


def _cost(column: str) -> tuple[RowCheck, RowCheck]:
    number = f"try_cast({column} as double)"
    return (
        RowCheck(
            name=f"{column}_invalid",
            column=column,
            bad=f"{column} is not null and ({number} is null or not isfinite({number}) or {number} < 0)",
            reason="hold a cost that is negative or no finite number",
            remedy="look for currency signs, decimal commas, refunds; dbt quarantines them as invalid_cost",
        ),
        RowCheck(
            name=f"{column}_implausible",
            column=column,
            bad=f"isfinite({number}) and {number} >= {PLAUSIBLE_COST}",
            reason=f"cost {PLAUSIBLE_COST:,} US dollars or more for one generation",
            remedy="check that the unit is US dollars, not cents or credits: they pass into the totals",
            warn_above=WARN_IMPLAUSIBLE_SHARE,
            error_above=None,
            unusable=False,
        ),
    )


def _finish_reason(column: str) -> RowCheck:
    listed = ", ".join(f"'{reason}'" for reason in FINISH_REASONS)
    return RowCheck(
        name=f"{column}_unlisted",
        column=column,
        bad=f"{column} is not null and {column} not in ({listed})",
        reason=f"have a finish reason outside {', '.join(FINISH_REASONS)}",
        remedy="send the provider's own word as the native finish reason, or extend the seed finish_reasons",
        error_above=None,
        unusable=False,
    )


_NATIVE_TOKENS = (
    "native_tokens_prompt",
    "native_tokens_completion",
    "native_tokens_reasoning",
    "native_tokens_cached",
)

GENERATIONS = Source(
    folder="openrouter/generations",
    required=("id", "created_at", "account_id", "model"),
    optional=(
        "tokens_prompt",
        "tokens_completion",
        *_NATIVE_TOKENS,
        "total_cost",
        "upstream_inference_cost",
        "finish_reason",
    ),
    key=("id",),
    checks=(
        _missing("id"),
        _generation_id("id"),
        _missing("account_id"),
        _missing("model"),
        *_time("created_at"),
        *(check for column in ("tokens_prompt", "tokens_completion") for check in _whole_number(column)),
        *(check for column in _NATIVE_TOKENS for check in _whole_number(column)),
        _tokens_absent(("tokens_prompt", "tokens_completion"), _NATIVE_TOKENS[:2]),
        _exceeds(
            "reasoning_exceeds_completion",
            "native_tokens_reasoning",
            "native_tokens_completion",
            "reasoning_exceeds_completion",
        ),
        _exceeds("cached_exceeds_prompt", "native_tokens_cached", "native_tokens_prompt", "cached_exceeds_prompt"),
        *_cost("total_cost"),
        *_cost("upstream_inference_cost"),
        _finish_reason("finish_reason"),
    ),
)

ACCOUNTS = Source(
    folder="openrouter/accounts",
    required=("account_id", "billing_country_code", "updated_at"),
    key=("account_id", "updated_at"),
    daily=False,  # accounts arrive when they change
    checks=(
        _missing("account_id"),
        *_time("updated_at"),
        RowCheck(
            name="billing_country_code_malformed",
            column="billing_country_code",
            bad="billing_country_code is not null and not regexp_full_match(billing_country_code, '[A-Za-z]{2}')",
            reason="have a country code that is not two letters",
            remedy="send ISO 3166 alpha-2 codes; others cannot be placed on the map",
            unusable=False,
        ),
        RowCheck(
            name="billing_country_code_missing",
            column="billing_country_code",
            bad="billing_country_code is null",
            reason="have no country",
            remedy="check the billing export, and that Namibia's code NA was not read as null",
            warn_above=WARN_NULL_COUNTRY_SHARE,
            error_above=None,
            unusable=False,
            example=False,
        ),
    ),
)

CLASSIFICATIONS = Source(
    folder="openrouter/classifications",
    required=("generation_id", "path", "confidence", "classified_at"),
    # A generation may have several labels, and a label may be given again later.
    key=("generation_id", "path", "classified_at"),
    checks=(
        _missing("generation_id"),
        _generation_id("generation_id"),
        *_time("classified_at"),
        RowCheck(
            name="confidence_invalid",
            column="confidence",
            bad="confidence is not null and (try_cast(confidence as double) is null"
            " or not (try_cast(confidence as double) between 0 and 1))",
            reason="have a confidence outside 0 to 1",
            remedy="send a share, not a percentage; dbt quarantines these rows as invalid_value",
        ),
        RowCheck(
            name="path_malformed",
            column="path",
            bad="path is not null and not starts_with(path, '/')",
            reason="have a category path that does not start with a slash",
            remedy="send the full path, such as /Science/Computer Science; others map to no category",
            unusable=False,
        ),
    ),
)

ACTIVITY_EXPORT = Source(
    folder="openrouter_export",
    required=(
        "generation_id",
        "created_at",
        "model_permaslug",
        "tokens_prompt",
        "tokens_completion",
        "cost_total",
        "api_key_name",
    ),
    optional=("tokens_reasoning", "tokens_cached", "byok_usage_inference", "finish_reason_normalized"),
    key=("generation_id",),
    landing_format="csv",
    partitioned=False,
    daily=False,  # exports are taken by hand
    checks=(
        _missing("generation_id"),
        _generation_id("generation_id"),
        _missing("api_key_name"),
        _missing("model_permaslug"),
        *_time("created_at"),
        *(
            check
            for column in ("tokens_prompt", "tokens_completion", "tokens_reasoning", "tokens_cached")
            for check in _whole_number(column)
        ),
        _tokens_absent(("tokens_prompt", "tokens_completion")),
        _exceeds(
            "reasoning_exceeds_completion",
            "tokens_reasoning",
            "tokens_completion",
            "reasoning_exceeds_completion",
        ),
        _exceeds("cached_exceeds_prompt", "tokens_cached", "tokens_prompt", "cached_exceeds_prompt"),
        *_cost("cost_total"),
        *_cost("byok_usage_inference"),
        _finish_reason("finish_reason_normalized"),
    ),
)

SOURCES = (GENERATIONS, ACCOUNTS, CLASSIFICATIONS, ACTIVITY_EXPORT)


@dataclass(frozen=True)
class Bound:
    """One expectation: a measure of the shares table, its least or greatest value, and the message."""

    check: str
    measure: str
    column: str | None
    severity: str
    reason: str
    remedy: str
    low: float | None = None
    high: float | None = None
    is_share: bool = True


def bounds(source: Source, max_unusable_share: float, max_age_days: int | None) -> list[Bound]:
    """Return the expectations on a source.

    Args:
        source: the source.
        max_unusable_share: bound between 0 and 1 of the shares whose excess is an error.
        max_age_days: greatest age of the newest partition in days; None switches the check off.
    """
    result: list[Bound] = []
    for check in source.checks:
        common = {
            "check": check.name,
            "measure": f"{check.name}_share",
            "column": check.column,
            "reason": check.reason,
            "remedy": check.remedy,
        }
        if check.error_above is not None:
            result.append(Bound(**common, severity=ERROR, high=max_unusable_share))
        if check.warn_above is not None:
            result.append(Bound(**common, severity=WARNING, high=check.warn_above))
    result.append(
        Bound(
            check="unusable",
            measure="unusable_share",
            column=None,
            severity=ERROR,
            high=max_unusable_share,
            reason="break at least one rule and would be quarantined",
            remedy="look at the warnings of the same partition for the rules that were broken",
        )
    )
    result.append(
        Bound(
            check="duplicates",
            measure="duplicate_share",
            column=", ".join(source.key),
            severity=WARNING,
            high=WARN_DUPLICATE_SHARE,
            reason="repeat the key of another row of the same partition",
            remedy="look for a file that was delivered twice; dbt keeps one row of each key",
        )
    )
    for side in ({"low": VOLUME_LOW}, {"high": VOLUME_HIGH}):
        result.append(
            Bound(
                check="volume",
                measure="volume_ratio",
                column=None,
                severity=WARNING,
                reason=f"times the median rows of the {VOLUME_WINDOW} partitions before it",
                remedy="check that the delivery is complete, and not delivered twice",
                is_share=False,
                **side,
            )
        )
    if source.daily:
        result.append(
            Bound(
                check="missing_days",
                measure="missing_days_before",
                column=None,
                severity=WARNING,
                high=0,
                reason="day(s) without a partition lie before this one",
                remedy="deliver the missing days; late files are picked up by the next build",
                is_share=False,
            )
        )
        if max_age_days is not None:
            result.append(
                Bound(
                    check="freshness",
                    measure="age_days",
                    column=None,
                    severity=WARNING,
                    high=max_age_days,
                    reason="day(s) old is the newest partition",
                    remedy="check that the delivery still runs",
                    is_share=False,
                )
            )
    result.append(
        Bound(
            check="partition_in_future",
            measure="days_in_future",
            column=None,
            severity=WARNING,
            high=1,
            reason="day(s) ahead of today (UTC) is this partition",
            remedy="check the clock of the sender",
            is_share=False,
        )
    )
    return result


# --- What was found ----------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """One broken rule. `partition` is an ingest date, `all` for the whole source, or None."""

    severity: str
    check: str
    source: str
    reason: str
    remedy: str
    partition: str | None = None
    file: str | None = None
    column: str | None = None
    measured: float | None = None
    bound: str | None = None
    example: str | None = None

    def line(self) -> str:
        """Return the message line."""
        where = [self.source]
        if self.partition is not None:
            where.append("all partitions" if self.partition == "all" else f"ingest_date={self.partition}")
        if self.file is not None:
            where.append(f"file={self.file}")
        if self.column is not None:
            where.append(f"column={self.column}")
        what = self.reason
        if self.bound is not None:
            what += f" (bound: {self.bound})"
        if self.example is not None:
            what += f", for example {self.example!r}"
        return f"{self.severity.upper():<7} [{self.check}] {' '.join(where)}: {what}. Do: {self.remedy}."


@dataclass(frozen=True)
class LandedFile:
    """One file with a readable name, before its content is looked at."""

    path: Path
    name: str  # relative to the folder of the source
    ingest_date: date | None


@dataclass
class Landing:
    """The files and partitions of a source, and the problems met on the way."""

    source: Source
    file_format: str
    files: list[LandedFile] = field(default_factory=list)
    partitions: set[date] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    exists: bool = True

    def reject(self, file: LandedFile, check: str, reason: str, remedy: str, column: str | None = None) -> None:
        """Record an error about a file."""
        self.findings.append(
            Finding(
                severity=ERROR,
                check=check,
                source=self.source.folder,
                partition=file.ingest_date.isoformat() if file.ingest_date else None,
                file=file.name,
                column=column,
                reason=reason,
                remedy=remedy,
            )
        )


# --- Step 1: folders, file names, file content, columns ----------------------


def _is_marker(name: str) -> bool:
    """Tell whether a name is that of no data: `_SUCCESS`, `_temporary`, `.part-0.parquet.crc`."""
    return name.startswith((".", "_"))


def _partition_date(folder_name: str) -> date | None:
    """Return the date of an `ingest_date=YYYY-MM-DD` folder, or None if it is no date of the calendar."""
    try:
        return datetime.strptime(folder_name, "ingest_date=%Y-%m-%d").date() if len(folder_name) == 22 else None
    except ValueError:
        return None


def list_landing(landing_path: Path, source: Source, landing_format: str, since: date | None) -> Landing:
    """List the files of a source and report the names that dbt would stumble over.

    Args:
        landing_path: root of the landed files.
        source: the source to list.
        landing_format: format of the sources that have none of their own.
        since: first ingest date to look at; None for all.

    Raises:
        OSError: a folder cannot be listed.
    """
    landing = Landing(source=source, file_format=source.landing_format or landing_format)
    root = landing_path / source.folder
    if not root.is_dir():
        landing.exists = False
        return landing

    def stop(error: OSError) -> None:
        raise error

    endings = EXTENSIONS[landing.file_format]
    for folder, folders, names in os.walk(root, onerror=stop):
        folders[:] = sorted(name for name in folders if not _is_marker(name))
        inside = Path(folder).relative_to(root)
        partition = next((part for part in inside.parts if part.startswith("ingest_date=")), None)
        ingest_date = _partition_date(partition) if partition else None
        if partition and ingest_date is None:
            folders.clear()
            landing.findings.append(
                Finding(
                    severity=ERROR,
                    check="partition_name",
                    source=source.folder,
                    file=inside.as_posix(),
                    reason="the folder name is not ingest_date=YYYY-MM-DD with a date of the calendar",
                    remedy="rename the folder to the day its files arrived",
                )
            )
            continue
        if ingest_date is not None:
            if since is not None and ingest_date < since:
                folders.clear()
                continue
            landing.partitions.add(ingest_date)
        for name in sorted(names):
            if _is_marker(name):
                continue
            file = LandedFile(Path(folder, name), (inside / name).as_posix(), ingest_date)
            if not name.endswith(endings):
                landing.reject(
                    file,
                    "file_extension",
                    f"the name does not end in {' or '.join(endings)}",
                    "move the file out of the landing folder, or set LANDING_FORMAT to what is delivered",
                )
            elif ingest_date is None and source.partitioned:
                landing.reject(
                    file,
                    "file_outside_partition",
                    "the file lies in no ingest_date=YYYY-MM-DD folder",
                    "move it into the folder of the day it arrived",
                )
            else:
                landing.files.append(file)
    return landing


def _text_problem(path: Path) -> str | None:
    """Return why a CSV or JSON file is not the text that its name says, or None.

    The whole file is decoded, in pieces: the SQL passes read only some columns and would miss the rest.
    """
    zipped = path.name.endswith(".gz")
    with path.open("rb") as raw:
        magic = raw.read(2)
    if zipped and magic != b"\x1f\x8b":
        return "the name ends in .gz but the content is not gzip"
    if not zipped and magic == b"\x1f\x8b":
        return "the content is gzip but the name does not end in .gz"
    decoder = codecs.getincrementaldecoder("utf-8")()
    consumed = 0
    try:
        with gzip.open(path, "rb") if zipped else path.open("rb") as stream:
            while piece := stream.read(1 << 20):
                # What the decoder held back from the last piece comes before this one.
                held_back = len(decoder.getstate()[0])
                try:
                    decoder.decode(piece)
                except UnicodeDecodeError as error:
                    return f"the text is not UTF-8 (byte {consumed - held_back + error.start:,})"
                consumed += len(piece)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "the text is not UTF-8 (the last character is cut off)"
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        return f"the gzip content is damaged ({error})"
    return None


def _csv_header(path: Path) -> tuple[str, ...]:
    """Return the column names of a CSV file whose text is known to be valid; empty for an empty file."""
    with (
        gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as raw,
        io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text,
    ):
        return tuple(next(csv.reader(text), ()))


def _parquet_magic_problem(path: Path) -> str | None:
    with path.open("rb") as raw:
        if raw.read(4) != b"PAR1":
            return "the content is not Parquet"
        raw.seek(-4, os.SEEK_END)
        if raw.read(4) != b"PAR1":
            return "the Parquet file is cut off (no footer at its end)"
    return None


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _file_list(paths: Iterable[Path]) -> str:
    """Return a SQL list of file names in which no character is a wildcard."""
    names = []
    for path in paths:
        name = path.as_posix()
        names.append(_literal(re.sub(r"[*?\[]", lambda match: f"[{match.group(0)}]", name)))
    return f"[{', '.join(names)}]"


def _pieces(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _first_line(error: Exception, landing_path: Path) -> str:
    """Return the first line of a DuckDB message without the machine's own paths."""
    text = str(error).strip().split("\n", 1)[0]
    return text.replace(f"{landing_path.as_posix()}/", "")[:200].rstrip(".:, ")


# Faults of this module or of the machine. Damaged files raise almost anything else, even plain duckdb.Error.
_NOT_THE_FILE = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConnectionException,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.InterruptException,
    duckdb.OutOfMemoryException,
    duckdb.ParserException,
)


def _raise_unless_of_the_file(error: duckdb.Error) -> None:
    """Raise an error that no other file would have prevented: it must not be blamed on one."""
    if isinstance(error, _NOT_THE_FILE):
        raise error


def _profile_query(source: Source, relation: str) -> str:
    """Return SQL that counts, per file of a relation of text columns, the rows that break each rule."""
    flags = ", ".join(f"coalesce({check.bad}, false) as {check.name}" for check in source.checks)
    unusable = " or ".join(check.name for check in source.checks if check.unusable)
    counts = []
    for check in source.checks:
        example = f"left(min({check.column}) filter ({check.name}), {EXAMPLE_LENGTH})" if check.example else "''"
        counts.append(f"count(*) filter ({check.name}) as {check.name}, {example} as {check.name}_example")
    present = ", ".join(f"count({name}) as {name}_present" for name in source.required)
    return (
        f"select landed_file, count(*) as row_count, {present}, {', '.join(counts)},"
        f" count(*) filter ({unusable}) as unusable"
        f" from (select *, {flags} from ({relation})) group by landed_file"
    )


class Reader:
    """Reads the landed files of one source through SQL, grouped by the columns that the files have."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, landing: Landing, landing_path: Path) -> None:
        """Look into every file and sort the readable ones into groups of the same columns and types."""
        self.connection = connection
        self.landing = landing
        self.landing_path = landing_path
        self.groups: dict[tuple[tuple[str, str], ...], list[LandedFile]] = {}
        if landing.file_format == "parquet":
            self._group_parquet()
        else:
            self._group_text()

    def _unreadable(self, file: LandedFile, problem: str) -> None:
        self.landing.reject(file, "unreadable", problem, "deliver the file again, or move it out of the landing folder")

    def _add(self, file: LandedFile, columns: Sequence[tuple[str, str]]) -> None:
        """Put a file into its group, or report the required columns that it lacks."""
        present = {name.lower() for name, _ in columns}
        missing = [name for name in self.landing.source.required if name not in present]
        for name in missing:
            self._missing_column(file, name, "the required column is missing")
        if not missing:
            self.groups.setdefault(tuple(columns), []).append(file)

    def _missing_column(self, file: LandedFile, column: str, reason: str) -> None:
        self.landing.reject(
            file, "required_column", reason, "deliver the file with this column; its name is fixed", column
        )

    def _group_parquet(self) -> None:
        candidates = []
        for file in self.landing.files:
            try:
                problem = _parquet_magic_problem(file.path)
            except OSError as error:
                problem = f"the file cannot be opened ({error.strerror})"
            if problem:
                self._unreadable(file, problem)
            else:
                candidates.append(file)
        for piece in _pieces(candidates, FILES_PER_QUERY):
            try:
                self._add_parquet(piece)
            except duckdb.Error as error:
                _raise_unless_of_the_file(error)
                for file in piece:
                    try:
                        self._add_parquet([file])
                    except duckdb.Error as error:
                        _raise_unless_of_the_file(error)
                        self._unreadable(file, f"not readable: {_first_line(error, self.landing_path)}")

    def _add_parquet(self, files: Sequence[LandedFile]) -> None:
        rows = self.connection.execute(
            "select file_name, name, coalesce(num_children, 0), coalesce(duckdb_type, 'nested')"
            f" from parquet_schema({_file_list(file.path for file in files)})"
        ).fetchall()
        by_file: dict[str, list[tuple[str, int, str]]] = {}
        for file_name, name, children, kind in rows:
            by_file.setdefault(file_name, []).append((name, children, kind))
        columns = {}
        for file in files:
            elements = by_file[file.path.as_posix()]
            top_level, position = [], 1  # element 0 is the root
            while position < len(elements):
                name, _, kind = elements[position]
                top_level.append((name, kind))
                # Skip everything below this column: its children follow it in depth-first order.
                pending = 1
                while pending:
                    pending += elements[position][1] - 1
                    position += 1
            columns[file] = top_level
        for file in files:
            self._add(file, columns[file])

    def _group_text(self) -> None:
        for file in self.landing.files:
            try:
                problem = _text_problem(file.path)
                header = _csv_header(file.path) if self.landing.file_format == "csv" and not problem else ()
            except (OSError, csv.Error) as error:
                problem = f"the file cannot be read ({error})".replace(f"{self.landing_path.as_posix()}/", "")
            if problem:
                self._unreadable(file, problem)
            elif self.landing.file_format == "json":
                # Every record may have other fields: which are there is known only after reading.
                self.groups.setdefault((), []).append(file)
            elif not header:
                self._unreadable(file, "the file is empty: it has no header line")
            else:
                self._add(file, [(name, "VARCHAR") for name in header])

    def _relation(self, columns: tuple[tuple[str, str], ...], files: Sequence[LandedFile]) -> str:
        """Return SQL: the wanted columns of some files as trimmed text, `landed_file` and `ingest_date`."""
        wanted = self.landing.source.columns
        listed = _file_list(file.path for file in files)
        options = "filename = 'read_from', hive_partitioning = false"
        if self.landing.file_format == "parquet":
            scan = f"read_parquet({listed}, {options})"
            actual = {name.lower(): name for name, _ in columns}
        elif self.landing.file_format == "csv":
            typed = ", ".join(f"{_literal(name)}: 'varchar'" for name, _ in columns)
            scan = (
                f"read_csv({listed}, {options}, header = true, auto_detect = false, delim = ','"
                f", quote = '\"', escape = '\"', columns = {{{typed}}})"
            )
            actual = {name.lower(): name for name, _ in columns}
        else:
            typed = ", ".join(f"{_literal(name)}: 'varchar'" for name in wanted)
            scan = f"read_json({listed}, {options}, format = 'newline_delimited', columns = {{{typed}}})"
            actual = {name: name for name in wanted}
        selected = []
        for name in wanted:
            if name in actual:
                quoted = '"' + actual[name].replace('"', '""') + '"'
                selected.append(f"nullif(trim(cast(read_rows.{quoted} as varchar)), '') as {name}")
            else:
                selected.append(f"cast(null as varchar) as {name}")
        return (
            f"select landed.landed_file, landed.ingest_date, {', '.join(selected)}"
            f" from {scan} as read_rows join landed on landed.landed_file = read_rows.read_from"
        )

    def profile(self) -> None:
        """Count the bad rows of every file into table `profile_<source>`, one row a file."""
        source = self.landing.source
        self._register_files()
        table = f"profile_{source.table}"
        no_rows = "select cast(null as varchar) as landed_file, cast(null as date) as ingest_date, " + ", ".join(
            f"cast(null as varchar) as {name}" for name in source.columns
        )
        self.connection.execute(f"create table {table} as {_profile_query(source, no_rows)} limit 0")
        for columns, files in self.groups.items():
            for piece in _pieces(tuple(files), FILES_PER_QUERY):
                try:
                    self._profile(table, columns, piece)
                except duckdb.Error as error:
                    _raise_unless_of_the_file(error)
                    # The statement left nothing behind. One by one, the files show which cannot be read.
                    for file in piece:
                        try:
                            self._profile(table, columns, [file])
                        except duckdb.Error as error:
                            _raise_unless_of_the_file(error)
                            files.remove(file)
                            self._unreadable(file, f"not readable: {_first_line(error, self.landing_path)}")
        if self.landing.file_format == "json":
            self._reject_absent_json_fields(table)

    def _profile(self, table: str, columns: tuple[tuple[str, str], ...], files: Sequence[LandedFile]) -> None:
        query = _profile_query(self.landing.source, self._relation(columns, files))
        self.connection.execute(f"insert into {table} {query}")

    def _reject_absent_json_fields(self, table: str) -> None:
        """Reject files with rows of which none has a required field: JSON lines have no list of columns."""
        source = self.landing.source
        by_name = {file.path.as_posix(): file for files in self.groups.values() for file in files}
        for name in source.required:
            # Null in every row is allowed, so the few files without a value are looked into once more.
            suspects = self.connection.execute(
                f"select landed_file from {table} where row_count > 0 and {name}_present = 0 order by landed_file"
            ).fetchall()
            for (landed_file,) in suspects:
                file = by_name[landed_file]
                (is_there,) = self.connection.execute(
                    f"select bool_or(json_exists(json, {_literal(name)})) from read_json_objects("
                    f"{_file_list([file.path])}, format = 'newline_delimited')"
                ).fetchone()
                if not is_there:
                    self._missing_column(file, name, "the required field is in no row")
                    self.groups[()] = [kept for kept in self.groups[()] if kept is not file]
        # As with the other formats, the rows of a rejected file count in no share.
        for landed_file in by_name.keys() - {file.path.as_posix() for file in self.groups.get((), [])}:
            self.connection.execute(f"delete from {table} where landed_file = ?", [landed_file])

    def _register_files(self) -> None:
        """(Re)create table `landed`: name and ingest date of the readable files."""
        self.connection.execute("create or replace table landed (landed_file varchar, ingest_date date)")
        rows = [(f.path.as_posix(), f.ingest_date) for files in self.groups.values() for f in files]
        for piece in _pieces(rows, 1_000):
            values = ", ".join(
                f"({_literal(path)}, {f'date {_literal(day.isoformat())}' if day else 'null'})" for path, day in piece
            )
            self.connection.execute(f"insert into landed values {values}")

    def count_duplicates(self) -> None:
        """Count the rows that repeat a key of their partition into `duplicates_<source>`.

        Only 64-bit hashes of the keys are kept, and only for a few partitions at a time.
        """
        source = self.landing.source
        table = f"duplicates_{source.table}"
        self.connection.execute(f"create table {table} (ingest_date date, duplicate_rows bigint)")
        sizes = dict(self.connection.execute(f"select landed_file, row_count from profile_{source.table}").fetchall())
        by_day: dict[date | None, list[tuple[tuple[tuple[str, str], ...], LandedFile]]] = {}
        for columns, files in self.groups.items():
            for file in files:
                by_day.setdefault(file.ingest_date, []).append((columns, file))
        batch: list[tuple[tuple[tuple[str, str], ...], LandedFile]] = []
        rows_in_batch = 0
        for day in sorted(by_day, key=lambda day: (day is not None, day)):
            rows = sum(sizes.get(file.path.as_posix(), 0) for _, file in by_day[day])
            if batch and rows_in_batch + rows > ROWS_PER_DUPLICATE_QUERY:
                self._count_duplicates_of(table, batch)
                batch, rows_in_batch = [], 0
            batch += by_day[day]
            rows_in_batch += rows
        if batch:
            self._count_duplicates_of(table, batch)

    def _count_duplicates_of(self, table: str, batch: list[tuple[tuple[tuple[str, str], ...], LandedFile]]) -> None:
        groups: dict[tuple[tuple[str, str], ...], list[LandedFile]] = {}
        for columns, file in batch:
            groups.setdefault(columns, []).append(file)
        key = self.landing.source.key
        hashed = "hash(" + ", ".join(key) + ")"
        relations = " union all ".join(
            f"select ingest_date, {hashed} as key_hash from ({self._relation(columns, files)})"
            f" where {key[0]} is not null"
            for columns, files in groups.items()
        )
        self.connection.execute(
            f"insert into {table} select ingest_date, sum(repeats - 1) from (select ingest_date, key_hash,"
            f" count(*) as repeats from ({relations}) group by all having repeats > 1) group by ingest_date"
        )


# --- Step 2: from counts to shares -------------------------------------------


def _share_of(name: str, min_bad_rows: int) -> str:
    """Return SQL for the share of bad rows in a scope, 0 where too few rows are there to judge by."""
    return (
        f"case when (scopes.scope = 'all' or row_count >= {MIN_ROWS_FOR_SHARE}) and row_count > 0"
        f" and ({name} >= {min_bad_rows} or {name} = row_count) then {name} / row_count else 0 end"
    )


def build_shares(connection: duckdb.DuckDBPyConnection, landing: Landing, today: date) -> None:
    """Create `shares_<source>`: one row a partition and one, with scope `all`, for the whole source.

    A measure that is not judged (too few rows, no partitions before) has a value inside every bound: 0, or 1
    for the volume. Null would not do: an expectation on a column of nulls fails.

    Args:
        connection: where the counts of the source are; the shares are written beside them.
        landing: the source's files and partitions.
        today: the current date in UTC, for age and future dates.
    """
    source = landing.source
    # A partition with a rejected file is short for a reason that is already reported.
    incomplete = {finding.partition for finding in landing.findings if finding.file is not None}
    connection.execute("create or replace table partitions (ingest_date date, is_complete boolean)")
    for piece in _pieces(sorted(landing.partitions), 1_000):
        values = ", ".join(f"(date '{day}', {day.isoformat() not in incomplete})" for day in piece)
        connection.execute(f"insert into partitions values {values}")
    counted = [*(check.name for check in source.checks), "unusable"]
    totals = ", ".join(f"coalesce(sum({name}), 0) as {name}" for name in ["row_count", *counted])
    single_counts = {check.name for check in source.checks if check.warn_above == 0}
    shares = ", ".join(
        f"{_share_of(name, 1 if name in single_counts else MIN_BAD_ROWS)} as {name}_share" for name in counted
    )
    duplicate_share = _share_of("duplicate_rows", MIN_BAD_ROWS)
    connection.execute(
        f"""
        create table shares_{source.table} as
        with by_day as (
            select partitions.ingest_date, partitions.is_complete, {totals}
            from partitions
            left join landed on landed.ingest_date = partitions.ingest_date
            left join profile_{source.table} as profile on profile.landed_file = landed.landed_file
            group by all
        ),
        scopes as (
            select cast(ingest_date as varchar) as scope, * exclude (is_complete) from by_day
            union all
            select 'all', null, {totals} from profile_{source.table}
        ),
        neighbours as (
            select ingest_date, is_complete,
                row_number() over (order by ingest_date) as position,
                lag(ingest_date) over (order by ingest_date) as previous_date,
                max(ingest_date) over () as newest_date,
                median(row_count) over (
                    order by ingest_date rows between {VOLUME_WINDOW} preceding and 1 preceding
                ) as usual_rows
            from by_day
        ),
        repeated as (
            select cast(ingest_date as varchar) as scope, duplicate_rows
            from duplicates_{source.table}
            where ingest_date is not null
            union all
            -- The repeats of a flat folder have no date: they are only in the total.
            select 'all', sum(duplicate_rows) from duplicates_{source.table}
        )
        select scopes.scope, cast(row_count as bigint) as row_count, {shares},
            {duplicate_share} as duplicate_share,
            case when position > {VOLUME_WARM_UP} and is_complete and usual_rows >= {VOLUME_MIN_MEDIAN}
                then row_count / usual_rows else 1 end as volume_ratio,
            coalesce(scopes.ingest_date - previous_date - 1, 0) as missing_days_before,
            case when scopes.ingest_date = newest_date
                then greatest(date '{today}' - scopes.ingest_date, 0) else 0 end as age_days,
            coalesce(greatest(scopes.ingest_date - date '{today}', 0), 0) as days_in_future
        from scopes
        left join neighbours on neighbours.ingest_date = scopes.ingest_date
        left join repeated on repeated.scope = scopes.scope
        order by scopes.scope
        """
    )


# --- Step 3: Great Expectations holds the bounds -----------------------------


def _import_great_expectations() -> Any:
    """Import Great Expectations without telemetry, notices and progress bars."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    warnings.filterwarnings("ignore", module=r"great_expectations.*")
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations

    return great_expectations


def build_suite(source: Source, limits: Sequence[Bound]) -> Any:
    """Return the Great Expectations suite that holds the bounds of a source.

    Args:
        source: the source.
        limits: its bounds; the position of each is kept in the expectation's `meta`.
    """
    gx = _import_great_expectations()
    return gx.ExpectationSuite(
        name=source.table,
        expectations=[
            # The extreme of a measure says all, and costs a quarter of an expectation on each of its values.
            (
                gx.expectations.ExpectColumnMinToBeBetween(column=limit.measure, min_value=limit.low, **common)
                if limit.low is not None
                else gx.expectations.ExpectColumnMaxToBeBetween(column=limit.measure, max_value=limit.high, **common)
            )
            for limit, common in zip(limits, map(_expectation_words, limits, range(len(limits))), strict=True)
        ],
    )


def _expectation_words(limit: Bound, position: int) -> dict[str, Any]:
    """Return severity and `meta` of an expectation; `position` leads from its result back to the bound."""
    return {
        "severity": "critical" if limit.severity == ERROR else "warning",
        "meta": {"position": position, "check": limit.check, "reason": limit.reason, "remedy": limit.remedy},
    }


def _suite_as_json(suite: Any) -> dict[str, Any]:
    """Return a suite without the identifiers that differ from run to run."""
    content = suite.to_json_dict()
    content.pop("id", None)
    for expectation in content["expectations"]:
        expectation.pop("id", None)
    return content


def _broken_scopes(
    connection: duckdb.DuckDBPyConnection, source: Source, limit: Bound, result: dict[str, Any]
) -> list[tuple[str, float, int]]:
    """Return scope, measured value and rows of each partition that broke a bound.

    Raises:
        CheckCouldNotRunError: the expectation died. Great Expectations reports that as "not successful" and
            without a value, which must be taken neither for clean nor for broken.
    """
    died = result.get("exception_info", {}).get("raised_exception") is not False
    if died or (result.get("result") or {}).get("observed_value") is None:
        raise CheckCouldNotRunError(f"the expectation on {limit.measure} died: {result.get('exception_info')}")
    if result["success"]:
        return []
    broken = connection.execute(
        f"select scope, cast({limit.measure} as double), row_count from shares_{source.table}"
        f" where {limit.measure} < $low or {limit.measure} > $high order by scope",
        {
            "low": -math.inf if limit.low is None else limit.low,
            "high": math.inf if limit.high is None else limit.high,
        },
    ).fetchall()
    if not broken:
        raise CheckCouldNotRunError(f"the expectation on {limit.measure} failed, but no partition breaks its bound")
    return broken


def validate(database: Path, landings: Sequence[Landing], limits: dict[str, list[Bound]], checks_path: Path) -> None:
    """Hold the shares of every source against its bounds, and add what is broken to the findings.

    Suites are written to `checks_path/expectations`, results to `checks_path/validations`.

    Args:
        database: DuckDB file with the tables `shares_*` and `profile_*`; not open for writing elsewhere.
        landings: the sources that have rows or partitions.
        limits: the bounds by source folder.
        checks_path: folder of the results.

    Raises:
        CheckCouldNotRunError: an expectation died.
        OSError: a result cannot be written.
    """
    gx = _import_great_expectations()
    from great_expectations.data_context.types.base import ProgressBarsConfig

    from scripts._duckdb_dialect import connection_string

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    datasource = context.data_sources.add_sql(
        "landed",
        connection_string=connection_string(database),
        kwargs={"connect_args": {"read_only": True}},
        create_temp_table=False,
    )
    for name in ("expectations", "validations"):
        (checks_path / name).mkdir(parents=True, exist_ok=True)
    outcomes = []
    for landing in landings:
        source = landing.source
        suite = context.suites.add(build_suite(source, limits[source.folder]))
        asset = datasource.add_table_asset(source.table, table_name=f"shares_{source.table}")
        outcome = asset.add_batch_definition_whole_table("all").get_batch().validate(suite).to_json_dict()
        _write_json(checks_path / "expectations" / f"{source.table}.json", _suite_as_json(suite))
        _write_json(checks_path / "validations" / f"{source.table}.json", outcome)
        if len(outcome["results"]) != len(limits[source.folder]):
            raise CheckCouldNotRunError(f"{source.folder}: not every expectation gave a result")
        outcomes.append(outcome["results"])
    # A process can open a DuckDB file with one configuration only: Great Expectations has to let go first.
    context.data_sources.all()["landed"].get_execution_engine().close()
    datasource.get_engine().dispose()
    with duckdb.connect(str(database), read_only=True) as connection:
        for landing, results in zip(landings, outcomes, strict=True):
            _add_findings(connection, landing, limits[landing.source.folder], results)


def _add_findings(
    connection: duckdb.DuckDBPyConnection,
    landing: Landing,
    limits: list[Bound],
    results: list[dict[str, Any]],
) -> None:
    """Turn the broken expectations of a source into findings; the worse severity of a check stands alone."""
    source = landing.source
    counted = {check.name: check for check in source.checks}
    reported: set[tuple[str, str]] = set()
    in_error: set[str] = set()

    def position(result: dict[str, Any]) -> int:
        return result["expectation_config"]["meta"]["position"]

    # Bounds list the error of a check before its warning, and the total of unusable rows after both.
    for limit, result in zip(limits, sorted(results, key=position), strict=True):
        for scope, measured, rows in _broken_scopes(connection, source, limit, result):
            if (limit.check, scope) in reported or (limit.check == "unusable" and scope in in_error):
                continue
            reported.add((limit.check, scope))
            if limit.severity == ERROR:
                in_error.add(scope)
            file = example = None
            reason = f"{measured:,.4g} {limit.reason}"
            if limit.is_share:
                reason = f"{measured:.2%} of {rows:,} rows {limit.reason}"
            if limit.check in counted or limit.check == "unusable":
                file, example = _worst_file(connection, source, limit.check, scope)
            landing.findings.append(
                Finding(
                    severity=limit.severity,
                    check=limit.check,
                    source=source.folder,
                    partition=scope,
                    file=file,
                    column=limit.column,
                    measured=measured,
                    bound=_bound_text(limit),
                    reason=reason,
                    remedy=limit.remedy,
                    example=example,
                )
            )


def _bound_text(limit: Bound) -> str:
    form = "{:.4g}".format if not limit.is_share else "{:.4g} %".format
    scale = 100 if limit.is_share else 1
    parts = []
    if limit.low is not None:
        parts.append(f"at least {form(limit.low * scale)}")
    if limit.high is not None:
        parts.append(f"at most {form(limit.high * scale)}")
    return ", ".join(parts)


def _worst_file(
    connection: duckdb.DuckDBPyConnection, source: Source, check: str, scope: str
) -> tuple[str | None, str | None]:
    """Return the file with most rows that break a rule, and an example value where one may be shown."""
    example = "''" if check == "unusable" else f"{check}_example"
    row = connection.execute(
        f"select landed_{source.table}.name, {example} from profile_{source.table} join landed_{source.table}"
        f" using (landed_file) where ? in ('all', cast(ingest_date as varchar)) and {check} > 0"
        f" order by {check} desc, name limit 1",
        [scope],
    ).fetchone()
    return (row[0], row[1] or None) if row is not None else (None, None)


# --- The run -----------------------------------------------------------------


@dataclass
class Report:
    """What a run found, and how it ended."""

    findings: list[Finding]
    sources: list[dict[str, Any]]
    exit_code: int


def unknown_folders(landing_path: Path) -> list[Finding]:
    """Report folders that no model reads, which are most often misspelt names.

    Args:
        landing_path: an existing folder.
    """
    known = {
        "": {"openrouter", "openrouter_export", "litellm", "otel"},
        "openrouter": {source.folder.split("/")[1] for source in SOURCES if "/" in source.folder},
    }
    findings = []
    for parent, names in known.items():
        folder = landing_path / parent
        for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
            if entry.is_dir() and not _is_marker(entry.name) and entry.name not in names:
                findings.append(
                    Finding(
                        severity=WARNING,
                        check="unknown_folder",
                        source=entry.relative_to(landing_path).as_posix(),
                        reason="no source has this name, so the folder is not read",
                        remedy=f"rename it to one of {', '.join(sorted(names))}, or move it away",
                    )
                )
    return findings


def check_sources(
    landing_path: Path,
    landing_format: str,
    checks_path: Path,
    *,
    strict: bool = False,
    since: date | None = None,
    max_age_days: int | None = None,
    max_unusable_share: float = MAX_UNUSABLE_SHARE,
    memory_limit: str = "1GB",
    today: date | None = None,
) -> Report:
    """Check every landed source and write the result to `checks_path/check_sources.json`.

    Args:
        landing_path: root of the landed files.
        landing_format: `parquet`, `csv` or `json`.
        checks_path: folder of the results.
        strict: whether warnings alone end with exit code 1.
        since: first ingest date to look at; None for all.
        max_age_days: greatest age of the newest partition in days; None for any.
        max_unusable_share: bound between 0 and 1 of the shares whose excess is an error.
        memory_limit: DuckDB memory limit, such as `1GB`; beyond it DuckDB uses temporary files.
        today: the current date in UTC; None reads the clock.

    Raises:
        CheckCouldNotRunError: bad format, or a check that died.
        OSError, duckdb.Error: a folder cannot be listed, a result not written, memory or disk is exhausted.
    """
    if landing_format not in EXTENSIONS:
        raise CheckCouldNotRunError(f"LANDING_FORMAT is {landing_format!r}; it must be one of {', '.join(EXTENSIONS)}")
    started = time.monotonic()
    today = today or datetime.now(UTC).date()
    landing_path = landing_path.resolve()
    findings: list[Finding] = []
    sources: list[dict[str, Any]] = []
    landings = [list_landing(landing_path, source, landing_format, since) for source in SOURCES]
    if landing_path.is_dir():
        findings += unknown_folders(landing_path)
    else:
        findings.append(
            Finding(
                severity=WARNING,
                check="landing_path",
                source="LANDING_PATH",
                reason="the landing folder does not exist",
                remedy="set LANDING_PATH to the folder of the landed files",
            )
        )
    limits = {source.folder: bounds(source, max_unusable_share, max_age_days) for source in SOURCES}
    with tempfile.TemporaryDirectory(prefix="check_sources_") as scratch:
        database = Path(scratch) / "shares.duckdb"
        with duckdb.connect(str(database)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute("set enable_progress_bar = false")
            connection.execute("set preserve_insertion_order = false")
            connection.execute(f"set memory_limit = {_literal(memory_limit)}")
            connection.execute(f"set temp_directory = {_literal((Path(scratch) / 'spill').as_posix())}")
            for landing in landings:
                if landing.exists:
                    sources.append(_measure(connection, landing, landing_path, today))
                else:
                    sources.append({"source": landing.source.folder, "exists": False, "files": 0, "rows": 0})
        measured = [landing for landing in landings if landing.files or landing.partitions]
        if measured:
            validate(database, measured, limits, checks_path)
    for landing in landings:
        findings += landing.findings
    errors = sum(finding.severity == ERROR for finding in findings)
    exit_code = EXIT_ERRORS if errors else EXIT_WARNINGS if findings and strict else EXIT_CLEAN
    _write_json(
        checks_path / "check_sources.json",
        {
            "exit_code": exit_code,
            "errors": errors,
            "warnings": len(findings) - errors,
            "landing_format": landing_format,
            "since": since.isoformat() if since else None,
            "checked_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - started, 1),
            "sources": sources,
            "findings": [asdict(finding) for finding in findings],
        },
    )
    return Report(findings, sources, exit_code)


def _measure(
    connection: duckdb.DuckDBPyConnection, landing: Landing, landing_path: Path, today: date
) -> dict[str, Any]:
    """Fill the tables of one source and return its summary."""
    table = landing.source.table
    reader = Reader(connection, landing, landing_path)
    reader.profile()
    reader.count_duplicates()
    build_shares(connection, landing, today)
    connection.execute(f"create table landed_{table} (landed_file varchar, name varchar, ingest_date date)")
    names = [(f.path.as_posix(), f.name, f.ingest_date) for files in reader.groups.values() for f in files]
    for piece in _pieces(names, 1_000):
        values = ", ".join(
            f"({_literal(path)}, {_literal(name)}, {_literal(day.isoformat()) if day else 'null'})"
            for path, name, day in piece
        )
        connection.execute(f"insert into landed_{table} values {values}")
    (rows,) = connection.execute(f"select row_count from shares_{table} where scope = 'all'").fetchone()
    days = sorted(landing.partitions)
    return {
        "source": landing.source.folder,
        "exists": True,
        "files": len(names),
        "rows": rows,
        "partitions": len(days),
        "first_partition": days[0].isoformat() if days else None,
        "last_partition": days[-1].isoformat() if days else None,
    }


def _write_json(path: Path, content: Any) -> None:
    """Write JSON so that a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)


def report_lines(report: Report) -> list[str]:
    """Return the lines to print: sources, findings with errors first, and the verdict."""
    lines = []
    for source in report.sources:
        if not source["exists"]:
            lines.append(f"{source['source']}: no such folder, nothing to check")
        elif not source["files"]:
            lines.append(f"{source['source']}: no readable files, nothing to check")
        else:
            span = f", {source['first_partition']} to {source['last_partition']}" if source["partitions"] else ""
            lines.append(
                f"{source['source']}: {source['files']:,} files, {source['rows']:,} rows,"
                f" {source['partitions']:,} partitions{span}"
            )
    for severity in (ERROR, WARNING):
        groups: dict[tuple[str, str, str | None], list[Finding]] = {}
        for finding in report.findings:
            if finding.severity == severity:
                # Findings about files are all shown: each names something to repair.
                measured = finding.measured is not None
                groups.setdefault((finding.source, finding.check, None if measured else finding.line()), []).append(
                    finding
                )
        for (source, check, _), found in groups.items():
            worst = sorted(found, key=_badness, reverse=True)
            lines.append(worst[0].line())
            others = [finding.partition for finding in worst[1:] if finding.partition not in (None, "all")]
            also = sorted(others[:PARTITIONS_NAMED])
            if len(others) > PARTITIONS_NAMED:
                also.append(f"{len(others) - PARTITIONS_NAMED:,} more partitions")
            if any(finding.partition == "all" for finding in worst[1:]):
                also.append("the source as a whole")
            if also:
                lines.append(f"{severity.upper():<7} [{check}] {source}: also in {', '.join(also)}")
    errors = sum(finding.severity == ERROR for finding in report.findings)
    found = len(report.findings) - errors
    lines.append(f"{errors:,} errors, {found:,} warnings: " + ("do not build" if errors else "the build may start"))
    return lines


def _badness(finding: Finding) -> tuple[bool, float]:
    """Order findings of one check: the farthest from the bound first, the source as a whole last."""
    measured = finding.measured or 0.0
    distance = abs(math.log(max(measured, 1e-9))) if finding.check == "volume" else measured
    return finding.partition != "all", distance


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit with 3: argparse's own 2 would read as "errors found"."""
        self.print_usage(sys.stderr)
        self.exit(EXIT_NOT_RUN, f"{self.prog}: {message}\n")


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value


def _days(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="python -m scripts.check_sources",
        description="Check the landed source files before dbt reads them.",
        epilog="Environment: LANDING_PATH (data/landing), LANDING_FORMAT (parquet, csv or json; parquet), "
        "CHECKS_PATH (data/checks). Exit codes: 0 clean or only warnings; 1 only warnings, with --strict; "
        "2 errors, do not build; 3 the check could not run.",
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 if there are only warnings")
    parser.add_argument(
        "--since",
        type=date.fromisoformat,
        metavar="YYYY-MM-DD",
        help="look only at partitions from this ingest date on (volume: start 30 days before the new ones)",
    )
    parser.add_argument(
        "--max-age-days",
        type=_days,
        metavar="N",
        help="warn if the newest daily partition is older than N days (default: any age)",
    )
    parser.add_argument(
        "--max-unusable-share",
        type=_share,
        default=MAX_UNUSABLE_SHARE,
        metavar="SHARE",
        help="share of unusable rows, 0 to 1, above which it is an error (default: %(default)s)",
    )
    parser.add_argument(
        "--memory-limit", default="1GB", metavar="SIZE", help="DuckDB memory limit (default: %(default)s)"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check from the command line and return its exit code."""
    arguments = _arguments(argv)
    try:
        report = check_sources(
            _paths.landing_path(),
            (os.environ.get("LANDING_FORMAT") or "parquet").lower(),
            Path(os.environ.get("CHECKS_PATH") or "data/checks"),
            strict=arguments.strict,
            since=arguments.since,
            max_age_days=arguments.max_age_days,
            max_unusable_share=arguments.max_unusable_share,
            memory_limit=arguments.memory_limit,
        )
    except Exception as error:  # whatever died, an orchestrator must not take it for clean or for bad data
        print(f"the check could not run: {type(error).__name__}: {error}", file=sys.stderr)
        return EXIT_NOT_RUN
    print("\n".join(report_lines(report)))
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
