"""Builds that are killed, that find the disk full, or that are given half a file: the next run heals, and readers see nothing.

    CRASH_KILLS=40 .venv/bin/python -m pytest tests/python/test_crashes.py -k killed

CRASH_SEED chooses other moments.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT, Warehouse, failures, slow
from landings import generation, generations, land_two_weeks
from universes import differing_rows

from scripts import check_sources, publish

KILLS = int(os.environ.get("CRASH_KILLS", "3"))
SEED = int(os.environ.get("CRASH_SEED", "20251130"))
DBT = str(Path(sys.executable).with_name("dbt"))
HOOK = "a hook"
# The served file says what was true when it was published.
SERVED = "select sum(generations), sum(total_tokens) from marts.fct_usage_daily"


def start(warehouse: Warehouse, *arguments: str, file_limit: int | None = None) -> subprocess.Popen:
    """`dbt run` as an orchestrator starts it, in a process group of its own, telling what it does as JSON lines."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    selection = ("--select", *warehouse.selection) if warehouse.selection else ()
    return subprocess.Popen(
        [DBT, "--no-write-json", "--log-format", "json", "--log-level-file", "none", "run", *selection, *arguments],
        cwd=PROJECT,
        env=os.environ | warehouse.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=limit if file_limit is not None else None,
    )


WHAT = {"LogStartLine": "start", "LogHookStartLine": "start", "LogModelResult": "end", "LogHookEndLine": "end"}


@dataclass
class Event:
    """A model or a hook starts or has ended, so many seconds after the process was started."""

    what: str
    model: str
    kind: str
    at: float


def events(process: subprocess.Popen, output: list[str] | None = None) -> Iterator[Event]:
    began = time.monotonic()
    for line in process.stdout:
        if output is not None:
            output.append(line)
        try:
            said = json.loads(line)
        except ValueError:
            continue
        what = WHAT.get(said["info"]["name"])
        if what:
            node = said["data"]["node_info"]
            layer = node["node_path"].split("/")[0]
            kind = HOOK if layer == "hooks" else f"{layer} {node['materialized']}"
            yield Event(what, node["node_name"], kind, time.monotonic() - began)


def kill(process: subprocess.Popen) -> bool:
    """SIGKILL for the whole process group; whether it was still running."""
    was_running = process.poll() is None
    if was_running:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return was_running


@dataclass
class Model:
    """What an undisturbed run said of a model, or of a hook."""

    name: str
    kind: str
    seconds: float


def undisturbed(warehouse: Warehouse, *arguments: str) -> list[Model]:
    process, output, started, models = start(warehouse, *arguments), [], {}, []
    for event in events(process, output):
        if event.what == "start":
            started[event.model] = event.at
        else:
            models.append(Model(event.model, event.kind, event.at - started[event.model]))
    assert process.wait() == 0, "".join(output)
    return models


def simulated_deliveries(folder: Path, generations: int, start: str, chance: random.Random) -> None:
    """Two landings, `first` and `second`: what came at first, and what came later, of all times."""
    options = {"output": folder / "all", "generations": generations, "start": start, "end": "2025-09-30"}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    subprocess.run([sys.executable, "-m", "scripts.simulate", "--quiet", *arguments], cwd=PROJECT, check=True)
    for file in sorted((folder / "all").rglob("*")):
        if file.is_file():
            delivery = "second" if chance.random() < 0.2 and file.name != "SIMULATED.json" else "first"
            target = folder / delivery / file.relative_to(folder / "all")
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def copy_warehouse(source: Path, target: Path) -> None:
    """The file, and the changes that it does not hold yet, which lie beside it."""
    for old in (target, target.with_name(target.name + ".wal")):
        old.unlink(missing_ok=True)
    shutil.copy(source, target)


