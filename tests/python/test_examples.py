"""What can be checked of the examples without installing an orchestrator. `make examples` really runs them."""

from __future__ import annotations

import ast
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT
from landings import generation, generations

EXAMPLES = PROJECT / "examples"


def test_they_compile_and_name_what_there_is():
    files = [*EXAMPLES.rglob("*.py"), *EXAMPLES.rglob("*.sh"), EXAMPLES / "airflow/dbt", EXAMPLES / "cron/crontab"]
    assert len(files) >= 5
    for file in files:
        text = file.read_text()
        if file.suffix == ".py":
            compile(text, str(file), "exec")
        elif file.name != "crontab":
            subprocess.run(["bash", "-n", file], check=True)
            assert os.access(file, os.X_OK), file
        named = re.findall(r"scripts\.([a-z_]+)", text) + re.findall(r'\bscript\("([a-z_]+)"', text)
        for module in named:
            assert (PROJECT / "scripts" / f"{module}.py").exists(), (file, module)
    subprocess.run(["bash", "-n", PROJECT / "scripts/check_examples.sh"], check=True)


@pytest.mark.parametrize("example", ["dagster", "airflow"])
def test_each_has_every_step_and_pinned_requirements(example: str):
    (file,) = (EXAMPLES / example).rglob("*.py")
    steps = [node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)]
    text = " ".join(str(step) for step in steps)
    for step in ("check_sources", "freshness", "publish", "build_report"):
        assert step in text, step
    wanted = re.findall(r"^([a-z-]+==[0-9.]+)$", (EXAMPLES / example / "requirements.in").read_text(), re.MULTILINE)
    locked = (EXAMPLES / example / "requirements.txt").read_text()
    assert len(wanted) >= 2 and all(f"{requirement} \\" in locked for requirement in wanted)
    # Without hashes, or with addresses, it would not be the lock that was checked.
    packages = [line for line in locked.splitlines() if not line.startswith(" ")]
    assert len(packages) == len(re.findall(r"^[^ \n]+==.* \\\n    --hash=sha256:", locked, re.MULTILINE))
    assert "://" not in locked


# dbt, standing in: what it does is checked elsewhere, how the script goes about it is checked here.
DBT = """#!/usr/bin/env bash
echo "$@" >> "$CALLS"
case "$*" in *build*) exit "${BUILD_CODE:-0}";; *) exit "${FRESHNESS_CODE:-0}";; esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose dbt only writes down what it is asked, over a warehouse with as much as publication wants."""
    root = tmp_path / "checkout"
    shutil.copytree(EXAMPLES / "cron", root / "examples/cron")
    (root / "scripts").symlink_to(PROJECT / "scripts")
    (root / "models").symlink_to(PROJECT / "models")
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (root / ".venv/bin/dbt").write_text(DBT)
    for file in (root / ".venv/bin").iterdir():
        file.chmod(0o755)
    folder = root / "landing/openrouter/generations/ingest_date=2025-06-08"
    folder.mkdir(parents=True)
    (root / "build").mkdir()
    with duckdb.connect(str(root / "build/warehouse.duckdb")) as connection:
        rows = generations([generation(1, "2025-06-02", 1, 1)])
        connection.execute(f"copy ({rows}) to '{folder / 'part-0.parquet'}' (format parquet)")
        connection.execute("create schema intermediate; create schema marts")
        connection.execute("create table intermediate.unpassed_nodes (node_id text, status text, invocation_id text)")
        connection.execute(
            "create table marts.rpt_load_summary as select 1 as raw_rows, 1 as accepted_rows, 0 as duplicate_rows,"
            " 0 as quarantined_rows"
        )
    return root


@pytest.mark.slow
def test_the_cron_script(checkout: Path):
    calls, reports = checkout / "calls", checkout / "reports" / "reports.jsonl"
    settings = checkout / "settings.env"
    warehouse, published = checkout / "build/warehouse.duckdb", checkout / "published.duckdb"
    paths = {
        "LANDING_PATH": checkout / "landing",
        "WAREHOUSE_PATH": warehouse,
        "PUBLISHED_PATH": published,
        "CHECKS_PATH": checkout / "checks",
        "DBT_TARGET_PATH": checkout / "target",
        "REPORTS_PATH": reports,
        "CALLS": calls,
    }
    settings.write_text("".join(f"{name}='{value}'\n" for name, value in paths.items()))

    def run(**variables: str) -> int:
        calls.unlink(missing_ok=True)
        published.unlink(missing_ok=True)
        command = [checkout / "examples/cron/run.sh", settings]
        done = subprocess.run(command, env={"PATH": os.environ["PATH"]} | variables, capture_output=True, text=True)
        print(done.stdout, done.stderr)
        return done.returncode

    def asked() -> list[str]:
        return calls.read_text().splitlines() if calls.exists() else []

    everything = ["--quiet source freshness", "--quiet build"]
    # The stand-in leaves no results, and the report does not take that for a good run.
    assert run() == 1 and asked() == everything and published.exists()
    assert [json.loads(line)["status"] for line in reports.read_text().splitlines()] == ["not run"]
    # Late: built and published all the same.
    assert run(FRESHNESS_CODE="1") == 1 and asked() == everything and published.exists()
    # The build's own code comes out, and nothing is published.
    assert run(BUILD_CODE="2") == 2 and asked() == everything and not published.exists()
    # Bad files: nothing is built.
    broken = checkout / "landing/openrouter/generations/ingest_date=2025-06-09/part-0.parquet"
    broken.parent.mkdir()
    broken.write_text("no Parquet")
    assert run() == 2 and asked() == [] and not published.exists()
    assert json.loads(reports.read_text().splitlines()[-1])["status"] == "failed"
    broken.unlink()
    # Another run is at it.
    with Path(f"{warehouse}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run() == 75 and asked() == []
    assert len(reports.read_text().splitlines()) == 4
