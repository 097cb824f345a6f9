"""A copy of the project in a temporary folder, with its own landing and warehouse, and dbt run in this process."""

from __future__ import annotations

import functools
import gc
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType
from typing import NoReturn

import duckdb
import parsedatetime
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.compilation import Linker
from dbt.contracts.graph.manifest import Manifest
from dbt_common.clients.jinja import MacroFuzzEnvironment
from dbt_common.events.base_types import BaseEvent, DebugLevel, EventLevel
from dbt_common.events.event_manager import EventManager

from scripts.publish import PUBLIC_SCHEMAS

# A worker of pytest has a main module without a file, which pyspark takes for a run of its doctests: it exits. Great Expectations
# imports pyspark where it is installed.
if not hasattr(sys.modules["__main__"], "__file__"):
    sys.modules["__main__"].__file__ = __file__


# Tests build a few rows some hundred times, and of that a third went into what dbt makes again and again: messages of debug
# events, two or three a statement, though no log takes them; a parser of times in words for each result; a template's code; a
# search for cycles in a graph that `make test-build` has looked through.
def without_unread_messages() -> None:
    fire, make, change = EventManager.fire_event, BaseEvent.__init__, BaseEvent.__setattr__

    def fire_if_read(
        manager: EventManager, e: BaseEvent, level: EventLevel | None = None, *given: object, **named: object
    ) -> None:
        if manager.loggers or (level or e.level_tag()) is not EventLevel.DEBUG:
            fire(manager, e, level, *given, **named)

    def make_later(event: BaseEvent, *given: object, **named: object) -> None:
        event.__dict__["_given"] = (given, named)

    def made(event: BaseEvent) -> BaseEvent:
        if "_given" in event.__dict__:
            given, named = event.__dict__.pop("_given")
            make(event, *given, **named)
        return event

    DebugLevel.__init__ = make_later
    DebugLevel.__getattr__ = lambda event, name: (
        getattr(made(event).pb_msg, name) if name != "pb_msg" else made(event).__dict__[name]
    )
    DebugLevel.__setattr__ = lambda event, name, value: change(event if name == "pb_msg" else made(event), name, value)
    EventManager.fire_event = fire_if_read


def with_code_made_once() -> None:
    compile_source = MacroFuzzEnvironment.compile
    made: dict[str, CodeType] = {}

    def compile_once(environment: MacroFuzzEnvironment, source: str, *given: object, **named: object) -> CodeType:
        if given or named:
            return compile_source(environment, source, *given, **named)
        if source not in made:
            made[source] = compile_source(environment, source)
        return made[source]

    MacroFuzzEnvironment.compile = compile_once


without_unread_messages()
with_code_made_once()
parsedatetime.Constants = functools.cache(parsedatetime.Constants)
Linker.find_cycles = lambda linker: None

# Fixtures of the semantic layer's tests.
pytest_plugins = ["semantic"]

PROJECT = Path(__file__).resolve().parents[2]
COPIED = ("dbt_project.yml", "profiles.yml", "models", "seeds", "macros", "tests", "analyses")


# What most end-to-end tests look at, with all that it is made of. Building every mart for each of them would take too long.
CORE = (
    "+path:models/marts/core",
    "+path:models/marts/trust",
    "+rpt_source_type_weekly",
    "+rpt_oss_authors",
    "+rpt_oss_models_weekly",
    "+rpt_oss_size_weekly",
    "+rpt_model_release_impact",
)


# The facts, for tests of how records are read.
RECORDS = ("+fct_usage_daily", "+rpt_source_reconciliation", "+rpt_quarantined_generations", "+rpt_load_summary")

# Which builds there were and what they met; the same records in other deliveries leave others.
ACCOUNTS = (
    "unpassed_nodes",
    "built_parts",
    "account_country_days",
    "account_country_cells",
    "int_event_days",
    "int_event_weeks",
    "int_event_months",
    "int_account_model_parts",
)


# Options, or values of them, that types of columns, or what there is at all, depend on.
READ_BY_YAML = ("weighted", "publishing_facts", "_after_hours")


