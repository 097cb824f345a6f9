"""The compiled SQL in the dialects of other engines, as far as sqlglot can tell: a smoke test, see scripts/dialects.py."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Warehouse, failures, not_here
from sqlglot import exp

from scripts import _paths, dialects
from scripts.dialects import DIALECTS, Finding, NothingCompiled, compiled_models, findings

SPARKS = ("databricks", "spark")


@dataclass(frozen=True)
class Known:
    """What is known not to go through: where, and why that is no mistake. A line that nothing needs any more fails."""

    whats: tuple[str, ...]
    """Regular expressions, each of a whole `Finding.what`."""
    models: tuple[str, ...]
    """How the names of the models begin."""
    reason: str
    dialects: tuple[str, ...] = DIALECTS

    def matches(self, finding: Finding) -> set[tuple[str, str]]:
        """Which of its expressions and beginnings are those of a finding."""
        if finding.dialect not in self.dialects:
            return set()
        return {
            (what, model)
            for what in self.whats
            for model in self.models
            if re.fullmatch(what, finding.what) and finding.model.startswith(model)
        }


# What reads files, keys or hashes is an engine's own, and behind a macro that dispatches: another adapter brings its variant.
# Of the marts, four are in need of an excuse: dim_days, dim_weeks, fct_account_model_months, rpt_sequence_length_weekly.
KNOWN = (
    Known(
        ("function union_value", "type union"),
        ("stg_openrouter__",),
        "A quarantined record is kept in the shape that its file has: landed_shapes dispatches.",
    ),
    Known(
        ("unsupported: READ_PARQUET .*", "unreadable: Expected table name but got .*"),
        ("stg_openrouter__",),
        "Lists and options of read_parquet; sqlglot leaves the table out and cannot read what it wrote. The same macro.",
        SPARKS,
    ),
    Known(
        ("function read_blob",),
        ("int_landed_files",),
        "Names, sizes and times of landed files: landed_file_metadata dispatches.",
    ),
    Known(
        ("function getvariable",),
        ("stg_openrouter", "int_landed_files"),
        "The pseudonym's key is a session variable: pseudonymised and pseudonym_key_check dispatch.",
    ),
    Known(("function isfinite",), ("stg_openrouter",), "DuckDB has infinite timestamps: landed_timestamp dispatches."),
    Known(
        ("function hash",),
        ("int_",),
        "Fingerprints for change detection: row_fingerprint dispatches. Snowflake and Spark have a hash, of other values and widths.",
    ),
    Known(
        ("unsupported: .*[wW]ildcard.*",),
        ("int_accounts_checked", "int_classifications_checked", "int_generations_checked"),
        "The values of a record, whatever their names: raw_record_text dispatches.",
    ),
    Known(
        ("unsupported: Argument 'modifiers' is not supported for expression 'RegexpReplace' .*",),
        ("int_accounts_checked", "int_classifications_checked", "int_generations_checked"),
        "BigQuery replaces every match anyway, and writes `i` as (?i) in the pattern. The same macro.",
        ("bigquery",),
    ),
    Known(
        ("function to_json",),
        ("int_accounts_checked", "int_classifications_checked", "int_generations_checked"),
        "toJSONString in ClickHouse. The same macro.",
        ("clickhouse",),
    ),
    Known(
        ("function bit_count",),
        ("fct_account_model_months",),
        "bitCount in ClickHouse; none that sqlglot knows in Snowflake. Written in the model, behind no macro.",
        ("snowflake", "clickhouse"),
    ),
    Known(
        ("function _u",),
        ("dim_days", "dim_weeks", "int_loaded_months"),
        "sqlglot moves the alias of range() into explode(): its mistake, not the model's. Behind no macro.",
        SPARKS,
    ),
    Known(
        ("unsupported: 'NULLS LAST' translation not supported for aggregate function .*",),
        ("int_account_model_parts", "rpt_sequence_length_weekly"),
        "Sums over ordered windows, whose keys are never null: where nulls are sorted is of no concern.",
        ("bigquery",),
    ),
)


def unexpected(found: Iterable[Finding], known: Iterable[Known] = KNOWN) -> list[str]:
    """Findings that no line excuses, each with its model, dialect and message."""
    return [
        f"{finding.model} in {finding.dialect}: {finding.what}"
        for finding in found
        if not any(line.matches(finding) for line in known)
    ]


def outlived(found: list[Finding], known: Iterable[Known] = KNOWN) -> list[str]:
    """Parts of lines that excuse nothing any more."""
    return [
        f"{what} in {dialect}, {model}*"
        for line in known
        for dialect in line.dialects
        for what in line.whats
        for model in line.models
        if not any(finding.dialect == dialect and (what, model) in line.matches(finding) for finding in found)
    ]


@pytest.fixture(scope="module")
def compiled() -> dict[str, str]:
    """What `make test-build` compiled: without landed files, what reads them would not be in it."""
    try:
        models = compiled_models(_paths.target_path())
    except NothingCompiled as error:
        not_here(f"{error}, or `make test`")
    if _paths.is_landing_in_bucket() or not (_paths.landing_path() / "SIMULATED.json").exists():
        not_here("the compiled SQL is not of the simulated study: `make test` builds one of its own")
    return models


@pytest.fixture(scope="module")
def found(compiled: dict[str, str]) -> list[Finding]:
    return [finding for model, sql in compiled.items() for finding in findings(model, sql)]


def test_every_model_is_looked_at(compiled: dict[str, str]):
    assert len(compiled) >= 80
    assert {name.split("_")[0] for name in compiled} == {"dim", "fct", "int", "rpt", "sem", "stg"}


@pytest.mark.parametrize(
    ("model", "macro"),
    [("int_model_usage_daily", "model_usage_meanings"), ("int_tool_calls_weekly", "tool_call_meanings")],
)
def test_what_a_part_is_made_of_is_what_the_model_reads(
    compiled: dict[str, str], warehouse: Warehouse, model: str, macro: str
):
    """Its version leaves out columns that it does not read (macros/meanings.sql), and no others."""
    result = warehouse.dbt("--no-write-json", "compile", "--inline", f"{{{{ {macro}() }}}}")
    assert result.success, failures(result)
    meanings = ast.literal_eval(result.result.results[0].node.compiled_code)
    tables = {relation.removeprefix("dim_"): relation for relation in meanings}
    read = {relation: set() for relation in meanings}
    for column in dialects.parsed(compiled[model], "duckdb").find_all(exp.Column):
        if column.table in tables:
            read[tables[column.table]].add(column.name)
    assert read == {relation: set(columns) for relation, columns in meanings.items()}


@pytest.mark.parametrize("dialect", ["duckdb", *DIALECTS])
def test_every_model_goes_through_but_for_what_is_known(found: list[Finding], dialect: str):
    news = unexpected(finding for finding in found if finding.dialect == dialect)
    assert not news, "\n".join(news)


def test_no_exception_is_listed_that_nothing_needs(found: list[Finding]):
    idle = outlived(found)
    assert not idle, "\n".join(idle)


def test_every_exception_has_a_reason_and_is_of_a_dialect():
    for line in KNOWN:
        assert line.reason.strip() and line.whats and line.models, line
        assert set(line.dialects) <= set(DIALECTS), line


# -- each of these has been planted, and is found --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "dialect", "what"),
    [
        ("select a from (select 1 as a", "duckdb", "unreadable: Expecting )"),
        ("select 1; select 2", "duckdb", "unreadable: not one query"),
        ("select 'open", "duckdb", "unreadable: "),
        # sqlglot takes this for an opaque command, which any dialect would have.
        ("vacuum analyze t", "duckdb", "unreadable: not one query"),
        ("select list_cosine_similarity(a, b) from t", "bigquery", "function list_cosine_similarity"),
        ("select list_cosine_similarity(a, b) from t", "clickhouse", "function list_cosine_similarity"),
        # Known of other layers; in a mart it is news.
        ("select hash(a) as a from t", "snowflake", "function hash"),
        ("select cast(a as union(x int, y text)) as a from t", "snowflake", "type union"),
        ("select regexp_replace(a, 'b', 'c', 'g') as a from t", "bigquery", "unsupported: Argument 'modifiers'"),
        ("select * from read_parquet('a', union_by_name = true)", "databricks", "unsupported: READ_PARQUET"),
        (
            "select * from (select * from read_parquet(['a'], union_by_name = true)) as b",
            "spark",
            "unreadable: Expected table",
        ),
    ],
)
def test_a_planted_mistake_is_named_with_model_and_dialect(sql: str, dialect: str, what: str):
    news = unexpected(findings("rpt_planted", sql))
    assert any(line.startswith(f"rpt_planted in {dialect}: {what}") for line in news), news


def test_nothing_is_found_in_plain_sql():
    plain = "select a, count(*) filter (where b > 0) as n, sum(c) as c from t where (a, b) in (select a, b from u) group by a"
    assert findings("rpt_plain", plain) == []


def test_an_exception_that_nothing_needs_is_named():
    line = Known(("function hash", "type union"), ("int_", "rpt_"), "planted", ("snowflake", "bigquery"))
    found = [Finding("snowflake", "function hash", "int_a"), Finding("bigquery", "type union", "rpt_a")]
    assert outlived(found, [line]) == [
        "function hash in snowflake, rpt_*",
        "type union in snowflake, int_*",
        "type union in snowflake, rpt_*",
        "function hash in bigquery, int_*",
        "function hash in bigquery, rpt_*",
        "type union in bigquery, int_*",
    ]
    # An expression is of the whole finding, and a line excuses its own dialects only.
    assert unexpected([Finding("snowflake", "function hash_rows", "int_a")], [line])
    assert unexpected([Finding("clickhouse", "function hash", "int_a")], [line])


# -- the command -----------------------------------------------------------------------------------------------------------


def target(folder: Path, sql: str | None, adapter: str = "duckdb") -> Path:
    """Artifacts of dbt with one model; without SQL it is not compiled."""
    node = {"resource_type": "model", "name": "rpt_a", "package_name": "p", "original_file_path": "models/rpt_a.sql"}
    folder.mkdir(exist_ok=True)
    manifest = {"metadata": {"adapter_type": adapter}, "nodes": {"model.p.rpt_a": node}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    if sql is not None:
        file = folder / "compiled" / "p" / node["original_file_path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(sql)
    return folder


def test_the_command_lists_what_does_not_go_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setenv("DBT_TARGET_PATH", str(target(tmp_path / "target", "select hash(a) as a from t")))
    assert dialects.main(["--dialect", "snowflake"]) == 0
    listed = capsys.readouterr().out
    assert listed == "snowflake: 0 of 1 models go through; 1 rpt_* do not\n    1  function hash  (rpt_a)\n"
    target(tmp_path / "target", "select a from t")
    assert dialects.main([]) == 0
    assert capsys.readouterr().out.count("1 of 1 models go through; none do not") == len(DIALECTS)
    target(tmp_path / "target", "select from where")
    assert dialects.main([]) == 0
    assert capsys.readouterr().out.startswith("duckdb: 0 of 1 models go through; 1 rpt_* do not\n    1  unreadable: ")


def test_the_command_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    for folder, words in (
        (tmp_path / "none", "has no manifest"),
        (target(tmp_path / "parsed", None), "rpt_a is not compiled"),
        (target(tmp_path / "spark", "select 1 as a", "spark"), "was compiled for spark"),
    ):
        monkeypatch.setenv("DBT_TARGET_PATH", str(folder))
        assert dialects.main([]) == 2
        assert words in capsys.readouterr().err
