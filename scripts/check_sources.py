"""Check the landed source files before dbt reads them: this checks what ARRIVED, dbt's tests check what was BUILT.

    python -m scripts.check_sources [--strict] [--max-age-days N] [--max-unusable-share SHARE]

Errors stop a build that would be impossible (an unreadable file, a missing required column) or wrong (so many
unusable rows that the marts would describe the accident). Warnings ask a person to look. Single bad rows are
neither: dbt quarantines them.

Files are checked one by one, against the contract in `models/staging/*/_*__sources.yml`. Rows are checked by the
RULES below: one query per source counts the bad rows of each partition in DuckDB, and Great Expectations holds the
bounds over the shares, so that no row reaches Python. A partition is an ingest date; a file outside an `ingest_date=`
folder, where the contract allows that, is a partition of its own.

LANDING_PATH (data/landing), LANDING_FORMAT (parquet, csv or json; parquet) and CHECKS_PATH (data/checks) say where and
what. CHECKS_PATH gets check_sources.json, with every finding, and the suites, in expectations/.

Exit codes: 0 clean or only warnings; 1 only warnings, with --strict; 2 errors, do not build; 3 the check could not run,
and nothing is known.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import os
import re
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import yaml

from scripts import _paths

PROJECT = Path(__file__).resolve().parents[1]
EXIT_CLEAN, EXIT_WARNINGS, EXIT_ERRORS, EXIT_NOT_RUN = 0, 1, 2, 3
ERROR, WARNING = "error", "warning"
EXTENSIONS = {
    "parquet": (".parquet",),
    "csv": (".csv", ".csv.gz"),
    "json": (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz"),
}

# Shares of rows. One bad row in a hundred is no longer chance; from one quarantined row in five on, the marts describe
# the accident and not the traffic. Gateways retry, but one row in twenty twice looks like a file delivered twice.
BAD_SHARE, UNUSABLE_SHARE, DUPLICATE_SHARE, NULL_COUNTRY_SHARE = 0.01, 0.2, 0.05, 0.2
# A share of a few rows says nothing: smaller partitions count in the whole source only, and fewer bad rows are chance.
MIN_ROWS, MIN_BAD_ROWS = 50, 5
MAX_TOKENS, MAX_COST = 10_000_000, 1_000  # tokens and US dollars in one generation: one such row outweighs a day
EARLIEST = "2020-06-01"  # dbt's var earliest_plausible_date; older times are unset clocks
# Rows against the median of the four weeks before, which one odd day does not move. A weekend stays above a third.
WINDOW, WARM_UP, VOLUME_DROP, VOLUME_JUMP = 28, 7, 0.7, 4.0  # partitions, partitions, share missing, times the median
LATE_ONLY_SHARE = 0.1  # of the median: days with less at the end of a landing are late records, not days of their own
CSV = "header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"'"  # as dbt reads it
# Errors that must not be blamed on the file that was read.
OF_THE_MACHINE = (duckdb.OutOfMemoryException, duckdb.InternalException, duckdb.FatalException)


# --- Rules -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A measure of each partition, its greatest value, and what to do about more."""

    name: str  # of the check, and of the column of the shares table
    column: str | None  # the landed column, None for whole partitions
    bad: str | None  # SQL condition of a bad row, over trimmed text in which blank is null
    do: str
    bound: float = BAD_SHARE
    unusable: bool = True  # dbt quarantines such rows: they count in the check `unusable`
    severity: str = WARNING
    is_share: bool = True  # of rows; else a plain number


def missing(*columns: str) -> list[Rule]:
    """Values that dbt cannot do without."""
    return [Rule(f"{c}_missing", c, f"{c} is null", "have the sender fill it") for c in columns]


def generation_id(c: str) -> list[Rule]:
    """Ids of generations; those of other gateways are usable."""
    bad = f"not regexp_full_match({c}, 'gen-[0-9]+-[A-Za-z0-9]{{20}}')"
    return [*missing(c), Rule(f"{c}_pattern", c, bad, "look for cut-off ids; other gateways' are fine", unusable=False)]


