"""The warehouse in Dagster: every dbt model is an asset, every dbt test an asset check, one run an hour.

The build is one `dbt build` in one process, since the DuckDB file has one writer; Dagster learns of each model from
dbt's log while it runs. dbt itself is the project's own, in .venv: Dagster's environment has no dbt in it and needs
none.
"""

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets
from packaging.version import Version

PROJECT = Path(__file__).resolve().parents[2]
BIN = PROJECT / ".venv" / "bin"
ENVIRONMENT = os.environ | {"DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}

project = DbtProject(project_dir=PROJECT, target_path=Path(os.environ.get("DBT_TARGET_PATH", "target")))


class ProjectDbt(DbtCliResource):
    """dbt as a resource, without two habits of the library's."""

    @cached_property
    def _cli_version(self) -> Version:
        # The library asks `dbt --version` before each command, which asks a package index for a newer one.
        packages = next((BIN.parent / "lib").glob("python*/site-packages"))
        return Version(next(iter(distributions(name="dbt-core", path=[str(packages)]))).version)

    def _initialize_dbt_core_adapter(self, args: Any) -> None:
        # A connection of Dagster's own, for row counts: the warehouse has one writer, and that is dbt.
        return None


@contextmanager
def lock() -> Iterator[None]:
    """Hold the warehouse: the lock that examples/cron takes, and whoever does something by hand."""
    warehouse = Path(PROJECT, os.environ.get("WAREHOUSE_PATH") or "data/build/warehouse.duckdb")
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{warehouse}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def script(name: str, *arguments: str, good: tuple[int, ...] = (0,)) -> str:
    """Run a script of the project, and fail with what it says; docs/runbook.md has the exit codes."""
    done = subprocess.run(
        [BIN / "python", "-m", f"scripts.{name}", *arguments],
        cwd=PROJECT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    if done.returncode not in good:
        raise dg.Failure(f"{name} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


SOURCES = {
    f"{node['source_name']}.{node['name']}": dg.AssetKey([node["source_name"], node["name"]])
    for node in json.loads(project.manifest_path.read_text())["sources"].values()
}


@dg.multi_asset(
    specs=[dg.AssetSpec(key) for key in SOURCES.values()],
    check_specs=[dg.AssetCheckSpec("is_fresh", asset=key) for key in SOURCES.values()],
)
def landing(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """What has arrived. Errors of the check stop the run; a late source fails its asset check and stops nothing."""
    context.log.info(script("check_sources"))
    sources = Path(PROJECT, project.target_path, "sources.json")
    # Its exit code does not tell stale from broken; what it writes does.
    sources.unlink(missing_ok=True)
    with lock():
        subprocess.run([BIN / "dbt", "--quiet", "source", "freshness"], cwd=PROJECT, env=ENVIRONMENT)
    found = json.loads(sources.read_text())["results"]
    status = {row["unique_id"].split(".", 2)[2]: row["status"] for row in found}
    for name, key in SOURCES.items():
        yield dg.MaterializeResult(asset_key=key)
        # A source without bounds is not asked.
        is_fresh = status.get(name, "pass") == "pass"
        metadata = {"status": status.get(name, "no bounds")}
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name="is_fresh",
            passed=is_fresh,
            severity=dg.AssetCheckSeverity.WARN,
            metadata=metadata,
        )


@dbt_assets(manifest=project.manifest_path)
def warehouse(context: dg.AssetExecutionContext, dbt: ProjectDbt) -> Iterator[Any]:
    """Build and test every table."""
    with lock():
        # Artifacts go where the project has them: for the report, and for dbt to parse only what has changed.
        yield from dbt.cli(["build"], context=context, target_path=Path(PROJECT, project.target_path)).stream()


@dg.asset(deps=[warehouse])
def serving_file(context: dg.AssetExecutionContext) -> None:
    """The file that readers open."""
    with lock():
        context.log.info(script("publish"))


@dg.asset(deps=[serving_file])
def build_report() -> dg.MaterializeResult:
    """How the run went. One that fails on the way does not get here: of that Dagster tells itself."""
    return dg.MaterializeResult(metadata=json.loads(script("build_report", good=(0, 1))))


hourly = dg.define_asset_job("llm_traffic", selection="*")
defs = dg.Definitions(
    assets=[landing, warehouse, serving_file, build_report],
    jobs=[hourly],
    schedules=[dg.ScheduleDefinition(job=hourly, cron_schedule="15 * * * *")],
    resources={"dbt": ProjectDbt(project_dir=project, dbt_executable=str(BIN / "dbt"))},
    # One step after the other; a process for each would load the manifest each time.
    executor=dg.in_process_executor,
)
