"""Every rule of scripts.check_sources passes on a clean landing and fails on a planted fault."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from scripts import check_sources as cs  # noqa: E402

DAYS = [date(2025, 3, 3) + timedelta(days=number) for number in range(60)]
DAY = DAYS[0]
GENERATIONS, ACCOUNTS, LABELS, EXPORT = cs.RULES


def row(source: str, day: date, number: int) -> dict[str, Any]:
    """A row without a fault; the number makes its key."""
    identifier, account = f"gen-1741000000-{number:020d}", f"secret-account-{number % 7}"
    if source == ACCOUNTS:
        country = "NA" if number % 2 else "us"
        return {"account_id": f"{account}-{number}", "billing_country_code": country, "updated_at": f"{day}T08:00:00Z"}
    if source == LABELS:
        time = f"{day}T12:00:00+02:00"
        return {"generation_id": identifier, "path": "/Games", "confidence": 0.8, "classified_at": time}
    counts = {"tokens_prompt": 1000 + number, "tokens_completion": 50, "tokens_reasoning": 5, "tokens_cached": 100}
    if source == EXPORT:
        keys = {"generation_id": identifier, "created_at": f"{day} 09:00:00.123", "api_key_name": account}
        costs = {"cost_total": 0.002, "byok_usage_inference": 0, "finish_reason_normalized": "stop"}
        return keys | {"model_permaslug": "openai/gpt-4o-2024-11-20"} | counts | costs
    keys = {"id": identifier, "created_at": f"{day} 10:00:00", "account_id": account, "model": "openai/gpt-4o"}
    costs = {"total_cost": 0.0125, "upstream_inference_cost": 0.01, "cache_discount": -0.5, "finish_reason": "stop"}
    native = {f"native_{name}": count for name, count in counts.items()}
    return keys | native | {"tokens_prompt": 10, "tokens_completion": 5} | costs | {"unknown_column": "is ignored"}


def rows(source: str, day: date, count: int = 100, bad: int = 0, **change: Any) -> list[dict[str, Any]]:
    """Rows of a partition; the first `bad` of them carry the fault."""
    return [row(source, day, number) | (change if number < bad else {}) for number in range(count)]


def write(path: Path, content: list[dict[str, Any]]) -> None:
    """Write rows in the format of the file's name. A Parquet column of mixed types becomes text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(content, dtype=object)
    if ".csv" in path.name:
        frame.to_csv(path, index=False)
    elif ".json" in path.name:
        frame.to_json(path, orient="records", lines=True)
    else:
        mixed = [name for name in frame if frame[name].dropna().map(type).nunique() > 1]
        frame.astype(dict.fromkeys(mixed, "string")).to_parquet(path)