def moment(c: str) -> list[Rule]:
    """Event times."""
    time = f"try_cast({c} as timestamptz)"
    invalid = f"coalesce(not isfinite({time}) or {time} < timestamptz '{EARLIEST} 00:00:00+00', true)"
    late = f"isfinite({time}) and cast({time} as date) > ingest_date + 1"
    return [
        Rule(f"{c}_invalid", c, invalid, f"send ISO 8601 times in UTC, after {EARLIEST}"),
        Rule(f"{c}_after_ingest", c, late, "check the sender's clock and the date of the folder"),
    ]


def amount(greatest: int, *columns: str, also_bad: str = "false") -> list[Rule]:
    """Numbers that are not negative."""
    rules = []
    for c in columns:
        number = f"try_cast({c} as double)"
        bad = f"{c} is not null and coalesce(not isfinite({number}) or {number} < 0 or {also_bad.format(number)}, true)"
        huge = f"isfinite({number}) and {number} >= {greatest}"
        ask = f"ask the sender about values from {greatest:,} on: they pass into the totals"
        rules.append(Rule(f"{c}_invalid", c, bad, "look for shifted columns, signs, decimal commas"))
        rules.append(Rule(f"{c}_implausible", c, huge, ask, bound=0, unusable=False))
    return rules


def tokens(*columns: str) -> list[Rule]:
    """Token counts."""
    return amount(MAX_TOKENS, *columns, also_bad="{0} <> floor({0})")


def part_of(part: str, whole: str) -> list[Rule]:
    """Tokens that are counted inside others."""
    bad = f"try_cast({part} as double) > try_cast({whole} as double) and try_cast({whole} as double) >= 0"
    return [Rule(f"{part}_exceeds", part, bad, f"is more than {whole}: check the sender's token convention")]


def absent(*columns: str) -> list[Rule]:
    """Rows without any token count."""
    bad = " and ".join(f"{c} is null" for c in columns)
    return [Rule("tokens_absent", columns[0], bad, "have the sender fill prompt and completion tokens")]


def text(name: str, c: str, good: str, do: str) -> list[Rule]:
    """Texts that dbt keeps, but cannot map to what it knows."""
    return [Rule(f"{c}_{name}", c, f"not ({good})", do, unusable=False)]


FINISH_REASONS = "in ('tool_calls', 'stop', 'length', 'content_filter', 'error')"  # as in dbt's macro finish_reasons
OWN_WORD = "send the provider's own word as the native finish reason"
CONFIDENCE = "confidence is not null and coalesce(try_cast(confidence as double) not between 0 and 1, true)"
COUNTRY, NAMIBIA = "billing_country_code", "check that Namibia's code NA was not read as null"
# By the contract's landing_folder; a source without an entry is checked for files, columns and volume only.
RULES: dict[str, list[Rule]] = {
    "openrouter/generations": [
        *generation_id("id"),
        *missing("account_id", "model"),
        *moment("created_at"),
        *tokens("tokens_prompt", "tokens_completion", "native_tokens_prompt", "native_tokens_completion"),
        *tokens("native_tokens_reasoning", "native_tokens_cached"),
        *absent("native_tokens_prompt", "native_tokens_completion", "tokens_prompt", "tokens_completion"),
        *part_of("native_tokens_reasoning", "native_tokens_completion"),
        *part_of("native_tokens_cached", "native_tokens_prompt"),
        *amount(MAX_COST, "total_cost", "upstream_inference_cost"),
        *text("unlisted", "finish_reason", f"finish_reason {FINISH_REASONS}", OWN_WORD),
    ],
    "openrouter/accounts": [
        *missing("account_id"),
        *moment("updated_at"),
        *text("malformed", COUNTRY, f"regexp_full_match({COUNTRY}, '[A-Za-z]{{2}}')", "send ISO 3166 alpha-2 codes"),
        Rule(f"{COUNTRY}_missing", COUNTRY, f"{COUNTRY} is null", NAMIBIA, NULL_COUNTRY_SHARE, unusable=False),
    ],
    "openrouter/classifications": [
        *generation_id("generation_id"),
        *moment("classified_at"),
        Rule("confidence_invalid", "confidence", CONFIDENCE, "send a share, not a percentage"),
        *text("malformed", "path", "starts_with(path, '/')", "send full category paths, from the first slash on"),
    ],
    "openrouter_export": [
        *generation_id("generation_id"),
        *missing("api_key_name", "model_permaslug"),
        *moment("created_at"),
        *tokens("tokens_prompt", "tokens_completion", "tokens_reasoning", "tokens_cached"),
        *absent("tokens_prompt", "tokens_completion"),
        *part_of("tokens_reasoning", "tokens_completion"),
        *part_of("tokens_cached", "tokens_prompt"),
        *amount(MAX_COST, "cost_total", "byok_usage_inference"),
        *text("unlisted", "finish_reason_normalized", f"finish_reason_normalized {FINISH_REASONS}", OWN_WORD),
    ],
}
# Two rows of one partition with the same key are duplicates. A label may be given again later, an account changed.
KEYS = {
    "openrouter/generations": "id",
    "openrouter/accounts": "account_id, updated_at",
    "openrouter/classifications": "generation_id, path, classified_at",
    "openrouter_export": "generation_id",
}
# Accounts arrive when they change and exports are taken by hand: a day without either is normal.
DAILY = ("openrouter/generations", "openrouter/classifications")


