"""Tests of scripts.check_sources: every check passes on a clean landing and fails on a planted fault."""

from __future__ import annotations

import csv
import gzip
import json
import socket
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from scripts import check_sources as cs  # noqa: E402

FIRST_DAY = date(2025, 3, 3)
ROWS = 100  # rows of a partition, unless a test says otherwise

Row = dict[str, Any]


# --- A small synthetic landing ------------------------------------------------


def _identifier(day: date, number: int) -> str:
    return f"gen-{int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())}-{number:020d}"


def _generation(day: date, number: int) -> Row:
    return {
        "id": _identifier(day, number),
        "created_at": f"{day} 10:00:00",
        "account_id": f"secret-account-{number % 7}",
        "model": "openai/gpt-4o",
        "tokens_prompt": 1000 + number,
        "tokens_completion": 100,
        "native_tokens_prompt": 1100 + number,
        "native_tokens_completion": 110,
        "native_tokens_reasoning": 10,
        "native_tokens_cached": 5,
        "total_cost": 0.0125,
        "upstream_inference_cost": 0.01,
        "finish_reason": "stop",
        "latency": 250,
    }


def _account(day: date, number: int) -> Row:
    return {
        "account_id": f"secret-account-{number}",
        "billing_country_code": "NA" if number % 2 else "US",
        "updated_at": f"{day}T08:00:00Z",
    }


def _classification(day: date, number: int) -> Row:
    return {
        "generation_id": _identifier(day, number),
        "path": "/Science/Computer Science",
        "confidence": 0.8,
        "classified_at": f"{day}T12:00:00+02:00",
    }


def _export(day: date, number: int) -> Row:
    return {
        "generation_id": _identifier(day, number),
        "created_at": f"{day} 09:00:00.123",
        "cost_total": 0.002,
        "cost_cache": -0.001,
        "byok_usage_inference": 0,
        "tokens_prompt": 500,
        "tokens_completion": 50,
        "tokens_reasoning": 5,
        "tokens_cached": 100,
        "model_permaslug": "openai/gpt-4o-2024-11-20",
        "finish_reason_normalized": "stop",
        "api_key_name": "secret-account-key",
    }


MAKERS: dict[str, Callable[[date, int], Row]] = {
    "openrouter/generations": _generation,
    "openrouter/accounts": _account,
    "openrouter/classifications": _classification,
    "openrouter_export": _export,
}


# Every source, and every format; the export is always CSV.
SOURCES_AND_FORMATS = [
    *((source, "parquet") for source in MAKERS),
    ("openrouter/generations", "csv"),
    ("openrouter/classifications", "json"),
]


def make_rows(source: str, day: date, count: int = ROWS, bad: int = 0, **fault: Any) -> list[Row]:
    """Return rows of a source; the first `bad` of them carry the fault."""
    rows = [MAKERS[source](day, number) for number in range(count)]
    for row in rows[:bad]:
        row.update(fault)
    return rows