@dataclass
class Landing:
    """A landing folder under construction, and the last run of the check over it."""

    root: Path
    format: str = "parquet"
    out: str = ""
    err: str = ""

    def add(self, source: str, day: date, content: list[dict], name: str = "part-0", ending: str = "") -> None:
        ending = ending or ("csv" if source == EXPORT else self.format)
        write(self.root / "landing" / source / f"ingest_date={day}" / f"{name}.{ending}", content)

    def run(self, *arguments: str) -> int:
        """Run the check in this process and return the exit code."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.setenv("LANDING_FORMAT", self.format)
            patch.setenv("LANDING_PATH", str(self.root / "landing"))
            patch.setenv("CHECKS_PATH", str(self.root / "checks"))
            code = cs.main(arguments)
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def found(self, **wanted: Any) -> list[dict[str, Any]]:
        """Findings of the last run that have the given values."""
        findings = json.loads((self.root / "checks" / "check_sources.json").read_text(encoding="utf-8"))["findings"]
        return [finding for finding in findings if all(finding[name] == value for name, value in wanted.items())]


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path)


@pytest.mark.parametrize(("landing_format", "compressed"), [("parquet", ""), ("csv", "csv.gz"), ("json", "jsonl.gz")])
def test_a_clean_landing_passes(landing: Landing, landing_format: str, compressed: str):
    landing.format = landing_format
    assert landing.run("--strict") == cs.EXIT_CLEAN
    for source in cs.RULES:
        assert f"{source}: nothing landed\n" in landing.out
        for day in DAYS[:2]:
            landing.add(source, day, rows(source, day), ending="csv" if source == EXPORT else compressed)
    # Types, column order and the spelling of numbers may differ between files; markers are no data.
    typed = [entry | {"created_at": datetime(2025, 3, 5, 23, 59, tzinfo=UTC)} for entry in rows(GENERATIONS, DAYS[2])]
    as_text = [entry | {"tokens_prompt": " 10.0 ", "total_cost": "1.5e-3"} for entry in rows(GENERATIONS, DAYS[3])]
    if landing_format == "parquet":
        landing.add(GENERATIONS, DAYS[2], typed)
        landing.add(GENERATIONS, DAYS[3], [dict(reversed(entry.items())) for entry in as_text], name="a, it's")
    (landing.root / "landing" / ACCOUNTS / f"ingest_date={DAY}" / "_SUCCESS").touch()
    # The export may lie outside ingest_date= folders, and the same row in two downloads is no duplicate.
    for name in ("a.csv", "b.csv"):
        write(landing.root / "landing" / EXPORT / name, rows(EXPORT, DAY))
    assert landing.run("--strict") == cs.EXIT_CLEAN, landing.out + landing.err
    assert f"{ACCOUNTS}: 2 files, 200 rows, 2 days from 2025-03-03 to 2025-03-04\n" in landing.out
    assert f"{EXPORT}: 4 files, 400 rows" in landing.out
    assert landing.out.endswith("0 errors, 0 warnings: the build may start\n")
    assert (len(landing.out.splitlines()), landing.err, landing.found()) == (5, "", [])


HEADER, LINE = b"account_id,billing_country_code,updated_at\n", b"secret-account-1,US,2025-03-03\n"
CSV, JSON = (
    HEADER + LINE * 50,
    b'{"account_id": "secret-account-1", "billing_country_code": "", "updated_at": ""}\n' * 9,
)
PARQUET = pd.DataFrame(rows(ACCOUNTS, DAY)).to_parquet()
UNREADABLE = {
    "parquet": {
        "text.parquet": CSV,
        "empty.parquet": b"",
        "cut.parquet": PARQUET[:-10],
        "footer.parquet": PARQUET[:-60] + b"\xff" * 48 + PARQUET[-12:],
        "pages.parquet": PARQUET[:4] + b"\xff" * 596 + PARQUET[600:],
    },
    "csv": {
        "plain.csv.gz": CSV,
        "cut.csv.gz": gzip.compress(CSV)[:-9],
        "zipped.csv": gzip.compress(CSV),
        "latin.csv": HEADER + LINE + "Zoë,US,2025-03-03\n".encode("latin-1"),
        "utf16.csv": CSV.decode().encode("utf-16"),
        "narrow.csv": CSV + b"secret-account-2,US\n",
        "quote.csv": CSV + b'"secret-account-2,US,2025-03-03\n' + LINE,
    },
    "json": {
        "cut.json": JSON + b'{"account_id": "secret-account-1", ',
        "plain.json.gz": JSON,
        "cut.json.gz": gzip.compress(JSON)[:-9],
        "latin.ndjson": b'{"account_id": "\xeb"}\n',
    },
}
MISPLACED = [
    ("file_extension", f"ingest_date={DAY}/notes.txt"),
    ("ingest_date_folder", "outside.{}"),
    ("ingest_date_folder", "ingest_date=2025-02-30/part-0.{}"),
    ("ingest_date_folder", "ingest_date=20250303/part-0.{}"),
]


@pytest.mark.parametrize("landing_format", list(UNREADABLE))
def test_bad_files_and_missing_columns_are_named_and_the_others_still_checked(landing: Landing, landing_format: str):
    landing.format = landing_format
    landing.add(ACCOUNTS, DAY, rows(ACCOUNTS, DAY), name="good")
    expected = set()
    for column in row(ACCOUNTS, DAY, 0):
        content = [{name.replace(column, "other"): value for name, value in row(ACCOUNTS, DAY, 0).items()}]
        landing.add(ACCOUNTS, DAY, content, column)
        expected.add(("required_column", f"ingest_date={DAY}/{column}.{landing_format}", column))
    for check, place in MISPLACED:
        path = landing.root / "landing" / ACCOUNTS / place.format(landing_format)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        expected.add((check, place.format(landing_format), None))
    for name, content in UNREADABLE[landing_format].items():
        (landing.root / "landing" / ACCOUNTS / f"ingest_date={DAY}" / name).write_bytes(content)
        expected.add(("unreadable", f"ingest_date={DAY}/{name}", None))
    assert landing.run() == cs.EXIT_ERRORS, landing.err
    found = landing.found()
    assert {(finding["check"], finding["place"], finding["column"]) for finding in found} == expected
    assert all(finding["severity"] == "error" and finding["do"] for finding in found)
    assert f"{ACCOUNTS}: 1 files, 100 rows" in landing.out
    assert len(landing.out.splitlines()) == 4 + len({finding["check"] for finding in found}) + 1
    assert re.search(rf"ERROR   {ACCOUNTS} unreadable: ingest_date={DAY}/.*\(and \d more\)", landing.out)
    assert "secret-account" not in landing.out + json.dumps(found)


def test_files_that_do_not_fit_together_are_an_error_without_their_values(landing: Landing):
    landing.add(ACCOUNTS, DAY, rows(ACCOUNTS, DAY))
    landing.add(ACCOUNTS, DAYS[1], rows(ACCOUNTS, DAYS[1], bad=100, account_id={"id": 1}))
    assert landing.run() == cs.EXIT_ERRORS
    assert "can be read one by one, not together" in landing.out and "secret-account" not in landing.out


# --- Rows ------------------------------------------------------------------------------------------------------------

# The first pattern that matches a rule's name has the bad value for the rule's column.
PLANTED: list[tuple[str, Any]] = [
    (r"_missing$", "  "),
    (r"_pattern$", "gen-1-short"),
    (r"(created|updated)_at_invalid$", "2019-12-31"),
    (r"classified_at_invalid$", "infinity"),
    (r"_after_ingest$", str(DAYS[-1] + timedelta(days=300))),
    (r"tokens_prompt_invalid$", "12.5"),
    (r"tokens_completion_invalid$", "many"),
    (r"tokens_reasoning_invalid$", -1),
    (r"tokens_cached_invalid$", "nan"),
    (r"_implausible$", 10**7),
    (r"tokens_\w+_exceeds$", 5000),
    (r"(total_cost|cost_total)_invalid$", -0.01),
    (r"(upstream_inference_cost|byok_usage_inference)_invalid$", "$1"),
    (r"_unlisted$", "end_turn"),
    (r"_malformed$", "USA"),
    (r"confidence_invalid$", 80),
]


def fault(rule: cs.Rule, source: str) -> dict[str, Any]:
    """What to change in a row so that it breaks the rule: a rule that nothing is planted for fails here."""
    if rule.name == "tokens_absent":
        return {column: None for column in row(source, DAY, 0) if re.search(rf"\b{column} is null", rule.bad)}
    return {rule.column: next(value for pattern, value in PLANTED if re.search(pattern, rule.name))}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Landing:
    """Each rule's fault in 30 of 100 rows of a day of its own."""
    landing = Landing(tmp_path_factory.mktemp("faulty"))
    for source, rules in cs.RULES.items():
        for rule, day in zip(rules, DAYS, strict=False):
            landing.add(source, day, rows(source, day, bad=30, **fault(rule, source)))
    assert landing.run() == cs.EXIT_ERRORS, landing.err
    return landing