def rules_of(folder: str, max_unusable_share: float, max_age_days: int | None) -> list[Rule]:
    """Every rule of the source with this landing folder: its row rules and those of whole partitions."""
    twice, complete = "look for a file that was delivered twice", "check that the delivery is complete"
    share, number = partial(Rule, column=None, bad=None), partial(Rule, column=None, bad=None, is_share=False)
    usual = f"than the median of the {WINDOW} partitions before"
    rules = [
        share("unusable", do="dbt would quarantine these rows: see", bound=max_unusable_share, severity=ERROR),
        share("volume_drop", do=f"fewer rows {usual}: {complete}", bound=VOLUME_DROP),
        number("volume_jump", do=f"so many times more rows {usual}: {twice}", bound=VOLUME_JUMP),
        share("duplicates", do=twice, bound=DUPLICATE_SHARE),
    ]
    if folder in DAILY:
        rules.append(number("missing_days", do=f"no partition for so many days before: {complete}", bound=0))
        if max_age_days is not None:
            stale = "days since the last regular partition: check that the delivery still runs"
            rules.append(number("freshness", do=stale, bound=max_age_days))
    return [*RULES.get(folder, []), *rules]


# --- Sources and findings --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """One broken rule; `place` is a file, or an ingest date or `all`, the whole source."""

    severity: str
    source: str
    check: str
    place: str
    message: str
    do: str
    column: str | None = None
    measured: float | None = None
    bound: float | None = None


@dataclass
class Source:
    """One landed table as its contract declares it, what was found in it, and its shares: one row a partition."""

    folder: str
    format: str
    needs_ingest_date: bool
    columns: list[str]
    required: list[str]
    root: Path
    files: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    shares: list[dict[str, Any]] = field(default_factory=list)

    @property
    def table(self) -> str:
        """The folder as a SQL identifier."""
        return self.folder.replace("/", "_")

    def reject(self, file: str, check: str, message: str, do: str, column: str | None = None) -> None:
        """Record an error about a file and leave the file out from here on."""
        name = file.removeprefix(f"{self.root.as_posix()}/")
        self.findings.append(Finding(ERROR, self.folder, check, name, message, do, column))
        if file in self.files:
            self.files.remove(file)


