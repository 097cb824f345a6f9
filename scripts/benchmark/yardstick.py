"""Run the hand-written yardstick.sql over a landing, and the project's compiled marts over its facts.

`prepare` asks dbt once for the text of the marts, outside of what is measured; `run` needs no dbt.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

from scripts.benchmark.engine import Task, leave_parts, task_from_command_line

SCRIPT = Path(__file__).with_name("yardstick.sql")
DATABASE = "yardstick.duckdb"
DBT = (sys.executable, "-c", "from dbt.cli.main import cli; cli()")


class Outdated(Exception):
    """The project has tables that the yardstick can no longer make; the message says which."""


def literal(value: object) -> str:
    """A SQL text literal."""
    return "'" + str(value).replace("'", "''") + "'"


def read_by(node: dict[str, Any], nodes: dict[str, dict[str, Any]]) -> set[str]:
    """What a model's statement names, of all that the model depends on: the rest is asked in increments only.

    Compiled where nothing is built yet, a statement asks nothing of increments; `depends_on` comments do not count.
    """
    statement = re.sub(r"--.*", "", node["compiled_code"])
    return {key for key in node["depends_on"]["nodes"] if key in nodes and nodes[key]["relation_name"] in statement}


def needed_by_public(nodes: dict[str, dict[str, Any]]) -> set[str]:
    """Public tables and all that is read for them: others serve increments only."""
    needed: set[str] = set()
    to_ask = [key for key, node in nodes.items() if node["schema"] == "marts"]
    while to_ask:
        key = to_ask.pop()
        if key not in needed:
            needed.add(key)
            to_ask += read_by(nodes[key], nodes) if nodes[key]["resource_type"] == "model" else []
    return needed


def hand_written() -> set[str]:
    """Names of the tables that yardstick.sql itself makes for others to read."""
    return set(re.findall(r"^create table (?:intermediate|marts)\.(\w+)", SCRIPT.read_text(encoding="utf-8"), re.M))


def prepare(project: Path, scratch: Path, environment: dict[str, str]) -> Path:
    """Have dbt compile the project's models; write what `run` needs to know of seeds and marts, and return its path.

    Args:
        project: a checkout (or copy) of the project.
        scratch: a folder for dbt's artifacts.
        environment: variables for dbt, as the README lists them.

    Raises:
        subprocess.CalledProcessError: dbt could not compile.
        Outdated: a public table depends on something that is neither a seed nor made by yardstick.sql.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    target = scratch / "target"
    subprocess.run(
        [*DBT, "--quiet", "compile", "--select", "resource_type:model", "--vars", "{publishing_facts: false}"],
        cwd=project,
        env={
            **environment,
            # Of no consequence, except that compiling must neither wait for a warehouse nor look into one.
            "WAREHOUSE_PATH": str(scratch / "compiled.duckdb"),
            "DBT_TARGET_PATH": str(target),
            "DBT_LOG_PATH": str(scratch / "logs"),
        },
        check=True,
    )
    (scratch / "compiled.duckdb").unlink(missing_ok=True)
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    path = scratch / "marts.json"
    path.write_text(json.dumps(ordered_statements(manifest["nodes"], project), indent=1), encoding="utf-8")
    return path


def ordered_statements(nodes: dict[str, dict[str, Any]], project: Path) -> dict[str, Any]:
    """What `run` needs: seeds, and the models over them and over yardstick.sql's tables, each after what it reads.

    Args:
        nodes: of dbt's manifest, by unique id, with compiled code.
        project: where the seeds' files are.

    Raises:
        Outdated: a public table depends on something that is neither a seed nor made by yardstick.sql.
    """
    nodes = {key: node for key, node in nodes.items() if node["resource_type"] in ("model", "seed")}
    made = {key for key, node in nodes.items() if node["resource_type"] == "seed" or node["name"] in hand_written()}
    seeds = [
        {
            "relation": f'{node["schema"]}."{node["alias"]}"',
            "file": str(project / node["original_file_path"]),
            "types": node["config"]["column_types"],
        }
        for node in nodes.values()
        if node["resource_type"] == "seed"
    ]
    statements: list[dict[str, Any]] = []
    wanted = needed_by_public(nodes)
    while True:
        ready = [
            key for key in sorted(wanted - made) if (sources := read_by(nodes[key], nodes)) and made.issuperset(sources)
        ]
        if not ready:
            break
        for key in ready:
            node = nodes[key]
            statements.append(
                {
                    "relation": f'{node["schema"]}."{node["alias"]}"',
                    "kind": "view" if node["config"]["materialized"] == "view" else "table",
                    "sql": node["compiled_code"],
                }
            )
        made.update(ready)
    missing = sorted(nodes[key]["name"] for key in nodes.keys() - made if nodes[key]["schema"] == "marts")
    if missing:
        raise Outdated(
            f"yardstick.sql and the seeds are no longer enough for {', '.join(missing)}: write by hand what they read"
            " (a table `marts.<name>` or `intermediate.<name>` in yardstick.sql)."
        )
    # The statements name their database; the file is attached under that name.
    return {"database": next(iter(nodes.values()))["database"], "seeds": seeds, "models": statements}


def run(task: Task) -> dict[str, float]:
    """Build the yardstick into a DuckDB file in the task's folder.

    Returns:
        Wall seconds by part: records, facts, trust, marts.
    """
    seconds = dict.fromkeys(("records", "facts", "trust", "marts"), 0.0)
    config = {
        "memory_limit": task.memory_limit,
        "threads": task.threads,
        "temp_directory": str(task.output / "tmp"),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
    }
    prepared = json.loads(task.marts.read_text(encoding="utf-8")) if task.marts else None
    with duckdb.connect(config=config) as connection:
        database = f'"{prepared["database"]}"' if prepared else "yardstick"
        connection.execute(f"attach {literal(task.output / DATABASE)} as {database}")
        connection.execute(f"use {database}")
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"set variable landing = {literal(task.landing)}")
        connection.execute(f"set variable pseudonym_key = {literal(task.key)}")
        for statement in duckdb.extract_statements(SCRIPT.read_text(encoding="utf-8")):
            started = time.monotonic()
            connection.execute(statement)
            seconds[_part(statement.query)] += time.monotonic() - started
        if prepared:
            started = time.monotonic()
            _run_marts(connection, prepared)
            seconds["marts"] = time.monotonic() - started
        # Part of the work: what is still in the log goes into the file.
        connection.execute("checkpoint")
    return seconds


def _part(query: str) -> str:
    if "create table marts.fct_" in query:
        return "facts"
    return "trust" if "create table marts.rpt_" in query else "records"


def _run_marts(connection: duckdb.DuckDBPyConnection, prepared: dict[str, Any]) -> None:
    for seed in prepared["seeds"]:
        connection.execute(f"create schema if not exists {seed['relation'].split('.')[0]}")
        types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in seed["types"].items())
        typed = f", types = {{{types}}}" if types else ""
        connection.execute(
            f"create table {seed['relation']} as select * from read_csv({literal(seed['file'])}, header = true,"
            f" delim = ',', quote = '\"'{typed})"
        )
    for model in prepared["models"]:
        connection.execute(f"create schema if not exists {model['relation'].split('.')[0]}")
        connection.execute(f"create {model['kind']} {model['relation']} as {model['sql']}")


if __name__ == "__main__":
    given = task_from_command_line(__doc__)
    leave_parts(given.output, run(given))