@pytest.mark.parametrize(("source", "number"), [(s, n) for s in cs.RULES for n in range(len(cs.RULES[s]))])
def test_every_rule_fails_on_its_planted_fault(faulty: Landing, source: str, number: int):
    rule, place = cs.RULES[source][number], str(DAYS[number])
    (finding,) = faulty.found(source=source, check=rule.name, place=place)
    assert (finding["severity"], finding["column"], finding["measured"]) == ("warning", rule.column, pytest.approx(0.3))
    assert f"30.0% of 100 rows (at most {rule.bound:g})" in finding["message"] and finding["do"]
    # dbt would quarantine them: too many for one day. The others only ask to be looked at.
    unusable = faulty.found(source=source, check="unusable", place=place)
    assert bool(unusable) == (rule.unusable or rule.name.endswith(("reasoning_implausible", "cached_implausible")))
    # The other rules hold on that day, but for those that look at a value that the fault changed.
    others = {finding["check"] for finding in faulty.found(source=source, place=place)} - {rule.name, "unusable"}
    related = {other.name for other in cs.RULES[source] if any(c in other.bad for c in fault(rule, source))}
    assert others - {"duplicates"} <= related


def test_output_is_one_line_a_check_and_shows_no_account(faulty: Landing):
    heads = [line.split(":")[0] for line in faulty.out.splitlines()]
    assert len(heads) == len(set(heads))
    written = "".join(path.read_text(encoding="utf-8") for path in (faulty.root / "checks").rglob("*.json"))
    assert "secret-account" not in faulty.out + written
    suites = {path.stem: json.loads(path.read_text()) for path in (faulty.root / "checks/expectations").iterdir()}
    names = {expectation["kwargs"]["column"] for expectation in suites["openrouter_accounts"]["expectations"]}
    assert len(suites) == 4 and names == {rule.name for rule in cs.rules_of(ACCOUNTS, 0.2, None)}


