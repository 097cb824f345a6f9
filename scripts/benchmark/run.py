"""Measure the project at several sizes, next to yardsticks; each result is kept at once: runs can be resumed."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from scripts.benchmark import engine, landings, yardstick
from scripts.benchmark.landings import Day
from scripts.benchmark.measure import Measured, cool, measure, size_of, split_of_log, warm

REPOSITORY = Path(__file__).resolve().parents[2]
# What dbt needs of a checkout.
COPIED = ("dbt_project.yml", "profiles.yml", "models", "seeds", "macros", "tests", "analyses", "docs")
# Whatever this process was started with, a measured run gets these from the harness alone.
OWN_VARIABLES = ("LANDING_", "WAREHOUSE_", "PUBLISHED_", "CHECKS_", "DBT_", "DUCKDB_", "PSEUDONYM_")
LOG_OPTIONS = ("--quiet", "--log-format-file", "json", "--log-level-file", "debug", "--log-file-max-bytes", "0")
# Without what only publishing a report needs: facts by account that are nearly as long as the records.
VARS = ("--vars", "{publishing_facts: false}")
SEED_EDIT = ("--select", "models+", "--exclude-resource-type", "unit_test")


@dataclass(frozen=True)
class Settings:
    """A run: sizes in generations, smallest first; where results, landings and scratch are; what the engines may use.

    `repeats` None = 3 up to a million generations, above 1. `only` = these scenarios. `project` is what is measured.
    """

    sizes: tuple[int, ...]
    results: Path
    scratch: Path
    landings: dict[int, Path] = field(default_factory=dict)
    memory_limit: str = "6GB"
    threads: int = 2
    dbt_threads: int = 1
    repeats: int | None = None
    engines_python: str = sys.executable
    new_run: bool = False
    only: tuple[str, ...] = ()
    is_trial: bool = False
    project: Path = REPOSITORY

    def landing(self, size: int) -> Path:
        """The folder of a size's landing: the given one, else one below the scratch folder."""
        return self.landings.get(size, self.scratch / f"landing_{size}")

    def repetitions(self, size: int) -> int:
        """How often each scenario runs: a small one is soon over and says little once."""
        return self.repeats or (3 if size <= 1_000_000 else 1)