def test_a_killed_build_is_healed_by_the_next(warehouse: Warehouse, tmp_path: Path):
    """Killed in the middle of each kind of model, in a first build, an increment and a full refresh, sometimes twice."""
    chance = random.Random(SEED)
    # In CI the tables at the bottom, where state is kept, and the marts that look at them.
    in_ci = KILLS <= 8
    warehouse.selection = ("+path:models/marts/core", "+path:models/marts/trust") if in_ci else ()
    simulated_deliveries(tmp_path, *((7_000, "2025-09-01") if in_ci else (100_000, "2025-07-01")), chance)
    shutil.copytree(tmp_path / "first", warehouse.landing, dirs_exist_ok=True)
    warehouse.build()
    publish.publish(warehouse.path, warehouse.published)
    served = digest(warehouse.published)
    with duckdb.connect(str(warehouse.published), read_only=True) as connection:
        first = connection.execute(SERVED).fetchone()

    before, never_killed = tmp_path / "before.duckdb", tmp_path / "never_killed.duckdb"
    copy_warehouse(warehouse.path, before)
    shutil.copytree(tmp_path / "second", warehouse.landing, dirs_exist_ok=True)
    models = undisturbed(warehouse)
    copy_warehouse(warehouse.path, never_killed)
    assert warehouse.query(SERVED)[0][0] > first[0]

    kinds = sorted({model.kind for model in models})
    scenarios = {
        "increment": (before, ()),
        "full refresh": (before, ("--full-refresh",)),
        "first build": (warehouse.seeded, ()),
    }
    killed = 0
    for number in range(KILLS):
        scenario = list(scenarios)[number % len(scenarios)]
        source, arguments = scenarios[scenario]
        kind = kinds[number % len(kinds)]
        model = chance.choice([model for model in models if model.kind == kind])
        # The process does not end with its last hook: the file is written to while it is closed.
        delay = chance.uniform(0, 1.1 * model.seconds + (0.5 if kind == HOOK else 0))
        what = f"kill {number} (seed {SEED}): {scenario}, {delay:.3f} s into {model.name} ({kind})"
        # One in four hits the run that was to heal the one before.
        if number % 4 != 3:
            copy_warehouse(source, warehouse.path)

        process = start(warehouse, *arguments)
        for event in events(process):
            if event.what == "start" and event.model == model.name:
                time.sleep(delay)
                break
        was_running = kill(process)
        killed += was_running
        print(what, "" if was_running else "(had ended)")
        if kind != HOOK:
            # Between the hooks the run is written down as begun.
            with pytest.raises(publish.NotPublishable, match="begun and not ended" if was_running else None):
                publish.check_passed(warehouse.path)
        assert digest(warehouse.published) == served, what
        with duckdb.connect(str(warehouse.published), read_only=True) as connection:
            assert connection.execute(SERVED).fetchone() == first, what
        if number % 4 == 2 and number < KILLS - 1:
            continue

        warehouse.build()
        differing = differing_rows(never_killed, warehouse.path)
        assert not differing, f"{what}: {len(differing)} rows differ, as {differing[:5]}"
    # A model may end sooner than it did undisturbed, but not most of them.
    assert killed > KILLS / 2


MANY = f"""
    select one.* replace (one.id || '-' || i as id, 1 + i % 1000 as native_tokens_prompt)
    from range(100000) as numbers (i)
    cross join ({generations([generation(0, "2025-06-03", 10, 5, total_cost=0.1)])}) as one
"""


@pytest.mark.slow
def test_a_full_disk_is_said_and_healed(warehouse: Warehouse):
    """No file may grow any more: as a full disk, but for one process alone."""
    warehouse.selection = ("+path:models/marts/core",)
    warehouse.land_and_build(land_two_weeks)
    publish.publish(warehouse.path, warehouse.published)
    served = digest(warehouse.published)
    before = warehouse.contents(("marts",))
    warehouse.land("openrouter/generations/ingest_date=2025-06-10/part-0.parquet", MANY)

    process = start(warehouse, file_limit=warehouse.path.stat().st_size + 2**20)
    output, _ = process.communicate()
    assert process.returncode not in (0, None), output
    assert str(warehouse.path) in output and "File too large" in output, output
    with pytest.raises(publish.NotPublishable):
        publish.check_passed(warehouse.path)
    assert warehouse.contents(("marts",)) == before
    assert digest(warehouse.published) == served

    warehouse.build()
    assert warehouse.query("select sum(generations)::int from marts.fct_usage_daily") == [(100_006,)]
    healed = warehouse.root / "healed.duckdb"
    copy_warehouse(warehouse.path, healed)
    warehouse.build("--full-refresh")
    assert differing_rows(healed, warehouse.path) == []