def write(path: Path, rows: list[Row]) -> Path:
    """Write rows in the format of the file's name. A Parquet column of mixed types becomes text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if path.name.endswith(".parquet"):
        arrays = {}
        for name in columns:
            values = [row.get(name) for row in rows]
            if len({type(value) for value in values if value is not None}) > 1:
                values = [None if value is None else str(value) for value in values]
            arrays[name] = pa.array(values)
        pq.write_table(pa.table(arrays), path)
        return path
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", encoding="utf-8", newline="") as text:
        if ".csv" in path.name:
            writer = csv.DictWriter(text, columns)
            writer.writeheader()
            writer.writerows(rows)
        else:
            text.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def days(count: int) -> list[date]:
    """Return consecutive days from FIRST_DAY on."""
    return [FIRST_DAY + timedelta(days=number) for number in range(count)]


class Landing:
    """A landing folder under construction, and the run of the check over it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """Point the environment variables at an empty landing folder below `root`."""
        self.path, self.checks, self.format = root / "landing", root / "checks", "parquet"
        self.path.mkdir()
        self.monkeypatch, self.capsys = monkeypatch, capsys
        monkeypatch.setenv("LANDING_PATH", str(self.path))
        monkeypatch.setenv("CHECKS_PATH", str(self.checks))
        self.out = self.err = ""

    def folder(self, source: str, day: date | None = FIRST_DAY) -> Path:
        """Return the folder of a partition, or of the source if `day` is None."""
        return self.path / source / (f"ingest_date={day}" if day else "")

    def add(self, source: str, day: date, rows: list[Row], name: str = "part-0") -> Path:
        """Write one file of a partition."""
        extension = "csv" if source == "openrouter_export" else self.format
        return write(self.folder(source, day) / f"{name}.{extension}", rows)

    def run(self, *arguments: str) -> int:
        """Run the check, keep what it printed, and return the exit code."""
        self.monkeypatch.setenv("LANDING_FORMAT", self.format)
        code = cs.main(list(arguments))
        self.out, self.err = self.capsys.readouterr()
        return code

    @property
    def result(self) -> dict[str, Any]:
        """The machine-readable result of the last run."""
        return json.loads((self.checks / "check_sources.json").read_text(encoding="utf-8"))

    def found(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the findings of the last run that have the given values."""
        return [
            finding
            for finding in self.result["findings"]
            if all(finding[name] == value for name, value in wanted.items())
        ]

    def source(self, name: str) -> dict[str, Any]:
        """Return the summary of one source of the last run."""
        return next(entry for entry in self.result["sources"] if entry["source"] == name)


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Landing:
    """An empty landing folder."""
    return Landing(tmp_path, monkeypatch, capsys)


def add_clean(landing: Landing, partitions: Iterable[date]) -> None:
    """Land every source without a fault."""
    for day in partitions:
        for source in MAKERS:
            landing.add(source, day, make_rows(source, day))


# --- Clean, empty, missing ----------------------------------------------------


@pytest.mark.parametrize("landing_format", ["parquet", "csv", "json"])
def test_a_clean_landing_passes_in_every_format(landing: Landing, landing_format: str) -> None:
    landing.format = landing_format
    add_clean(landing, days(2))
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out
    assert landing.result["findings"] == []
    for source in MAKERS:
        assert landing.source(source)["rows"] == 2 * ROWS
        assert landing.source(source)["last_partition"] == "2025-03-04"
    assert "0 errors, 0 warnings: the build may start" in landing.out


@pytest.mark.parametrize("landing_format", ["csv.gz", "jsonl.gz", "ndjson"])
def test_compressed_and_alternative_file_names_are_read(landing: Landing, landing_format: str) -> None:
    landing.format = landing_format
    landing.add("openrouter/accounts", FIRST_DAY, make_rows("openrouter/accounts", FIRST_DAY))
    landing.format = "csv" if "csv" in landing_format else "json"
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out
    assert landing.source("openrouter/accounts")["rows"] == ROWS


def test_an_empty_landing_is_clean_and_says_so(landing: Landing) -> None:
    assert landing.run("--strict") == cs.EXIT_CLEAN
    assert "openrouter/generations: no such folder, nothing to check" in landing.out
    assert "openrouter_export: no such folder, nothing to check" in landing.out


def test_a_landing_path_that_does_not_exist_is_a_warning(landing: Landing) -> None:
    landing.path.rmdir()
    assert landing.run() == cs.EXIT_CLEAN
    assert "WARNING [landing_path]" in landing.out
    assert landing.run("--strict") == cs.EXIT_WARNINGS


def test_a_misspelt_folder_is_a_warning(landing: Landing) -> None:
    write(landing.path / "openrouter/generation/ingest_date=2025-03-03/a.parquet", [{"id": "x"}])
    assert landing.run() == cs.EXIT_CLEAN
    assert [finding["source"] for finding in landing.found(check="unknown_folder")] == ["openrouter/generation"]


def test_files_without_rows_are_clean(landing: Landing) -> None:
    rows = make_rows("openrouter/accounts", FIRST_DAY, 1)
    landing.add("openrouter/accounts", FIRST_DAY, rows)
    pq.write_table(pa.Table.from_pylist(rows).slice(0, 0), landing.folder("openrouter/accounts") / "b.parquet")
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out
    assert landing.source("openrouter/accounts")["files"] == 2


# --- Types and columns that differ from file to file ---------------------------


def test_column_types_and_order_may_differ_between_files(landing: Landing) -> None:
    source = "openrouter/generations"
    landing.add(source, FIRST_DAY, make_rows(source, FIRST_DAY), "a")
    as_text = []
    for row in make_rows(source, FIRST_DAY, 2 * ROWS)[ROWS:]:
        row.update(tokens_prompt=f" {row['tokens_prompt']}.0 ", total_cost="1.5e-3", extra="x")
        as_text.append(dict(reversed(row.items())))
    landing.add(source, FIRST_DAY, as_text, "b")
    as_time = []
    for row in make_rows(source, FIRST_DAY, 3 * ROWS)[2 * ROWS :]:
        as_time.append(row | {"created_at": datetime(2025, 3, 3, 23, 59, tzinfo=UTC)})
    landing.add(source, FIRST_DAY, as_time, "c")
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out
    assert landing.source(source)["rows"] == 3 * ROWS


def test_a_nested_column_does_not_confuse_the_column_list(landing: Landing) -> None:
    """A field named like a required column, but inside another column, does not stand in for it."""
    rows = make_rows("openrouter/generations", FIRST_DAY, 10)
    for row in rows:
        del row["model"]
        row["usage"] = {"model": "inside", "parts": [{"model": "deeper"}]}
    landing.add("openrouter/generations", FIRST_DAY, rows)
    assert landing.run() == cs.EXIT_ERRORS
    assert [finding["column"] for finding in landing.found(check="required_column")] == ["model"]


@pytest.mark.parametrize(("source", "landing_format"), SOURCES_AND_FORMATS)
def test_a_missing_required_column_names_file_and_column(landing: Landing, landing_format: str, source: str) -> None:
    landing.format = landing_format
    definition = next(entry for entry in cs.SOURCES if entry.folder == source)
    landing.add(source, FIRST_DAY, make_rows(source, FIRST_DAY), "good")
    for column in definition.required:
        rows = make_rows(source, FIRST_DAY, 3)
        for row in rows:
            del row[column]
        landing.add(source, FIRST_DAY, rows, f"no-{column}")
    assert landing.run() == cs.EXIT_ERRORS
    found = {
        (finding["column"], Path(finding["file"]).name.split(".")[0]) for finding in landing.found(severity="error")
    }
    assert found == {(column, f"no-{column}") for column in definition.required}
    for column in definition.required:
        assert f"file=ingest_date=2025-03-03/no-{column}." in landing.out
        assert f"column={column}: the required" in landing.out
    # The rejected files' rows count nowhere, so that they cannot drown the message in others.
    assert landing.source(source)["rows"] == ROWS


def test_null_in_every_row_of_a_json_file_is_not_a_missing_column(landing: Landing) -> None:
    landing.format = "json"
    source = "openrouter/classifications"
    landing.add(source, FIRST_DAY, make_rows(source, FIRST_DAY, bad=ROWS, path=None, confidence=None))
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out


# --- Files that are not what their name says -----------------------------------


def _broken_parquet(keep: slice) -> Callable[[Path], None]:
    def plant(path: Path) -> None:
        write(path, make_rows("openrouter/accounts", FIRST_DAY))
        path.write_bytes(path.read_bytes()[keep])

    return plant


def _damaged_footer(path: Path) -> None:
    write(path, make_rows("openrouter/accounts", FIRST_DAY))
    content = bytearray(path.read_bytes())
    content[-60:-12] = b"\xff" * 48
    path.write_bytes(content)


def _damaged_pages(path: Path) -> None:
    write(path, make_rows("openrouter/accounts", FIRST_DAY))
    content = bytearray(path.read_bytes())
    content[4:600] = b"\xff" * 596
    path.write_bytes(content)


def _bytes(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


_HEADER = b"account_id,billing_country_code,updated_at\n"
_LINE = b"a,US,2025-03-03\n"

UNREADABLE: list[tuple[str, str, Callable[[Path], None], str]] = [
    ("parquet", "bad.parquet", _bytes(b"id,created_at\n1,2\n"), "not Parquet"),
    ("parquet", "bad.parquet", _bytes(b""), "not Parquet"),
    ("parquet", "bad.parquet", _broken_parquet(slice(0, -10)), "cut off"),
    ("parquet", "bad.parquet", _damaged_footer, "not readable"),
    ("parquet", "bad.parquet", _damaged_pages, "not readable"),
    ("csv", "bad.csv.gz", _bytes(_HEADER + _LINE), "not gzip"),
    ("csv", "bad.csv.gz", _bytes(gzip.compress(_HEADER + _LINE * 50)[:-9]), "damaged"),
    ("csv", "bad.csv", _bytes(gzip.compress(_HEADER + _LINE)), "does not end in .gz"),
    ("csv", "bad.csv", _bytes(_HEADER + "Zoë,US,2025-03-03\n".encode("latin-1")), "not UTF-8 (byte 45)"),
    ("csv", "bad.csv", _bytes((_HEADER + _LINE).decode().encode("utf-16")), "not UTF-8 (byte 0)"),
    ("csv", "bad.csv", _bytes(_HEADER + _LINE + b"a,b,\xc3"), "cut off"),
    ("csv", "bad.csv", _bytes(_HEADER + _LINE + b"a,b,c,d,e\n"), "not readable"),
    ("csv", "bad.csv", _bytes(b""), "no header"),
    ("json", "bad.json", _bytes(b'{"id": "a"}\n{"id": \n'), "not readable"),
    ("json", "bad.json", _bytes(b'[{"id": "a"}, {"id": "b"}]\n'), "not readable"),
    ("json", "bad.jsonl.gz", _bytes(b'{"id": "a"}\n'), "not gzip"),
]


@pytest.mark.parametrize("landing_format", ["parquet", "csv", "json"])
def test_unreadable_files_are_named_and_the_others_are_still_checked(landing: Landing, landing_format: str) -> None:
    landing.format = landing_format
    source = "openrouter/accounts"
    landing.add(source, FIRST_DAY, make_rows(source, FIRST_DAY), "good")
    landing.add(source, FIRST_DAY, make_rows(source, FIRST_DAY, 2 * ROWS)[ROWS:], "very-good")
    expected = {}
    for number, (bad_format, name, plant, problem) in enumerate(UNREADABLE):
        if bad_format == landing_format:
            plant(landing.folder(source) / f"{number}-{name}")
            expected[f"ingest_date=2025-03-03/{number}-{name}"] = problem
    assert landing.run() == cs.EXIT_ERRORS
    found = {finding["file"]: finding for finding in landing.found(severity="error")}
    assert found.keys() == expected.keys()
    for file, problem in expected.items():
        assert (found[file]["check"], found[file]["partition"]) == ("unreadable", "2025-03-03")
        assert problem in found[file]["reason"], file
        assert f"file={file}: " in landing.out
    assert landing.source(source)["rows"] == 2 * ROWS
    assert str(landing.path) not in landing.out


def test_text_is_decoded_across_piece_borders(tmp_path: Path) -> None:
    """A character on the border of two pieces is good; a wrong byte behind it is counted from the start."""
    good = b"x" * ((1 << 20) - 1) + "é".encode()
    path = tmp_path / "a.csv"
    path.write_bytes(good)
    assert cs._text_problem(path) is None
    path.write_bytes(good + b"ok\xff")
    assert cs._text_problem(path) == f"the text is not UTF-8 (byte {len(good) + 2:,})"


# --- Names ---------------------------------------------------------------------


def test_files_of_another_format_are_an_error_and_markers_are_not(landing: Landing) -> None:
    source = "openrouter/accounts"
    landing.add(source, FIRST_DAY, make_rows(source, FIRST_DAY))
    for marker in ("_SUCCESS", ".part-0.parquet.crc", "_temporary/0/part.parquet", ".hidden/x.csv"):
        path = landing.folder(source) / marker
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"anything")
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out
    write(landing.folder(source) / "late.csv", make_rows(source, FIRST_DAY, 5))
    assert landing.run() == cs.EXIT_ERRORS
    (finding,) = landing.found(severity="error")
    assert (finding["check"], finding["file"]) == ("file_extension", "ingest_date=2025-03-03/late.csv")


def test_a_partition_that_is_no_date_is_an_error(landing: Landing) -> None:
    names = ["ingest_date=", "ingest_date=2025-02-30", "ingest_date=2025-3-3", "ingest_date=20250303"]
    rows = make_rows("openrouter/accounts", FIRST_DAY)
    for name in names:
        write(landing.path / "openrouter/accounts" / name / "a.parquet", rows)
    assert landing.run() == cs.EXIT_ERRORS
    assert [finding["file"] for finding in landing.found(check="partition_name")] == names
    assert landing.source("openrouter/accounts")["rows"] == 0


def test_only_the_export_may_lie_outside_a_partition(landing: Landing) -> None:
    write(landing.path / "openrouter_export/august.csv", make_rows("openrouter_export", FIRST_DAY))
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out
    assert landing.source("openrouter_export")["rows"] == ROWS
    write(landing.path / "openrouter/accounts/a.parquet", make_rows("openrouter/accounts", FIRST_DAY))
    assert landing.run() == cs.EXIT_ERRORS
    assert [finding["file"] for finding in landing.found(check="file_outside_partition")] == ["a.parquet"]


def test_folders_below_a_partition_and_odd_characters_in_names_are_read(landing: Landing) -> None:
    source = "openrouter/accounts"
    landing.add(source, FIRST_DAY, make_rows(source, FIRST_DAY), "hour=[01]/it's *?")
    landing.add(source, FIRST_DAY, make_rows(source, FIRST_DAY, 2 * ROWS)[ROWS:], "hour=1/it's abc")
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out
    assert landing.source(source)["rows"] == 2 * ROWS


# --- Rules on rows ---------------------------------------------------------------

LATE = str(FIRST_DAY + timedelta(days=300))
BASE: dict[str, Row] = {
    "id_missing": {"id": None},
    "id_pattern": {"id": "chatcmpl-1"},
    "account_id_missing": {"account_id": "  "},
    "model_missing": {"model": ""},
    "created_at_invalid": {"created_at": "13/25/2025"},
    "created_at_after_ingest": {"created_at": LATE},
    "tokens_prompt_invalid": {"tokens_prompt": "12.5"},
    "tokens_prompt_implausible": {"tokens_prompt": 10_000_000},
    "tokens_completion_invalid": {"tokens_completion": "many"},
    "tokens_completion_implausible": {"tokens_completion": 2**31},
    "tokens_absent": {
        "tokens_prompt": None,
        "tokens_completion": None,
        "native_tokens_prompt": None,
        "native_tokens_completion": None,
        "native_tokens_reasoning": None,
        "native_tokens_cached": None,
    },
}
PLANTED: dict[str, dict[str, Row]] = {
    "openrouter/generations": BASE
    | {
        "native_tokens_prompt_invalid": {"native_tokens_prompt": "inf"},
        "native_tokens_prompt_implausible": {"native_tokens_prompt": 10**9},
        "native_tokens_completion_invalid": {"native_tokens_completion": "nan"},
        "native_tokens_completion_implausible": {"native_tokens_completion": 10**9},
        "native_tokens_reasoning_invalid": {"native_tokens_reasoning": -1},
        "native_tokens_reasoning_implausible": {
            "native_tokens_reasoning": 10**7,
            "native_tokens_completion": 10**7,
        },
        "native_tokens_cached_invalid": {"native_tokens_cached": "1,000"},
        "native_tokens_cached_implausible": {"native_tokens_cached": 10**7, "native_tokens_prompt": 10**7},
        "reasoning_exceeds_completion": {"native_tokens_reasoning": 111},
        "cached_exceeds_prompt": {"native_tokens_cached": 5000},
        "total_cost_invalid": {"total_cost": -0.01},
        "total_cost_implausible": {"total_cost": 1000},
        "upstream_inference_cost_invalid": {"upstream_inference_cost": "$1"},
        "upstream_inference_cost_implausible": {"upstream_inference_cost": 5000},
        "finish_reason_unlisted": {"finish_reason": "end_turn"},
    },
    "openrouter/accounts": {
        "account_id_missing": {"account_id": None},
        "updated_at_invalid": {"updated_at": "2019-12-31"},
        "updated_at_after_ingest": {"updated_at": LATE},
        "billing_country_code_malformed": {"billing_country_code": "USA"},
        "billing_country_code_missing": {"billing_country_code": None},
    },
    "openrouter/classifications": {
        "generation_id_missing": {"generation_id": None},
        "generation_id_pattern": {"generation_id": "gen-1-short"},
        "classified_at_invalid": {"classified_at": "infinity"},
        "classified_at_after_ingest": {"classified_at": LATE},
        "confidence_invalid": {"confidence": 80},
        "path_malformed": {"path": "Science"},
    },
    "openrouter_export": {
        "generation_id_missing": {"generation_id": None},
        "generation_id_pattern": {"generation_id": "gen-1-short"},
        "model_permaslug_missing": {"model_permaslug": None},
        "api_key_name_missing": {"api_key_name": None},
        "created_at_invalid": {"created_at": None},
        "created_at_after_ingest": {"created_at": LATE},
        "tokens_prompt_invalid": {"tokens_prompt": "x"},
        "tokens_prompt_implausible": {"tokens_prompt": 10**7},
        "tokens_completion_invalid": {"tokens_completion": -5},
        "tokens_completion_implausible": {"tokens_completion": 10**7},
        "tokens_reasoning_invalid": {"tokens_reasoning": 0.5},
        "tokens_reasoning_implausible": {"tokens_reasoning": 10**7, "tokens_completion": 10**7},
        "tokens_cached_invalid": {"tokens_cached": "x"},
        "tokens_cached_implausible": {"tokens_cached": 10**7, "tokens_prompt": 10**7},
        "tokens_absent": {"tokens_prompt": None, "tokens_completion": None},
        "reasoning_exceeds_completion": {"tokens_reasoning": 51},
        "cached_exceeds_prompt": {"tokens_cached": 501},
        "cost_total_invalid": {"cost_total": "0,01"},
        "cost_total_implausible": {"cost_total": 1e6},
        "byok_usage_inference_invalid": {"byok_usage_inference": -1},
        "byok_usage_inference_implausible": {"byok_usage_inference": 1e6},
        "finish_reason_normalized_unlisted": {"finish_reason_normalized": "completed"},
    },
}


def _faults(source: str) -> list[tuple[cs.RowCheck, date, Row]]:
    """Return every rule of a source with a day of its own and the fault planted there."""
    checks = next(entry for entry in cs.SOURCES if entry.folder == source).checks
    # A rule without a planted fault is a KeyError here: no rule goes untested.
    return [(check, day, PLANTED[source][check.name]) for check, day in zip(checks, days(len(checks)), strict=True)]


@pytest.mark.parametrize(("source", "landing_format"), SOURCES_AND_FORMATS)
def test_every_rule_fails_on_a_planted_fault(landing: Landing, source: str, landing_format: str) -> None:
    """30 of 100 rows are bad, each rule on a day of its own: above every bound."""
    landing.format = landing_format
    faults = _faults(source)
    for _, day, fault in faults:
        landing.add(source, day, make_rows(source, day), "good")
        rows = make_rows(source, day, 2 * ROWS)[ROWS:]
        for row in rows[:60]:
            row.update(fault)
        landing.add(source, day, rows, "worst")
    assert landing.run() == cs.EXIT_ERRORS
    for check, day, fault in faults:
        found = landing.found(check=check.name, partition=str(day))
        assert found, f"{check.name} did not fail"
        (finding,) = found
        assert finding["severity"] == ("error" if check.error_above else "warning"), check.name
        assert finding["measured"] == pytest.approx(0.3), check.name
        assert finding["column"] == check.column
        assert Path(finding["file"]).name.startswith("worst."), check.name
        assert finding["bound"].startswith("at most")
        assert finding["remedy"]
        # The other rules hold on that day, but for those that look at a value that the fault changed.
        others = {other["check"] for other in landing.found(partition=str(day))} - {check.name}
        related = {other.name for other, _, _ in faults if any(column in other.bad for column in fault)}
        assert others <= related | {"duplicates", "unusable"}, check.name


@pytest.mark.parametrize("source", list(MAKERS))
def test_a_few_bad_rows_are_a_warning_and_very_few_are_nothing(landing: Landing, source: str) -> None:
    for check, day, fault in _faults(source):
        bad = 0 if check.warn_above == cs.WARN_IMPLAUSIBLE_SHARE else 4
        landing.add(source, day, make_rows(source, day, bad=bad, **fault))
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out
    for check, day, fault in _faults(source):
        bad = {cs.WARN_IMPLAUSIBLE_SHARE: 1, cs.WARN_NULL_COUNTRY_SHARE: 21}.get(check.warn_above, 5)
        landing.add(source, day, make_rows(source, day, bad=bad, **fault))
    assert landing.run("--strict") == cs.EXIT_WARNINGS, landing.out
    for check, day, _ in _faults(source):
        (finding,) = landing.found(check=check.name, partition=str(day))
        assert finding["severity"] == "warning"
    assert landing.run("--strict") == cs.EXIT_WARNINGS


def test_too_many_bad_timestamps_stop_the_build_with_a_full_message(landing: Landing) -> None:
    source = "openrouter/generations"
    landing.add(source, FIRST_DAY, make_rows(source, FIRST_DAY, bad=35, created_at="yesterday"))
    assert landing.run() == cs.EXIT_ERRORS
    (line,) = [line for line in landing.out.splitlines() if "ingest_date=2025-03-03 file=" in line]
    assert line.startswith("ERROR   [created_at_invalid] openrouter/generations ingest_date=2025-03-03 ")
    assert "file=ingest_date=2025-03-03/part-0.parquet column=created_at: 35.00% of 100 rows" in line
    assert "(bound: at most 20 %), for example 'yesterday'. Do: " in line
    assert landing.run("--max-unusable-share", "0.4") == cs.EXIT_CLEAN
    assert landing.found(check="created_at_invalid", partition="2025-03-03")[0]["severity"] == "warning"


def test_rules_that_are_each_within_bounds_add_up(landing: Landing) -> None:
    source = "openrouter/generations"
    rows = make_rows(source, FIRST_DAY)
    for row in rows[:8]:
        row["model"] = None
    for row in rows[8:16]:
        row["created_at"] = None
    for row in rows[16:24]:
        row["total_cost"] = -1.0
    landing.add(source, FIRST_DAY, rows)
    assert landing.run() == cs.EXIT_ERRORS
    assert {finding["check"] for finding in landing.found(severity="error")} == {"unusable"}
    assert landing.found(check="unusable", partition="all")[0]["measured"] == pytest.approx(0.24)


def test_small_partitions_are_judged_only_together(landing: Landing) -> None:
    source = "openrouter/accounts"
    for day in days(2):
        landing.add(source, day, make_rows(source, day, 10, bad=2, account_id=None))
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out  # 4 bad rows
    landing.add(source, days(3)[2], make_rows(source, days(3)[2], 3, bad=1, account_id=None))
    assert landing.run() == cs.EXIT_ERRORS
    (finding,) = landing.found(check="account_id_missing")
    assert (finding["partition"], finding["measured"]) == ("all", pytest.approx(5 / 23))


def test_a_landing_of_bad_rows_only_is_an_error_however_small(landing: Landing) -> None:
    source = "openrouter/accounts"
    landing.add(source, FIRST_DAY, make_rows(source, FIRST_DAY, 2, bad=2, account_id=None))
    assert landing.run() == cs.EXIT_ERRORS
    assert landing.found(check="account_id_missing", partition="all")[0]["measured"] == 1.0


def test_account_identifiers_are_shown_nowhere(landing: Landing) -> None:
    """Neither messages nor results quote an account, however broken its row is."""
    for source in MAKERS:
        landing.add(
            source,
            FIRST_DAY,
            make_rows(source, FIRST_DAY, bad=50, created_at="x", updated_at="x", confidence=7),
        )
    rows = make_rows("openrouter/accounts", FIRST_DAY, bad=90, billing_country_code="???")
    landing.add("openrouter/accounts", FIRST_DAY, rows + rows)
    assert landing.run() == cs.EXIT_ERRORS
    written = [path.read_text(encoding="utf-8") for path in landing.checks.rglob("*.json")]
    assert len(written) == 1 + 2 * len(cs.SOURCES)
    assert "secret-account" not in landing.out + "".join(written)


def test_repeated_rows_in_a_partition_are_a_warning(landing: Landing) -> None:
    for source, changed in (
        ("openrouter/generations", {"created_at": "2025-03-03 11:11:11"}),
        ("openrouter/accounts", {"billing_country_code": "DE"}),
        ("openrouter/classifications", {"confidence": 0.1}),
        ("openrouter_export", {"cost_total": 7}),
    ):
        rows = make_rows(source, FIRST_DAY)
        landing.add(source, FIRST_DAY, rows, "a")
        landing.add(source, FIRST_DAY, [row | changed for row in rows[:10]], "b")
        # The same keys on another day are corrections, not repeats.
        landing.add(source, FIRST_DAY + timedelta(days=1), rows, "a")
    for name in ("a.csv", "b.csv"):
        write(landing.path / "openrouter_export" / name, make_rows("openrouter_export", FIRST_DAY))
    assert landing.run() == cs.EXIT_CLEAN
    for source in MAKERS:
        (finding,) = landing.found(check="duplicates", source=source, partition="2025-03-03")
        assert finding["measured"] == pytest.approx(10 / 110)
        assert landing.found(check="duplicates", source=source, partition="2025-03-04") == []
    # The flat folder has no partition of its own, and is seen in the total.
    (total,) = landing.found(check="duplicates", source="openrouter_export", partition="all")
    assert total["measured"] == pytest.approx((10 + ROWS) / (2 * ROWS + 10 + 2 * ROWS))


def test_a_label_given_again_later_is_no_repeat(landing: Landing) -> None:
    source = "openrouter/classifications"
    rows = make_rows(source, FIRST_DAY)
    landing.add(source, FIRST_DAY, rows + [row | {"path": "/Games"} for row in rows])
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out


def test_batches_do_not_change_the_result(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "openrouter/accounts"
    for number, day in enumerate(days(6)):
        rows = make_rows(source, day, bad=5 * number, account_id=None)
        landing.add(source, day, rows, "a")
        landing.add(source, day, rows[: 10 * number], "b")
    landing.run()
    expected = landing.result["findings"]
    assert {finding["check"] for finding in expected} >= {"account_id_missing", "duplicates"}
    monkeypatch.setattr(cs, "FILES_PER_QUERY", 2)
    monkeypatch.setattr(cs, "ROWS_PER_DUPLICATE_QUERY", 150)
    landing.run()
    assert landing.result["findings"] == expected


# --- Volume, gaps, age -------------------------------------------------------------


def test_volume_far_from_the_usual_is_a_warning(landing: Landing) -> None:
    source = "openrouter/accounts"
    counts = [100, 500, 100, 100, 100, 100, 100, 100, 29, 100, 401, 100, 400, 30]
    for day, count in zip(days(len(counts)), counts, strict=True):
        landing.add(source, day, make_rows(source, day, count))
    assert landing.run("--strict") == cs.EXIT_WARNINGS
    found = {finding["partition"]: finding["measured"] for finding in landing.found(check="volume")}
    # The second day is in the warm-up; 400 and 30 rows lie on the bounds.
    assert found == {str(days(9)[8]): pytest.approx(0.29), str(days(11)[10]): pytest.approx(4.01)}
    assert "ingest_date=2025-03-13: 4.01 times the median rows of the 28 partitions before it (bound: at most 4)" in (
        landing.out
    )
    assert "[volume] openrouter/accounts: also in 2025-03-11\n" in landing.out


def test_volume_is_not_judged_on_few_rows_or_where_a_file_was_rejected(landing: Landing) -> None:
    for number, day in enumerate(days(10)):
        landing.add("openrouter/accounts", day, make_rows("openrouter/accounts", day, 49 if number < 9 else 1))
        landing.add("openrouter/generations", day, make_rows("openrouter/generations", day, 100 if number < 9 else 1))
    assert landing.run() == cs.EXIT_CLEAN
    assert [finding["source"] for finding in landing.found(check="volume")] == ["openrouter/generations"]
    (landing.folder("openrouter/generations", days(10)[9]) / "b.parquet").write_bytes(b"PAR?")
    assert landing.run() == cs.EXIT_ERRORS
    assert landing.found(check="volume") == []


def test_a_partition_without_files_has_no_rows(landing: Landing) -> None:
    source = "openrouter/accounts"
    for day in days(8):
        landing.add(source, day, make_rows(source, day))
    landing.folder(source, days(9)[8]).mkdir()
    assert landing.run() == cs.EXIT_CLEAN
    assert [(f["partition"], f["measured"]) for f in landing.found(check="volume")] == [(str(days(9)[8]), 0.0)]


def test_missing_days_are_a_warning_where_a_source_is_daily(landing: Landing) -> None:
    for day in (FIRST_DAY, FIRST_DAY + timedelta(days=3)):
        for source in MAKERS:
            landing.add(source, day, make_rows(source, day))
    assert landing.run() == cs.EXIT_CLEAN
    found = landing.found(check="missing_days")
    assert {finding["source"] for finding in found} == {
        "openrouter/generations",
        "openrouter/classifications",
    }
    assert {(finding["partition"], finding["measured"]) for finding in found} == {("2025-03-06", 2.0)}


def test_age_is_only_judged_on_request(landing: Landing) -> None:
    today = datetime.now(UTC).date()
    source = "openrouter/classifications"
    for day in (today - timedelta(days=4), today - timedelta(days=3)):
        landing.add(source, day, make_rows(source, day))
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out
    assert landing.run("--strict", "--max-age-days", "5") == cs.EXIT_CLEAN, landing.out
    assert landing.run("--strict", "--max-age-days", "1") == cs.EXIT_WARNINGS
    (finding,) = landing.found(check="freshness")
    assert finding["partition"] == str(today - timedelta(days=3))


def test_a_partition_in_the_future_is_a_warning(landing: Landing) -> None:
    day = datetime.now(UTC).date() + timedelta(days=30)
    landing.add("openrouter/accounts", day, make_rows("openrouter/accounts", day))
    assert landing.run("--strict") == cs.EXIT_WARNINGS
    assert landing.found(check="partition_in_future", partition=str(day))


def test_since_looks_only_at_newer_partitions(landing: Landing) -> None:
    source = "openrouter/accounts"
    landing.add(source, FIRST_DAY, make_rows(source, FIRST_DAY, bad=50, account_id=None))
    (landing.folder(source) / "old.parquet").write_bytes(b"broken")
    second = FIRST_DAY + timedelta(days=1)
    landing.add(source, second, make_rows(source, second))
    assert landing.run() == cs.EXIT_ERRORS
    assert landing.run("--strict", "--since", str(second)) == cs.EXIT_CLEAN, landing.out
    assert landing.source(source)["rows"] == ROWS


# --- Runs that cannot say anything ---------------------------------------------------


def test_a_bad_format_does_not_run(landing: Landing) -> None:
    landing.format = "orc"
    assert landing.run() == cs.EXIT_NOT_RUN
    assert "LANDING_FORMAT is 'orc'; it must be one of parquet, csv, json" in landing.err


@pytest.mark.parametrize(
    "arguments",
    [["--unknown"], ["--since", "soon"], ["--max-age-days", "-1"], ["--max-unusable-share", "20"]],
)
def test_a_bad_argument_does_not_run(landing: Landing, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        landing.run(*arguments)
    assert ended.value.code == cs.EXIT_NOT_RUN


def test_an_expectation_that_dies_is_not_taken_for_clean(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    landing.add("openrouter/accounts", FIRST_DAY, make_rows("openrouter/accounts", FIRST_DAY))
    gone = cs.Bound("gone", "no_such_measure", None, cs.ERROR, "", "", high=1)
    original = cs.bounds
    monkeypatch.setattr(cs, "bounds", lambda *arguments: [*original(*arguments), gone])
    assert landing.run() == cs.EXIT_NOT_RUN
    assert "the expectation on no_such_measure died" in landing.err


def test_an_expectation_that_contradicts_the_shares_is_not_taken_for_clean(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Great Expectations holds the true bound, the look-up of partitions a wider one: they disagree."""
    landing.add("openrouter/accounts", FIRST_DAY, make_rows("openrouter/accounts", FIRST_DAY, bad=50, account_id=None))
    original = cs.build_suite
    monkeypatch.setattr(cs, "build_suite", lambda source, limits: original(source, cs.bounds(source, 0.2, None)))
    assert landing.run("--max-unusable-share", "0.9") == cs.EXIT_NOT_RUN
    assert "but no partition breaks its bound" in landing.err


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cs.main(["--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "0 clean or only warnings; 1 only warnings, with --strict; 2 errors, do not build; 3" in shown


# --- What is left behind ---------------------------------------------------------------


def test_suites_are_the_same_on_every_run_and_can_be_loaded(landing: Landing) -> None:
    landing.add("openrouter/accounts", FIRST_DAY, make_rows("openrouter/accounts", FIRST_DAY))
    path = landing.checks / "expectations" / "openrouter_accounts.json"
    written = []
    for _ in range(2):
        assert landing.run() == cs.EXIT_CLEAN
        written.append(path.read_text(encoding="utf-8"))
    assert written[0] == written[1]
    import great_expectations as gx

    suite = gx.ExpectationSuite(**json.loads(written[0]))
    measures = {expectation.column for expectation in suite.expectations}
    assert measures >= {f"{check.name}_share" for check in cs.ACCOUNTS.checks}
    assert measures >= {"unusable_share", "duplicate_share", "volume_ratio"}
    assert {expectation.severity.value for expectation in suite.expectations} == {"critical", "warning"}


def test_no_connection_is_opened(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError(f"connection to {arguments[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    landing.add("openrouter/accounts", FIRST_DAY, make_rows("openrouter/accounts", FIRST_DAY))
    assert landing.run() == cs.EXIT_CLEAN, landing.err


def test_nothing_but_results_is_printed_and_written(landing: Landing) -> None:
    add_clean(landing, [FIRST_DAY])
    before = sorted(landing.path.rglob("*"))
    assert landing.run() == cs.EXIT_CLEAN
    assert len(landing.out.splitlines()) == len(cs.SOURCES) + 1
    assert landing.err == ""
    assert sorted(landing.path.rglob("*")) == before
    assert str(landing.path) not in (landing.checks / "check_sources.json").read_text(encoding="utf-8")


# --- One contract -------------------------------------------------------------------------


def test_the_contract_is_the_one_that_dbt_reads() -> None:
    """Folder, format, required columns and the export's freedom agree with the sources that dbt declares."""
    declared = {}
    for path in (PROJECT / "models" / "staging").rglob("_*__sources.yml"):
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            for table in source["tables"]:
                meta = table["config"]["meta"]
                declared[meta["landing_folder"]] = (
                    meta.get("landing_format"),
                    meta.get("ingest_date_folder", "required") == "required",
                    {
                        column["name"]
                        for column in table["columns"]
                        if column.get("config", {}).get("meta", {}).get("required")
                    },
                    {column["name"] for column in table["columns"]},
                )
    for source in cs.SOURCES:
        landing_format, partitioned, required, columns = declared[source.folder]
        assert (source.landing_format, source.partitioned) == (landing_format, partitioned), source.folder
        assert set(source.required) == required, source.folder
        assert set(source.columns) <= columns, source.folder