class Results:
    """Lines of JSON, one a measurement, each complete in itself."""

    def __init__(self, path: Path, run_id: str):
        self.path, self.run_id = path, run_id
        self.done = {(r["size"], r["scenario"], r["repetition"]) for r in read(path) if r["run_id"] == run_id}

    def append(self, **values: Any) -> None:
        """Add a measurement at once: what has been measured stays measured."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"run_id": self.run_id, **values}, sort_keys=True) + "\n")
        self.done.add((values["size"], values["scenario"], values["repetition"]))


def read(path: Path) -> list[dict[str, Any]]:
    """All measurements of a results file; none if there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def environment_of(settings: Settings) -> dict[str, Any]:
    """Machine, versions, limits and state of the project, as BENCHMARKS.md names them."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    versions = {"python": platform.python_version()}
    versions |= {name: metadata.version(name) for name in ("dbt-core", "dbt-duckdb", "duckdb")}
    versions |= {name: version for name in ("polars", "chdb") if (version := version_of(settings, name))}
    git = ["git", "-C", str(REPOSITORY)]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    # What is untracked or a page does not change what is measured; results and the page itself change while it runs.
    changed = subprocess.run(
        [*git, "status", "--porcelain", "-uno", "--", "models", "macros", "seeds", "scripts", "tests", "*.yml"],
        capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    return {
        "processor": models[0] if models else platform.machine(),
        "processors": os.cpu_count(),
        "memory_bytes": memory,
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "versions": versions,
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "dbt_threads": settings.dbt_threads,
        "commit": commit[:12] + ("+changes" if changed else ""),
        "sizes": list(settings.sizes),
        "only": list(settings.only),
    }


def version_of(settings: Settings, name: str) -> str | None:
    """Version of a package in the interpreter that runs the other engines, None where it is not installed."""
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    found = subprocess.run([settings.engines_python, "-c", code], capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else None


def run_id_for(settings: Settings, environment: dict[str, Any]) -> str:
    """The last run if it was of this very state and can be gone on with, else a new one."""
    earlier = read(settings.results)
    if earlier and not settings.new_run and earlier[-1]["environment"] == environment:
        return earlier[-1]["run_id"]
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def run(settings: Settings, say: Callable[[str], None] = print) -> str:
    """Measure everything that the last run has not measured yet; returns the run's id.

    Raises:
        measure.CommandFailed: a measured command failed; what was measured before it is kept.
    """
    environment = environment_of(settings)
    results = Results(settings.results, run_id_for(settings, environment))
    for name in ("polars", "chdb"):
        if name not in environment["versions"]:
            say(f"{name} is not installed (requirements/benchmark.in): left out")
    for size in settings.sizes:
        Size(settings, size, environment, results, say).measure_all()
    return results.run_id


class Size:
    """All scenarios of one size, in one folder."""

    def __init__(
        self, settings: Settings, size: int, environment: dict[str, Any], results: Results, say: Callable[[str], None]
    ):
        self.settings, self.size, self.environment, self.results, self.say = settings, size, environment, results, say
        self.folder = settings.scratch / f"size_{size}"
        self.landing = self.folder / "landing"
        self.project = self.folder / "project"
        self.work = self.folder / "work"
        self.warehouse = self.work / "warehouse.duckdb"
        # Of this run alone: the base of another may be of another state of the project.
        self.base = self.folder / f"base_{results.run_id.replace(':', '')}.duckdb"
        self.yardstick_folder = self.folder / "yardstick"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(OWN_VARIABLES)}
        self.variables = inherited | {
            "LANDING_PATH": str(self.landing),
            "WAREHOUSE_PATH": str(self.warehouse),
            "DUCKDB_TEMP_DIRECTORY": str(self.work / "tmp"),
            "DUCKDB_MEMORY_LIMIT": settings.memory_limit,
            "DBT_THREADS": str(settings.dbt_threads),
            "DBT_TARGET_PATH": str(self.folder / "target"),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            "PSEUDONYM_KEY": engine.PUBLIC_KEY,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DO_NOT_TRACK": "1",
            "PYTHONPATH": str(REPOSITORY),
            "POLARS_MAX_THREADS": str(settings.threads),
        }

    def measure_all(self) -> None:
        """Run each scenario that has no result yet, full builds and yardsticks next to each other."""
        scenarios: dict[str, Callable[[str, int], None]] = {
            "yardstick_duckdb": self.yardstick,
            "full_without_tests": self.full,
            "full_with_tests": self.full,
            "yardstick_polars": self.yardstick,
            "yardstick_chdb": self.yardstick,
            "nothing_new": self.increment,
            "day": self.increment,
            "day_without_tests": self.increment,
            "cold_day_without_tests": self.increment,
            "arrived_day": self.increment,
            "arrived_day_without_tests": self.increment,
            "day_with_late_rows": self.increment,
            "day_with_late_rows_without_tests": self.increment,
            "same_day": self.increment,
            "same_day_without_tests": self.increment,
            "same_arrived_day": self.increment,
            "same_arrived_day_without_tests": self.increment,
            "seed_edit": self.seed_edit,
            "seed_edit_without_tests": self.seed_edit,
        }
        open_ones = [
            (repetition, scenario)
            for repetition in range(self.settings.repetitions(self.size))
            for scenario in scenarios
            if (self.size, scenario, repetition) not in self.results.done
            and (not self.settings.only or scenario in self.settings.only)
            and (scenario.partition("yardstick_")[2] or "duckdb") in self.environment["versions"]
        ]
        if not open_ones:
            return
        self.prepare()
        for repetition, scenario in open_ones:
            self.say(f"{self.size:,} generations: {scenario}")
            scenarios[scenario](scenario, repetition)
        shutil.rmtree(self.work, ignore_errors=True)
        self.base.unlink(missing_ok=True)

    def prepare(self) -> None:
        """Landings, a copy of the project that is parsed, the compiled marts: nothing of it is measured."""
        settings = self.settings
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in set(self.folder.glob("base_*.duckdb")) - {self.base}:
            old.unlink()
        whole = landings.simulated(settings.landing(self.size), self.size)
        largest = max(settings.sizes)
        largest_landing = landings.simulated(settings.landing(largest), largest)
        landings.history(whole, self.landing)
        rows, largest_rows = self.size // landings.DAYS, largest // landings.DAYS
        self.days = {
            "day": landings.write_day(whole, self.folder / "day", rows, "own"),
            "arrived_day": landings.write_day(whole, self.folder / "arrived", rows, "arrived"),
            "day_with_late_rows": landings.write_day(whole, self.folder / "late", rows, "late"),
            "same_day": landings.write_day(largest_landing, self.folder / "same", largest_rows, "own"),
            "same_arrived_day": landings.write_day(
                largest_landing, self.folder / "same_arrived", largest_rows, "arrived"
            ),
        }
        shutil.rmtree(self.project, ignore_errors=True)
        for name in COPIED:
            source = settings.project / name
            if source.is_dir():
                shutil.copytree(source, self.project / name, ignore=shutil.ignore_patterns("python", "__pycache__"))
            elif source.exists():
                self.project.mkdir(exist_ok=True)
                shutil.copy(source, self.project / name)
        shutil.rmtree(self.folder / "target", ignore_errors=True)
        self.marts = yardstick.prepare(self.project, self.folder / "compiled", self.variables)
        self.work.mkdir(exist_ok=True)
        subprocess.run([*yardstick.DBT, "--quiet", "parse", *VARS], cwd=self.project, env=self.variables, check=True)

    def yardstick(self, scenario: str, repetition: int) -> None:
        """One engine from the landing to its tables, with nothing kept from before."""
        name = scenario.partition("yardstick_")[2]
        output = self.yardstick_folder
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        warm(self.landing)
        module, python = (
            ("yardstick", sys.executable) if name == "duckdb" else (f"{name}_facts", self.settings.engines_python)
        )
        command = [
            python, "-m", f"scripts.benchmark.{module}", "--landing", str(self.landing), "--output", str(output),
            "--memory-limit", self.settings.memory_limit, "--threads", str(self.settings.threads),
        ]  # fmt: skip
        if name == "duckdb":
            command += ["--marts", str(self.marts)]
        measured = measure(command, self.log(scenario), [output], self.variables, REPOSITORY)
        parts = json.loads((output / engine.PARTS).read_text(encoding="utf-8"))
        self.keep(scenario, repetition, measured, parts=parts, size_bytes=size_of(output))
        shutil.rmtree(output)

    def full(self, scenario: str, repetition: int) -> None:
        """Everything from nothing: `dbt seed` and `dbt run`, or `dbt build`."""
        self.empty_work()
        landings.remove_day(self.landing)
        warm(self.landing)
        with_tests = scenario == "full_with_tests"
        self.dbt(scenario, repetition, [["build"]] if with_tests else [["seed"], ["run"]])
        self.warehouse.replace(self.base)

    def increment(self, scenario: str, repetition: int) -> None:
        """One more day (or none) on a warehouse that holds the history, in memory or only on the disk."""
        self.restore_base(is_cold=scenario.startswith("cold_"))
        day = self.days.get(scenario.removesuffix("_without_tests").removeprefix("cold_"))
        landings.remove_day(self.landing)
        if day:
            landings.add_day(self.landing, day)
        commands = [["seed"], ["run"]] if scenario.endswith("_without_tests") else [["build"]]
        self.dbt(scenario, repetition, commands, day)
        landings.remove_day(self.landing)

    def seed_edit(self, scenario: str, repetition: int) -> None:
        """Another display name for one model, as CONTRIBUTING.md has it: the edited seed and all that depends on it."""
        self.restore_base()
        landings.remove_day(self.landing)
        path = self.project / "seeds" / "catalogue" / "models.csv"
        before = path.read_text(encoding="utf-8")
        header, first, rest = before.split("\n", 2)
        row = next(csv.reader([first]))
        row[next(csv.reader([header])).index("display_name")] += " (edited)"
        edited = io.StringIO()
        csv.writer(edited, lineterminator="").writerow(row)
        path.write_text("\n".join((header, edited.getvalue(), rest)), encoding="utf-8")
        try:
            without_tests = ["test"] if scenario.endswith("_without_tests") else []
            self.dbt(scenario, repetition, [["--no-write-json", "build", *SEED_EDIT, *without_tests]])
        finally:
            path.write_text(before, encoding="utf-8")
            # The parsed project is that of the edited seed; the next repetition is to meet the unedited one.
            subprocess.run(
                [*yardstick.DBT, "--quiet", "parse", *VARS], cwd=self.project, env=self.variables, check=True
            )

    def dbt(self, scenario: str, repetition: int, commands: list[list[str]], day: Day | None = None) -> None:
        """Measure dbt commands one after the other, as one scenario."""
        steps = []
        for arguments in commands:
            logs = self.folder / "logs" / scenario
            shutil.rmtree(logs, ignore_errors=True)
            measured = measure(
                [*yardstick.DBT, *LOG_OPTIONS, "--log-path", str(logs), *arguments, *VARS],
                self.log(scenario), [self.work], self.variables, self.project,
            )  # fmt: skip
            steps.append((measured, split_of_log(logs / "dbt.log", measured.wall_seconds)))
        together = Measured(
            wall_seconds=sum(m.wall_seconds for m, _ in steps),
            cpu_seconds=sum(m.cpu_seconds for m, _ in steps),
            peak_memory_bytes=max(m.peak_memory_bytes for m, _ in steps),
            disk_peak_bytes=max(m.disk_peak_bytes for m, _ in steps),
            other_load=max(m.other_load for m, _ in steps),
        )
        self.keep(
            scenario, repetition, together, split=added([split for _, split in steps]),
            size_bytes=size_of(self.warehouse), day=day,
        )  # fmt: skip

    def keep(
        self, scenario: str, repetition: int, measured: Measured, *, size_bytes: int, day: Day | None = None,
        split: dict[str, Any] | None = None, parts: dict[str, float] | None = None,
    ) -> None:  # fmt: skip
        """Append one measurement."""
        self.results.append(
            size=self.size,
            scenario=scenario,
            repetition=repetition,
            at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            is_trial=self.settings.is_trial,
            environment=self.environment,
            landing_bytes=size_of_landing(self.landing),
            size_bytes=size_bytes,
            day=None if day is None else {k: v for k, v in asdict(day).items() if k != "folder"},
            split=split,
            parts=parts,
            **asdict(measured),
        )

    def empty_work(self) -> None:
        """No warehouse, no spills."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)

    def restore_base(self, is_cold: bool = False) -> None:
        """The warehouse as the full build left it; built anew, unmeasured, where a resumed run finds none.

        The copy is written out before anything is measured, and is in the system's memory unless `is_cold`. Left alone,
        some of it would be written while the increment runs, and what the base has displaced would be read back.
        """
        self.empty_work()
        if not self.base.exists():
            landings.remove_day(self.landing)
            for command in ("seed", "run"):
                subprocess.run(
                    [*yardstick.DBT, "--quiet", command, *VARS], cwd=self.project, env=self.variables, check=True
                )
            self.warehouse.replace(self.base)
        shutil.copy(self.base, self.warehouse)
        for file in (self.base, self.warehouse):
            cool(file)
        if not is_cold:
            warm(self.work)

    def log(self, scenario: str) -> Path:
        """Where a scenario's output goes."""
        return self.folder / "output" / f"{scenario}.txt"


def size_of_landing(landing: Path) -> int:
    """Bytes of the files that a history of links leads to."""
    return sum(
        (Path(folder) / name).stat().st_size
        for folder, _, names in os.walk(landing, followlinks=True)
        for name in names
    )


def added(splits: list[dict[str, Any]]) -> dict[str, Any]:
    """The splits of several commands as one."""
    total: dict[str, Any] = {}
    for split in splits:
        for name, value in split.items():
            if isinstance(value, dict):
                total[name] = {k: total.get(name, {}).get(k, 0) + v for k, v in value.items()}
            else:
                total[name] = total.get(name, 0) + value
    return total
