"""What in the compiled SQL would need a variant of its own on another engine, as far as sqlglot can tell.

    python -m scripts.dialects                                   compiled SQL of DBT_TARGET_PATH, every dialect
    python -m scripts.dialects --dialect bigquery snowflake --models

Each model that dbt compiled for DuckDB is parsed, written in the other dialect, and parsed again in that one. Listed is
what does not go through: functions that the other dialect's parser has no entry for (it passes them on as they are),
constructs that sqlglot reports as unsupported, SQL that it wrote and cannot read itself.

This is a smoke test. sqlglot parses nearly anything, knows no engine's catalogue of functions, and runs nothing: what
is listed needs a look, and what is not listed may still fail, or mean something else. Only the models' queries are
looked at, not what macros run beside them (hooks, landing, publication).

Exit codes: 0 listed; 2 wrong usage, or nothing compiled.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import sqlglot
from sqlglot import ErrorLevel, exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, SqlglotError

from scripts import _paths

DIALECTS = ("bigquery", "snowflake", "databricks", "spark", "clickhouse")


class NothingCompiled(Exception):
    """There is no compiled SQL of DuckDB to look at; the message says what to do."""


@dataclass(frozen=True, order=True)
class Finding:
    """Something in one model that does not go through to one dialect."""

    dialect: str
    what: str
    """`function <name>`, `type <name>`, `unsupported: <sqlglot's words>` or `unreadable: <sqlglot's words>`."""
    model: str


def compiled_models(target: Path) -> dict[str, str]:
    """The compiled SQL of each model, by name.

    Read from the files: a later `dbt parse` leaves those, and writes a manifest without the SQL.

    Args:
        target: folder of dbt's artifacts.

    Raises:
        NothingCompiled: there is no manifest, it is not DuckDB's, or a model has no file.
    """
    if not (target / "manifest.json").exists():
        raise NothingCompiled(f"{target} has no manifest: run `dbt compile` or a build first")
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    if manifest["metadata"]["adapter_type"] != "duckdb":
        raise NothingCompiled(f"{target} was compiled for {manifest['metadata']['adapter_type']}, not for DuckDB")
    models = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model":
            file = target / "compiled" / node["package_name"] / node["original_file_path"]
            if not file.exists():
                raise NothingCompiled(f"{node['name']} is not compiled in {target}: run `dbt compile` or a full build")
            models[node["name"]] = file.read_text(encoding="utf-8")
    return models


def parsed(sql: str, dialect: str) -> exp.Expression:
    """The one query that a text is.

    Raises:
        SqlglotError: it is no SQL of that dialect, more than one statement, or no query.
    """
    statements = sqlglot.parse(sql, read=dialect)
    # sqlglot takes what it does not understand for an opaque command instead of failing.
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise SqlglotError(f"not one query, but {[type(statement).__name__ for statement in statements]}")
    return statements[0]


def findings(model: str, sql: str, dialects: Iterable[str] = DIALECTS) -> list[Finding]:
    """What of one model does not go through, in any of the dialects; once each, sorted.

    Args:
        model: its name.
        sql: its compiled SQL, DuckDB's.
        dialects: sqlglot's names of them.
    """
    try:
        tree = parsed(sql, "duckdb")
    except SqlglotError as error:
        return [Finding("duckdb", f"unreadable: {words(error)}", model)]
    found = set()
    for dialect in dialects:
        # A generator of one's own has all its messages; sqlglot.transpile raises the first three as one text.
        generator = Dialect.get_or_raise(dialect).generator(unsupported_level=ErrorLevel.IGNORE)
        try:
            written = generator.generate(tree)
            read = parsed(written, dialect)
        except SqlglotError as error:
            found.add(Finding(dialect, f"unreadable: {words(error)}", model))
            # Functions that another dialect would know are then listed too: better than none of them.
            read = tree
        found |= {
            Finding(dialect, f"unsupported: {' '.join(text.split())}", model) for text in generator.unsupported_messages
        }
        found |= {Finding(dialect, f"function {call.name.lower()}", model) for call in read.find_all(exp.Anonymous)}
        # The one type that sqlglot writes down for engines without it, and says nothing.
        if any(kind.this == exp.DataType.Type.UNION for kind in read.find_all(exp.DataType)):
            found.add(Finding(dialect, "type union", model))
    return sorted(found)


def words(error: SqlglotError) -> str:
    """An error's message in one line, without the terminal's colours, positions and most of the SQL."""
    if isinstance(error, ParseError) and error.errors:
        first = error.errors[0]
        text = f"{first['description']} after `{(first['start_context'] or '')[-40:]}`"
    else:
        text = str(error)
    text = re.sub(r"<Token .*?text: (.*?), line: .*?>", r"`\1`", text, flags=re.DOTALL)
    return " ".join(re.sub("\x1b\\[[0-9;]*m", "", text).split())


def listing(models: dict[str, str], dialects: Iterable[str], all_models: bool = False) -> str:
    """The table that the command prints: for each dialect, what does not go through and in how many models.

    Args:
        models: compiled SQL by name.
        dialects: sqlglot's names.
        all_models: name every model, not only the first.
    """
    where: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for model, sql in models.items():
        for finding in findings(model, sql, dialects):
            where[finding.dialect][finding.what].append(model)
    lines = []
    # What does not even parse as DuckDB's stands first, if there is such.
    for dialect in ("duckdb", *dialects):
        if dialect == "duckdb" and not where["duckdb"]:
            continue
        concerned = {model for names in where[dialect].values() for model in names}
        layers = Counter(model.split("_")[0] for model in concerned)
        lines.append(
            f"{dialect}: {len(models) - len(concerned)} of {len(models)} models go through; "
            + (", ".join(f"{count} {layer}_*" for layer, count in sorted(layers.items())) or "none")
            + " do not"
        )
        for what, names in sorted(where[dialect].items()):
            shown = sorted(names) if all_models else sorted(names)[:1]
            more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
            lines.append(f"  {len(names):>3}  {what}  ({', '.join(shown)}{more})")
        lines.append("")
    return "\n".join(lines).rstrip()


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], prog="python -m scripts.dialects")
    parser.add_argument("--dialect", nargs="+", default=DIALECTS, choices=DIALECTS, help="default: all of them")
    parser.add_argument("--models", action="store_true", help="name every model, not only the first")
    options = parser.parse_args(arguments)
    try:
        print(listing(compiled_models(_paths.target_path()), options.dialect, options.models))
    except NothingCompiled as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