def test_bad_rows_add_up_and_the_bound_can_be_moved(landing: Landing):
    content = rows(GENERATIONS, DAY)
    for start, change in enumerate(({"model": None}, {"created_at": "soon"}, {"total_cost": -1.0})):
        for entry in content[8 * start : 8 * start + 8]:
            entry |= change
    landing.add(GENERATIONS, DAY, content)
    # Too few rows to judge by themselves: they count in the whole source.
    landing.add(ACCOUNTS, DAY, rows(ACCOUNTS, DAY, 40, bad=10, account_id=None))
    # Fewer bad rows than a share is worth, but a single implausible value is.
    landing.add(LABELS, DAY, rows(LABELS, DAY, bad=4, path="Science"))
    landing.add(EXPORT, DAY, rows(EXPORT, DAY, bad=1, tokens_prompt=10**8))
    assert landing.run() == cs.EXIT_ERRORS
    errors = {(found["source"], found["place"], found["measured"]) for found in landing.found(severity="error")}
    assert errors == {(GENERATIONS, str(DAY), 0.24), (GENERATIONS, "all", 0.24), (ACCOUNTS, "all", 0.25)}
    assert "24.0% of 100 rows (at most 0.2) (and 1 more): dbt would quarantine these rows: see " in landing.out
    assert landing.found(source=LABELS) == []
    assert {finding["check"] for finding in landing.found(source=EXPORT)} == {"tokens_prompt_implausible"}
    assert landing.run("--max-unusable-share", "0.25", "--strict") == cs.EXIT_WARNINGS