def test_a_full_disk_while_publishing_leaves_the_served_file(warehouse: Warehouse):
    warehouse.selection = ("+path:models/marts/core",)
    warehouse.land_and_build(land_two_weeks)
    publish.publish(warehouse.path, warehouse.published)
    served = digest(warehouse.published)
    # Nothing is open, as far as the warehouse knows.
    warehouse.execute("delete from intermediate.unpassed_nodes")
    result = subprocess.run(
        [sys.executable, "-m", "scripts.publish"],
        cwd=PROJECT,
        env=os.environ | warehouse.environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, 2**18)),
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0 and "File too large" in result.stderr, result
    assert digest(warehouse.published) == served
    assert not list(warehouse.published.parent.glob(".publishing-*"))


LATER = [generation(100 + number, "2025-06-16", number, 1, prompt_language="en") for number in range(200)]


def delivered(warehouse: Warehouse, extension: str) -> tuple[Path, bytes]:
    """The two weeks built, and the file that comes next, with its content."""
    warehouse.environment["LANDING_FORMAT"] = extension
    warehouse.selection = ("+path:models/marts/core",)
    warehouse.land_and_build(land_two_weeks, extension)
    file = warehouse.land(f"openrouter/generations/ingest_date=2025-06-16/part-0.{extension}", generations(LATER))
    if extension == "csv":
        content = gzip.compress(file.read_bytes(), mtime=0)
        file.unlink()
        return file.with_suffix(".csv.gz"), content
    return file, file.read_bytes()


def refused_then_healed(warehouse: Warehouse, file: Path, part: bytes, whole: bytes) -> None:
    before = warehouse.contents()
    file.write_bytes(part)
    result = warehouse.dbt("run", "--select", *warehouse.selection)
    assert not result.success, warehouse.query("select sum(generations)::int from marts.fct_usage_daily")
    assert str(file) in failures(result)
    assert warehouse.contents() == before
    file.write_bytes(whole)
    warehouse.build()
    assert warehouse.query("select sum(generations)::int from marts.fct_usage_daily") == [(206,)]


@pytest.mark.parametrize("extension", ["parquet", *slow("csv")])
def test_half_a_file_is_named_and_healed(warehouse: Warehouse, extension: str):
    file, whole = delivered(warehouse, extension)
    refused_then_healed(warehouse, file, whole[: len(whole) // 2], whole)


def test_a_compressed_file_cut_between_two_rows_is_named_by_the_check_and_healed(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """One cut in two hundred is such a one: DuckDB takes it for a whole file, and only its end gives it away."""
    file, whole = delivered(warehouse, "csv")
    cut = next(
        length
        for length in range(len(whole) // 2, len(whole) - 8)
        if zlib.decompressobj(wbits=31).decompress(whole[:length]).endswith(b"\n")
    )
    file.write_bytes(whole[:cut])
    for name, value in warehouse.environment.items():
        monkeypatch.setenv(name, value)
    assert check_sources.main([]) == 2
    assert f"ingest_date=2025-06-16/{file.name}" in capsys.readouterr().out
    # Built all the same: what is missing comes with the whole file, and is counted once.
    warehouse.build()
    file.write_bytes(whole)
    warehouse.build()
    assert warehouse.query("select sum(generations)::int from marts.fct_usage_daily") == [(206,)]