class Warehouse:
    """One project copy with one landing: write files into the landing, run dbt, query what was built."""

    def __init__(self, root: Path):
        self.root = root
        self.project = root / "project"
        self.landing = root / "landing"
        self.path = root / "build" / "warehouse.duckdb"
        self.published = root / "warehouse.duckdb"
        self.seeded = root / "seeded.duckdb"
        # Beside it, since tests look through all that is in it.
        self.kept = root.with_name(f"{root.name}_kept")
        self.target = root / "target"
        self.manifest: Manifest | None = None
        self.selection: tuple[str, ...] = CORE
        self.project.mkdir(parents=True)
        for name in COPIED:
            source = PROJECT / name
            if source.is_dir():
                shutil.copytree(source, self.project / name, ignore=shutil.ignore_patterns("python", "__pycache__"))
            elif source.exists():
                shutil.copy(source, self.project / name)
        self.environment = {
            "LANDING_PATH": str(self.landing),
            "LANDING_FORMAT": "parquet",
            "WAREHOUSE_PATH": str(self.path),
            "PUBLISHED_PATH": str(self.published),
            "CHECKS_PATH": str(root / "checks"),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(root / "logs"),
            "DBT_PROJECT_DIR": str(self.project),
            "DBT_PROFILES_DIR": str(self.project),
            "DUCKDB_TEMP_DIRECTORY": str(root / "build" / "tmp"),
            "PSEUDONYM_KEY": "a key for tests",
            # Here, too, and not in `reset` alone: a command with another environment would parse the project anew.
            "DUCKDB_MEMORY_LIMIT": "4GB",
            "DBT_TARGET": "dev",
            "DBT_WARN_ERROR_OPTIONS": json.dumps(
                {"error": "all", "warn": ["LogFreshnessResult"], "silence": ["MFConverterIssue"]}
            ),
        }

    def reset(self) -> None:
        """Empty landing, a warehouse with nothing but the seeds, seeds and settings as the project has them."""
        for folder in (self.landing, self.path.parent):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        if not self.seeded.exists():
            result = self.dbt("seed")
            assert result.success, failures(result)
            shutil.move(self.path, self.seeded)
        shutil.copy(self.seeded, self.path)
        self.published.unlink(missing_ok=True)
        shutil.rmtree(self.published.with_suffix(".versions"), ignore_errors=True)
        self.selection = CORE
        self.environment |= {
            "LANDING_FORMAT": "parquet",
            "PSEUDONYM_KEY": "a key for tests",
            "DUCKDB_MEMORY_LIMIT": "4GB",
        }
        shutil.rmtree(self.project / "seeds")
        shutil.copytree(PROJECT / "seeds", self.project / "seeds")

    def dbt(self, *arguments: str, manifest: Manifest | None = None) -> dbtRunnerResult:
        """Run dbt in this process and let go of the warehouse file. The project is parsed once, unless the arguments forbid it."""
        command = next(argument for argument in arguments if not argument.startswith("-"))
        # Writing the manifest takes longer than many a run. Who wants what a run writes says --write-json.
        if command in ("run", "build", "test", "seed", "list") and "--write-json" not in arguments:
            arguments = ("--no-write-json", *arguments)
        if manifest is None and command in ("run", "build", "test", "seed", "compile", "list"):
            manifest = self.parsed(*arguments)
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        if manifest is None:
            os.environ["DBT_TARGET_PATH"] = str(self.target_of(*arguments))
        try:
            result = dbtRunner(manifest=manifest).invoke(
                ["--quiet", "--log-level", "none", "--log-level-file", "none", *arguments]
            )
            _forget_frames(result.exception)
            return result
        finally:
            DuckDBConnectionManager.close_all_connections()
            gc.collect()
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def build(self, *arguments: str) -> None:
        """Build the selection (empty = every model), without dbt's tests: `make test` runs those on the simulated study."""
        select = ("--select", *self.selection) if self.selection else ()
        result = self.dbt("run", *select, *arguments)
        assert result.success, failures(result)

    def land_and_build(self, land: Callable[..., None], *arguments: str) -> None:
        """Into what `reset` leaves. Later tests get a copy, whose landed files have the same paths, sizes and times: the same files."""
        self.kept.mkdir(exist_ok=True)
        key = repr((land.__module__, land.__name__, arguments, self.selection))
        kept = self.kept / hashlib.sha256(key.encode()).hexdigest()[:16]
        if kept.exists():
            shutil.copytree(kept / "landing", self.landing, dirs_exist_ok=True)
            shutil.copy(kept / self.path.name, self.path)
            return
        land(self, *arguments)
        self.build()
        shutil.copytree(self.landing, kept / "landing")
        shutil.copy(self.path, kept)

    def target_of(self, *arguments: str) -> Path:
        """Where a project that is parsed with options is kept: with one place for all, each would be parsed anew each time."""
        if "--vars" not in arguments:
            return self.target
        options = arguments[arguments.index("--vars") + 1]
        return Path(f"{self.target}_{hashlib.sha256(options.encode()).hexdigest()[:8]}")

    def parsed(self, *arguments: str) -> Manifest | None:
        """The project, parsed once: reading it back takes longer than building it. None where these arguments need it parsed anew.

        Options act when SQL is compiled, but for a few, which YAML reads.
        """
        if any(option in argument for argument in arguments for option in READ_BY_YAML):
            return None
        if self.manifest is None:
            self.manifest = self.dbt("parse").result
            # It stays: no need to look through it for garbage, build by build.
            gc.freeze()
        return self.manifest

    def land(self, path: str, sql: str) -> Path:
        """Write the rows of a query to a landed file; the extension chooses the format."""
        file = self.landing / path
        file.parent.mkdir(parents=True, exist_ok=True)
        options = {".parquet": "format parquet", ".csv": "format csv, header", ".jsonl": "format json"}[file.suffix]
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            target = str(file).replace("'", "''")
            connection.execute(f"copy ({sql}) to '{target}' ({options})")
        return file

    def query(self, sql: str) -> list[tuple]:
        """Rows of a query on the warehouse that dbt wrote."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        """Change the warehouse: plant a bad row."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(sql)

    def tables(self, schemas: Iterable[str] = ("marts", "reference")) -> list[str]:
        """Names of the tables in these schemas, without the accounts of what was built: those tell builds apart.

        Views of the public schemas are tables where they are published, so they are listed; those of others are steps between.
        """
        names = ", ".join(f"'{schema}'" for schema in schemas)
        return [
            f"{schema}.{table}"
            for schema, table in self.query(
                f"""
                select schema_name, table_name from duckdb_tables()
                where schema_name in ({names}) and not list_contains({list(ACCOUNTS)}, table_name)
                union all
                select schema_name, view_name from duckdb_views()
                where schema_name in ({names}) and list_contains({list(PUBLIC_SCHEMAS)}, schema_name)
                order by all
                """
            )
        ]

    def contents(self, schemas: Iterable[str] = ("marts", "reference")) -> dict[str, list[tuple]]:
        """Every row of every table, in one order: to compare two builds row by row."""
        tables = self.tables(schemas)
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return {table: connection.execute(f"select * from {table} order by all").fetchall() for table in tables}