def test_every_rule_of_partitions_fails_on_its_planted_fault(landing: Landing):
    regular = [100] * 8 + [29, 100, 401, 100, 400, 30, 100]
    # Before and after the regular days: a slow start, and late records. Both have gaps, and neither is a fault.
    counts = {0: 2, 3: 1, 9: 3, **{10 + n: count for n, count in enumerate(regular)}, 25: 9, 27: 5, 30: 1}
    del counts[19]
    for source in (GENERATIONS, ACCOUNTS):
        for number, count in counts.items():
            landing.add(source, DAYS[number], rows(source, DAYS[number], count))
    # Delivered again, in part: rows 0 to 9 of 100. The same keys on another day are corrections.
    landing.add(GENERATIONS, DAYS[12], rows(GENERATIONS, DAYS[12], 10), name="part-1")
    landing.add(ACCOUNTS, DAYS[12], rows(ACCOUNTS, DAYS[12], 10), name="part-1")
    landing.add(LABELS, DAY, rows(LABELS, DAY, 40))
    assert landing.run() == cs.EXIT_CLEAN, landing.err
    everywhere = {("volume_drop", 18, 0.71), ("volume_jump", 20, 4.01), ("duplicates", 12, round(10 / 110, 4))}
    expected = {(GENERATIONS, *fault) for fault in everywhere | {("missing_days", 20, 1)}}
    expected |= {(ACCOUNTS, *fault) for fault in everywhere}

    def found() -> set[tuple]:
        numbers = {str(day): number for number, day in enumerate(DAYS)}
        return {(f["source"], f["check"], numbers[f["place"]], round(f["measured"], 4)) for f in landing.found()}

    assert found() == expected
    assert "30 to" not in landing.out and "the last 3 with few rows, late records most likely" in landing.out
    # Age counts from the last regular day; where no day has many rows, from the last one.
    today = datetime.now(UTC).date()
    ages = {(GENERATIONS, "freshness", 24, (today - DAYS[24]).days), (LABELS, "freshness", 0, (today - DAY).days)}
    assert landing.run("--max-age-days", "3", "--strict") == cs.EXIT_WARNINGS
    assert found() == expected | ages
    # No rule of partitions is left without a fault; `unusable` has its own tests.
    names = {rule.name for source in cs.RULES for rule in cs.rules_of(source, 0.2, 3) if rule.bad is None}
    assert names == {"unusable"} | {check for _, check, *_ in expected | ages}


# --- Runs that cannot say anything, and the contract -----------------------------------------------------------------


def test_a_check_that_cannot_run_is_not_taken_for_clean(landing: Landing, monkeypatch, capsys):
    landing.add(LABELS, DAY, rows(LABELS, DAY))
    original = cs.rules_of
    gone = cs.Rule("no_such_measure", None, None, "")
    monkeypatch.setattr(cs, "rules_of", lambda *arguments: [*original(*arguments), gone])
    assert landing.run() == cs.EXIT_NOT_RUN
    assert "the expectation on no_such_measure gave no result" in landing.err
    landing.format = "orc"
    assert landing.run() == cs.EXIT_NOT_RUN
    assert "LANDING_FORMAT is orc; set it to parquet, csv, json" in landing.err
    for arguments in (["--unknown"], ["--max-age-days", "-1"], ["--max-unusable-share", "20"], ["--help"]):
        with pytest.raises(SystemExit) as ended:
            cs.main(arguments)
        assert ended.value.code == (cs.EXIT_CLEAN if arguments == ["--help"] else cs.EXIT_NOT_RUN)
    assert "0 clean or only warnings; 1 only warnings, with --strict; 2 errors" in capsys.readouterr().out


def test_rules_and_contract_agree():
    sources = {source.folder: source for source in cs.read_contract(Path(), "parquet")}
    assert set(sources) == set(cs.RULES) == set(cs.KEYS) and set(cs.DAILY) <= set(sources)
    assert [source.folder for source in sources.values() if not source.needs_ingest_date] == [EXPORT]
    for folder, source in sources.items():
        assert set(source.required) <= set(row(folder, DAY, 0)), "the clean rows have every required column"
        assert {rule.column for rule in cs.RULES[folder]} | set(cs.KEYS[folder].split(", ")) <= set(source.columns)
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    assert project["vars"]["earliest_plausible_date"] == cs.EARLIEST
    assert cs.FINISH_REASONS.removeprefix("in ") in (PROJECT / "macros/finish_reason.sql").read_text(encoding="utf-8")
