"""The warehouse in Airflow: check what arrived, build and test, publish, report, every hour.

The build is one task, Cosmos' operator for `dbt build`, and not a task a model (DbtDag, DbtTaskGroup): the DuckDB
file has one writer, so tasks could not run beside each other anyway; each task would start dbt and read the parsed
project anew, which takes longer than most models do (examples/README.md has the numbers); and what may be published
is known by dbt's own account of one whole build. What failed is in the task's log, and by name in the report.

dbt is the project's own, in .venv: Airflow's environment has no dbt in it and needs none. Settings (LANDING_PATH and
the others) are the worker's environment variables. PSEUDONYM_KEY above all: what is given to a task as `env` is shown
in the interface, and kept.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from cosmos import ProfileConfig
from cosmos.constants import InvocationMode
from cosmos.operators.local import DbtBuildLocalOperator

PROJECT = Path(__file__).resolve().parents[3]
DBT = PROJECT / "examples" / "airflow" / "dbt"

# Cosmos runs dbt in a temporary copy of the project, from where a relative path leads nowhere.
PATHS = {
    name: str(Path(PROJECT, os.environ.get(name) or default))
    for name, default in {
        "LANDING_PATH": "data/landing",
        "WAREHOUSE_PATH": "data/build/warehouse.duckdb",
        "PUBLISHED_PATH": "data/warehouse.duckdb",
        "CHECKS_PATH": "data/checks",
        "DBT_TARGET_PATH": "target",
        "DBT_LOG_PATH": "logs",
        "DUCKDB_TEMP_DIRECTORY": "data/build/tmp",
    }.items()
}
ENVIRONMENT = PATHS | {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DBT_LOG_FORMAT_FILE": "json",
}


def step(task_id: str, command: str, **arguments: object) -> BashOperator:
    """A command in the project's folder."""
    return BashOperator(
        task_id=task_id, bash_command=command, cwd=str(PROJECT), env=ENVIRONMENT, append_env=True, **arguments
    )


with DAG(
    "llm_traffic",
    schedule="15 * * * *",
    start_date=datetime(2025, 1, 1),
    catchup=False,
    # One run, and in it one task, at a time: DuckDB has one writer, which shuts out readers, too.
    max_active_runs=1,
    max_active_tasks=1,
    default_args={"execution_timeout": timedelta(hours=6)},
    doc_md=__doc__,
) as dag:
    check_sources = step("check_sources", ".venv/bin/python -m scripts.check_sources")
    # A late source fails this task, and with it the report and the run; it does not stop the build.
    freshness = step("freshness", f"{DBT} --quiet source freshness")
    build = DbtBuildLocalOperator(
        task_id="build",
        project_dir=str(PROJECT),
        profile_config=ProfileConfig("llm_traffic", "dev", profiles_yml_filepath=PROJECT / "profiles.yml"),
        dbt_executable_path=str(DBT),
        invocation_mode=InvocationMode.SUBPROCESS,
        dbt_cmd_global_flags=["--quiet"],
        install_deps=False,
        # An Airflow asset a model would be named by the path of the warehouse; downstream DAGs read the serving file.
        emit_datasets=False,
        should_store_compiled_sql=False,
        env=ENVIRONMENT,
        append_env=True,
    )
    publish = step("publish", 'flock "$WAREHOUSE_PATH.lock" .venv/bin/python -m scripts.publish')
    report = step(
        "build_report",
        '.venv/bin/python -m scripts.build_report --since "{{ dag_run.start_date.isoformat() }}"'
        ' --append "${REPORTS_PATH:-data/build/reports.jsonl}"',
        trigger_rule="all_done",
    )
    check_sources >> freshness >> report
    check_sources >> build >> publish >> report
