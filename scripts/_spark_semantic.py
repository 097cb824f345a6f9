"""MetricFlow on Apache Spark. An extra, not MetricFlow's own: it refuses dbt's adapter type `spark`.

Its engine writes SQL for Databricks, and open Spark runs that SQL unchanged; a test compares the answers with DuckDB's.
Nothing else of MetricFlow is made to work: not `mf`, which looks for the adapter in dbt's profile, and not `dbt sl`.
What the Databricks renderer refuses is refused here: some kinds of percentiles.
"""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import jinja2
import yaml
from metricflow.data_table.mf_table import MetricFlowDataTable
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.databricks import DatabricksSqlPlanRenderer
from metricflow.sql.render.sql_plan_renderer import SqlPlanRenderer
from metricflow_semantics.sql.sql_bind_parameters import SqlBindParameterSet

PROJECT = Path(__file__).resolve().parents[1]


class SparkClient:
    """MetricFlow's SqlClient on a Spark session; the tables are found by schema and name in its catalogue."""

    sql_engine_type = SqlEngine.DATABRICKS

    def __init__(self, session: Any):
        self.session = session

    @property
    def sql_plan_renderer(self) -> SqlPlanRenderer:
        """How MetricFlow writes SQL for this engine."""
        return DatabricksSqlPlanRenderer()

    def query(self, stmt: str, sql_bind_parameter_set: SqlBindParameterSet | None = None) -> MetricFlowDataTable:
        """Rows of a select statement. Dates come as times at midnight, as DuckDB's client gives them."""
        frame = self.session.sql(stmt)
        rows = [tuple(_value(value) for value in row) for row in frame.collect()]
        return MetricFlowDataTable.create_from_rows(column_names=frame.columns, rows=rows)

    def execute(self, stmt: str, sql_bind_parameter_set: SqlBindParameterSet | None = None) -> None:
        """Run a statement for its effect."""
        self.session.sql(stmt)

    def dry_run(self, stmt: str, sql_bind_parameter_set: SqlBindParameterSet | None = None) -> None:
        """Raise unless the statement can be planned."""
        self.session.sql(f"explain {stmt}")

    def is_simulated(self) -> bool:
        """Whether the marts are of simulated data."""
        return self.session.sql("select is_simulated from marts.rpt_load_summary").collect()[0][0]

    def close(self) -> None:
        """The session is its owner's."""

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        """MetricFlow names parameters; Spark writes them with a colon."""
        return f":{bind_parameter_key}"


def _value(value: Any) -> Any:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    return value


def session_of_profile() -> Any:
    """A Spark session with the settings that profiles.yml gives dbt's target `spark`."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.enableHiveSupport()
    for name, value in profile_settings().items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def profile_settings() -> dict[str, str]:
    """`server_side_parameters` of the target, with its environment variables put in."""
    environment = jinja2.Environment(autoescape=False)
    environment.globals["env_var"] = lambda name, default="": os.environ.get(name, default)
    environment.filters["as_number"] = int
    text = (PROJECT / "profiles.yml").read_text(encoding="utf-8")
    profile = yaml.safe_load(environment.from_string(text).render())
    settings = profile["llm_traffic"]["outputs"]["spark"]["server_side_parameters"]
    # dbt's adapter says the same: the project's casts count on it.
    return {name: str(value) for name, value in settings.items()} | {"spark.sql.ansi.enabled": "false"}