def _forget_frames(error: BaseException | None) -> None:
    """Drop tracebacks, whose frames hold the connection and with it the warehouse file."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def failures(result: dbtRunnerResult) -> str:
    """What went wrong in a dbt run, in words."""
    if result.exception is not None:
        return str(result.exception)
    nodes = getattr(result.result, "results", [])
    return "\n".join(
        f"{node.node.unique_id}: {node.message}" for node in nodes if node.status in ("error", "fail", "runtime error")
    )


def slow(*values: object) -> list[pytest.ParameterSet]:
    """Further values of a parametrised test, which `make test` leaves to `make test-slow`."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


def not_here(reason: str) -> NoReturn:
    """Skip a test that looks at what `make test` builds; in CI, where that was built first, this is a mistake."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def built(path: Path) -> Path:
    """The file, if it is there: tests that look at a build's result are skipped before there is one."""
    if not path.exists():
        not_here(f"{path} is not built: `make test` builds one of its own, `make build` this one")
    return path


def of_the_study(path: Path) -> Path:
    """The file, if it holds the simulated study, whose numbers are known; `make test` builds it before the tests."""
    with duckdb.connect(str(built(path)), read_only=True) as connection:
        if not connection.execute("select is_simulated from marts.rpt_load_summary").fetchone()[0]:
            not_here(f"{path} is of another landing than the simulated study: `make test` builds one of its own")
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that neither of two workers is left alone with it at the end. While one is at Spark's, the other goes on with
    those that share a build or a page of the session: it is made once then.
    """
    longest = ("spark", "exact_increments", "crashes")
    sharing = ("semantic_layer", "semantic_parity", "project", "dialects", "report", "report_in_browser", "simulate")
    order = [f"test_{name}.py" for name in (*longest, *sharing)]
    items.sort(key=lambda item: order.index(item.path.name) if item.path.name in order else len(order))


@pytest.fixture(scope="session")
def shared_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return Warehouse(tmp_path_factory.mktemp("warehouse"))


@pytest.fixture
def warehouse(shared_warehouse: Warehouse) -> Warehouse:
    """A fresh landing and warehouse; the parsed project is kept between tests."""
    shared_warehouse.reset()
    return shared_warehouse