def read_contract(landing_path: Path, landing_format: str) -> Iterator[Source]:
    """Yield the landed tables that dbt's source YAML declares; `landing_format` is that of those that declare none."""
    for path in sorted(PROJECT.glob("models/staging/*/_*__sources.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            for table in group["tables"]:
                meta = table.get("config", {}).get("meta", {})
                if "landing_folder" in meta:
                    columns = {c["name"]: c.get("config", {}).get("meta", {}) for c in table["columns"]}
                    yield Source(
                        folder=meta["landing_folder"],
                        format=meta.get("landing_format", landing_format),
                        needs_ingest_date=meta.get("ingest_date_folder", "required") == "required",
                        columns=list(columns),
                        required=[name for name, of_column in columns.items() if of_column.get("required")],
                        root=landing_path / meta["landing_folder"],
                    )


# --- Files -----------------------------------------------------------------------------------------------------------


def list_files(source: Source) -> None:
    """Find the source's files; reject those that dbt would stumble over by their name."""
    for path in sorted(source.root.rglob("*")):
        name = path.relative_to(source.root).as_posix()
        if not path.is_file() or re.search(r"(^|/)[._]", name):
            continue  # markers such as _SUCCESS, or .part-0.parquet.crc
        folder = re.search(r"(?:^|/)ingest_date=([^/]*)/", name)
        if not name.endswith(EXTENSIONS[source.format]):
            do = "move it out of the landing, or set LANDING_FORMAT to what was delivered"
            source.reject(path.as_posix(), "file_extension", f"is no {source.format} file by its name", do)
        elif (folder and not _is_date(folder[1])) or (not folder and source.needs_ingest_date):
            do = "move it to ingest_date=<the day it arrived>/"
            source.reject(path.as_posix(), "ingest_date_folder", "lies in no ingest_date=YYYY-MM-DD folder", do)
        else:
            source.files.append(path.as_posix())


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _gzip_problem(file: str) -> str | None:
    """Say why gzip content is incomplete: DuckDB reads a file that was cut off as if it ended there."""
    try:
        with gzip.open(file) as stream:
            while stream.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        return str(error)
    return None


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _file_list(files: Sequence[str]) -> str:
    return f"[{', '.join(map(_literal, files))}]"


def _reason(error: Exception) -> str:
    """First line of a message without quoted values; the next lines may quote whole rows, and with them accounts."""
    return re.sub(r"'.*'", "'...'", str(error).split("\n", 1)[0])[:250]


def _rows_or_reject(
    connection: duckdb.DuckDBPyConnection, source: Source, files: list[str], query: Callable[[list[str]], str]
) -> list[tuple]:
    """Rows of a query over files. If it fails, halve the files until those that DuckDB cannot read are known."""
    try:
        return connection.execute(query(files)).fetchall()
    except OF_THE_MACHINE:
        raise
    except duckdb.Error as error:
        if len(files) > 1:
            halves = (files[: len(files) // 2], files[len(files) // 2 :])
            return [row for half in halves for row in _rows_or_reject(connection, source, half, query)]
        source.reject(files[0], "unreadable", f"cannot be read ({_reason(error)})", "deliver the file again")
        return []


def _columns_query(source: Source, files: list[str]) -> str:
    """SQL of (file, name of a column), at least one row for each file that has rows or a header."""
    if source.format == "parquet":
        return f"select file_name, lower(name) from parquet_schema({_file_list(files)})"
    if source.format == "json":
        keys = "lower(unnest(list_append(json_keys(json), '')))"  # no list of columns: a file has what any row has
        options = "format = 'newline_delimited', filename = true"
        return f"select distinct filename, {keys} from read_json_objects({_file_list(files)}, {options})"
    sniff = "select {0}, lower(unnest(columns).name) from sniff_csv({0}, {1})"
    return " union all ".join(sniff.format(_literal(file), CSV) for file in files)


def check_columns(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Reject files that DuckDB cannot open and files without a required column."""
    if source.format != "parquet":
        for file in [file for file in source.files if file.endswith(".gz")]:
            if problem := _gzip_problem(file):
                source.reject(file, "unreadable", f"cannot be read ({problem})", "deliver the file again")
    columns: dict[str, set[str]] = {}
    if source.files:
        for file, name in _rows_or_reject(connection, source, list(source.files), partial(_columns_query, source)):
            columns.setdefault(file, set()).add(name)
    for file, present in columns.items():
        for name in source.required:
            if name not in present:
                source.reject(file, "required_column", "is missing", "deliver the file with this column", column=name)


# --- Rows ------------------------------------------------------------------------------------------------------------


def _reader(source: Source, files: list[str]) -> str:
    """The table function that dbt's macro landed_reader uses."""
    options = "filename = true, hive_partitioning = false"
    if source.format == "json":
        typed = ", ".join(f"{_literal(name)}: 'varchar'" for name in source.columns)
        return f"read_json({_file_list(files)}, {options}, format = 'newline_delimited', columns = {{{typed}}})"
    if source.format == "csv":
        options += f", {CSV}"
    return f"read_{source.format}({_file_list(files)}, {options}, union_by_name = true)"


def _counts_query(connection: duckdb.DuckDBPyConnection, source: Source, files: list[str]) -> str:
    """SQL that counts the bad rows of each partition by rule, in one pass."""
    reader = _reader(source, files)
    landed = {row[0].lower() for row in connection.execute(f"describe select * from {reader}").fetchall()}
    texts = ", ".join(
        (f"nullif(trim(cast(\"{c}\" as varchar)), '')" if c in landed else "cast(null as varchar)") + f' as "{c}"'
        for c in source.columns
    )
    rules = RULES.get(source.folder, [])
    unusable = " or ".join(rule.name for rule in rules if rule.unusable) or "false"
    key = KEYS.get(source.folder, "null")
    first = key.split(",")[0]
    return f"""
        with landed as (
            select replace(filename, {_literal(source.root.as_posix() + "/")}, '') as file,
                try_cast(regexp_extract(filename, '/ingest_date=([0-9-]{{10}})/', 1) as date) as ingest_date,
                {texts}
            from {reader}
        ),
        judged as (
            select *, {"".join(f"coalesce({rule.bad}, false) as {rule.name}, " for rule in rules)}
            from landed
        )
        select coalesce(cast(ingest_date as varchar), file) as partition, any_value(ingest_date) as ingest_date,
            count(*) as row_count,
            {"".join(f"count(*) filter ({rule.name}) as {rule.name}, " for rule in rules)}
            count(*) filter ({unusable}) as unusable,
            count({first}) - count(distinct hash({key})) filter ({first} is not null) as duplicates,
            -- Every column of the contract is read, so that damage in any of them shows here and not in dbt.
            bit_xor(hash({", ".join(f'"{c}"' for c in source.columns)})) as read_all
        from judged
        group by 1
    """


def count_rows(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Create the source's counts table, one row a partition; reject the files that DuckDB cannot read."""
    try:
        counts = _counts_query(connection, source, source.files)
        connection.execute(f"create table counts_{source.table} as {counts}")
    except OF_THE_MACHINE:
        raise
    except duckdb.Error as error:
        files = list(source.files)
        _rows_or_reject(connection, source, files, partial(_counts_query, connection, source))
        if len(source.files) == len(files):
            message, do = f"can be read one by one, not together ({_reason(error)})", "send a column in one type"
            source.findings.append(Finding(ERROR, source.folder, "unreadable", "all", message, do))
            source.files.clear()
        elif source.files:
            count_rows(connection, source)


def share_rows(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Create the source's shares table from its counts: one row a partition and one, `all`, for the whole source.

    What is not judged is 0, since Great Expectations fails on a column of nulls.
    """
    counted = {rule.name: 1 if rule.bound == 0 else MIN_BAD_ROWS for rule in RULES.get(source.folder, [])}
    counted |= {"unusable": MIN_BAD_ROWS, "duplicates": MIN_BAD_ROWS}
    sums = ", ".join(f"sum({name}) as {name}" for name in ("row_count", *counted) if name != "duplicates")
    shares = ", ".join(
        f"case when (partition = 'all' or row_count >= {MIN_ROWS}) and ({name} >= {least} or {name} = row_count)"
        f" then {name} / greatest(row_count, 1) else 0 end as {name}"
        for name, least in counted.items()
    )
    connection.execute(f"""
        create table shares_{source.table} as
        with usual as (
            select *, row_number() over days as position, lag(ingest_date) over days as previous,
                coalesce(median(row_count) over (days rows between {WINDOW} preceding and 1 preceding), 0) as usual_rows
            from counts_{source.table}
            where ingest_date is not null
            window days as (order by ingest_date)
        ),
        -- What comes before the first or after the last regular day is a start, or late records after the end.
        regular as (
            select min(ingest_date) filter (is_regular) as first_day,
                coalesce(max(ingest_date) filter (is_regular), max(ingest_date)) as last_day
            from (select *, row_count >= greatest({MIN_ROWS}, {LATE_ONLY_SHARE} * usual_rows) as is_regular from usual)
        ),
        days as (
            select ingest_date,
                case when position > {WARM_UP} and usual_rows >= {MIN_ROWS} and ingest_date <= last_day
                    then row_count / usual_rows end as volume,
                case when previous >= first_day and ingest_date <= last_day then ingest_date - previous - 1 end as gap,
                case when ingest_date = last_day then current_date - ingest_date end as age,
                ingest_date > last_day and usual_rows >= {MIN_ROWS} as is_late_only
            from usual cross join regular
        ),
        scopes as (
            from counts_{source.table}
            union all by name
            -- The same key on two days is a correction: duplicates are counted inside partitions only.
            select 'all' as partition, {sums}, 0 as duplicates from counts_{source.table}
        )
        select partition, ingest_date, coalesce(row_count, 0)::bigint as row_count, {shares},
            coalesce(greatest(1 - volume, 0), 0) as volume_drop, coalesce(volume, 0) as volume_jump,
            coalesce(gap, 0) as missing_days, coalesce(greatest(age, 0), 0) as freshness,
            coalesce(is_late_only, false) as is_late_only
        from scopes left join days using (ingest_date)
        order by ingest_date nulls first, partition
    """)
    result = connection.execute(f"select * from shares_{source.table}")
    names = [column[0] for column in result.description]
    source.shares = [dict(zip(names, row, strict=True)) for row in result.fetchall()]


# --- Great Expectations holds the bounds -----------------------------------------------------------------------------


def validate(database: Path, source: Source, rules: list[Rule], suite_path: Path) -> None:
    """Hold a source's shares table against its rules, one expectation each, and add what is broken to its findings."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    warnings.filterwarnings("ignore", module=r"great_expectations.*")
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations as gx  # only now: it takes seconds, and looks for the settings above
    from great_expectations.data_context.types.base import ProgressBarsConfig

    from scripts._duckdb_dialect import connection_string

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    expectations = [
        gx.expectations.ExpectColumnMaxToBeBetween(
            column=rule.name,
            max_value=rule.bound,
            severity="critical" if rule.severity == ERROR else "warning",
            meta={"column": rule.column, "bad": rule.bad, "do": rule.do},
        )
        for rule in rules
    ]
    suite = context.suites.add(gx.ExpectationSuite(name=source.table, expectations=expectations))
    content = suite.to_json_dict() | {"id": None}  # the ids differ from run to run
    content["expectations"] = [expectation | {"id": None} for expectation in content["expectations"]]
    _write_json(suite_path, content)
    options = {"kwargs": {"connect_args": {"read_only": True}}, "create_temp_table": False}
    shares = context.data_sources.add_sql("shares", connection_string=connection_string(database), **options)
    asset = shares.add_table_asset(source.table, table_name=f"shares_{source.table}")
    results = asset.add_batch_definition_whole_table("all").get_batch().validate(suite).results
    outcomes = {result.expectation_config.kwargs["column"]: result for result in results}
    for rule in rules:
        # An expectation that dies also counts as "not successful": it must be taken neither for clean nor for broken.
        if rule.name not in outcomes or outcomes[rule.name].result.get("observed_value") is None:
            raise RuntimeError(f"{source.folder}: the expectation on {rule.name} gave no result")
        if not outcomes[rule.name].success:
            source.findings += broken(source, rule)


def broken(source: Source, rule: Rule) -> list[Finding]:
    """Findings of a rule that does not hold: its partitions, the worst first, then the whole source."""
    findings = []
    unusable = [other.name for other in RULES.get(source.folder, []) if other.unusable]
    for row in sorted(source.shares, key=lambda row: (row["partition"] == "all", -row[rule.name])):
        place, measured, do = row["partition"], float(row[rule.name]), rule.do
        if measured > rule.bound:
            message = f"{measured:,.4g} (at most {rule.bound:,.4g})"
            if rule.is_share:
                message = f"{measured:.1%} of {row['row_count']:,} rows (at most {rule.bound:.4g})"
            if rule.name == "unusable":
                do = f"{do} {max(unusable, key=row.__getitem__)}"
            finding = (rule.severity, source.folder, rule.name, place, message, do, rule.column, measured, rule.bound)
            findings.append(Finding(*finding))
    return findings


# --- The run ---------------------------------------------------------------------------------------------------------


def check_sources(
    landing_path: Path, landing_format: str, checks_path: Path, max_unusable_share: float, max_age_days: int | None
) -> list[Source]:
    """Check every landed source; the last two arguments are bounds, a share from 0 to 1 and days or None.

    Raises:
        ValueError: bad format. RuntimeError: an expectation died. OSError, duckdb.Error: memory, disk or folder failed.
    """
    if landing_format not in EXTENSIONS:
        raise ValueError(f"LANDING_FORMAT is {landing_format}; set it to {', '.join(EXTENSIONS)}")
    sources = list(read_contract(landing_path, landing_format))
    with tempfile.TemporaryDirectory(prefix="check_sources_") as scratch:
        database = Path(scratch) / "shares.duckdb"  # beside it DuckDB spills what does not fit into memory
        with duckdb.connect(str(database)) as connection:
            connection.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
            for source in sources:
                list_files(source)
                check_columns(connection, source)
                if source.files:
                    count_rows(connection, source)
                if source.files:
                    share_rows(connection, source)
        for source in sources:
            if source.shares:
                rules = rules_of(source.folder, max_unusable_share, max_age_days)
                validate(database, source, rules, checks_path / "expectations" / f"{source.table}.json")
    return sources


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")


def summary(sources: list[Source]) -> list[str]:
    """Lines to print: one a source, one for each of its broken checks, errors first, and the verdict."""
    lines = []
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for source in sources:
        lines.append(f"{source.folder}: nothing landed")
        if source.files or source.findings:
            total = next((row["row_count"] for row in source.shares if row["partition"] == "all"), 0)
            lines[-1] = f"{source.folder}: {len(source.files):,} files, {total:,} rows"
        if days := [row["ingest_date"] for row in source.shares if row["ingest_date"]]:
            lines[-1] += f", {len(days):,} days from {days[0]} to {days[-1]}"
        if late_only := sum(row["is_late_only"] for row in source.shares):
            lines[-1] += f", the last {late_only} with few rows, late records most likely"
        for finding in source.findings:
            groups.setdefault((finding.severity, finding.source, finding.check), []).append(finding)
    for (severity, folder, check), (worst, *others) in sorted(groups.items(), key=lambda item: item[0][0]):
        column = f" column {worst.column}:" if worst.column else ""
        more = f" (and {len(others):,} more)" if others else ""
        lines.append(f"{severity.upper():7} {folder} {check}: {worst.place}:{column} {worst.message}{more}: {worst.do}")
    errors, found = (sum(len(group) for key, group in groups.items() if key[0] == kind) for kind in (ERROR, WARNING))
    return [*lines, f"{errors:,} errors, {found:,} warnings: {'do not build' if errors else 'the build may start'}"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check from the command line and return its exit code."""
    parser = argparse.ArgumentParser(
        "python -m scripts.check_sources", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    # argparse's own exit code 2 would read as "errors found".
    parser.error = lambda message: parser.exit(EXIT_NOT_RUN, f"{parser.prog}: {message}\n")  # type: ignore[method-assign]
    parser.add_argument("--strict", action="store_true", help="exit with 1 if there are only warnings")
    parser.add_argument("--max-age-days", type=int, metavar="N", help="warn if a daily source is older")
    unusable = "share of rows that dbt may have to quarantine, 0 to 1 (%(default)s)"
    parser.add_argument("--max-unusable-share", type=float, default=UNUSABLE_SHARE, metavar="SHARE", help=unusable)
    arguments = parser.parse_args(argv)
    if not 0 <= arguments.max_unusable_share <= 1 or (arguments.max_age_days or 0) < 0:
        parser.error("--max-unusable-share goes from 0 to 1, --max-age-days from 0 on")
    if _paths.is_landing_in_bucket():
        print("LANDING_PATH is a bucket: not checked before the build, which names a file that it cannot read")
        return EXIT_CLEAN
    landing_format = os.environ.get("LANDING_FORMAT", "parquet").lower()
    bounds = (arguments.max_unusable_share, arguments.max_age_days)
    try:
        sources = check_sources(_paths.landing_path(), landing_format, _paths.checks_path(), *bounds)
        findings = [asdict(finding) for source in sources for finding in source.findings]
        is_error = any(finding["severity"] == ERROR for finding in findings)
        code = EXIT_ERRORS if is_error else EXIT_WARNINGS if findings and arguments.strict else EXIT_CLEAN
        result = {"exit_code": code, "checked_at": datetime.now(UTC), "findings": findings}
        _write_json(_paths.checks_path() / "check_sources.json", result | {"summary": summary(sources)})
    except Exception as error:  # whatever died, an orchestrator must not take it for clean or for bad data
        print(f"the check could not run: {type(error).__name__}: {_reason(error)}", file=sys.stderr)
        return EXIT_NOT_RUN
    print("\n".join(summary(sources)))
    return code


if __name__ == "__main__":
    sys.exit(main())
