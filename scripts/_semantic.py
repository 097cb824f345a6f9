"""MetricFlow in this process, on a DuckDB file that is opened read-only: no dbt adapter, no lock, no call to a network.

MetricFlow's own command line asks a package index for a newer version each time it starts. Its engine does not: it
wants the semantic manifest that dbt wrote, and somewhere to run SQL.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
from metricflow.data_table.mf_table import MetricFlowDataTable
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow.sql.render.sql_plan_renderer import SqlPlanRenderer
from metricflow_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
from metricflow_semantics.sql.sql_bind_parameters import SqlBindParameterSet


class DuckDbClient:
    """MetricFlow's SqlClient on one DuckDB file, attached read-only under the database name of the manifest."""

    sql_engine_type = SqlEngine.DUCKDB

    def __init__(self, path: Path, database: str):
        self.connection = duckdb.connect()
        literal = str(path).replace("'", "''")
        self.connection.execute("set timezone = 'UTC'")
        self.connection.execute("set autoinstall_known_extensions = false")
        self.connection.execute("set autoload_known_extensions = false")
        self.connection.execute(f"attach '{literal}' as \"{database}\" (read_only)")

    @property
    def sql_plan_renderer(self) -> SqlPlanRenderer:
        """How MetricFlow writes SQL for this engine."""
        return DuckDbSqlPlanRenderer()

    def query(self, stmt: str, sql_bind_parameter_set: SqlBindParameterSet | None = None) -> MetricFlowDataTable:
        """Rows of a select statement."""
        cursor = self.connection.execute(stmt)
        names = [column[0] for column in cursor.description]
        return MetricFlowDataTable.create_from_rows(column_names=names, rows=cursor.fetchall())

    def execute(self, stmt: str, sql_bind_parameter_set: SqlBindParameterSet | None = None) -> None:
        """Run a statement for its effect; the file is read-only."""
        self.connection.execute(stmt)

    def dry_run(self, stmt: str, sql_bind_parameter_set: SqlBindParameterSet | None = None) -> None:
        """Raise unless the statement can be planned."""
        self.connection.execute(f"explain {stmt}")

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        """MetricFlow names parameters; DuckDB writes them with a dollar sign."""
        return f"${bind_parameter_key}"


class SemanticLayer:
    """The metrics of a semantic manifest, answered from one DuckDB file."""

    def __init__(self, manifest: Path, database: Path):
        text = manifest.read_text(encoding="utf-8")
        self.manifest: PydanticSemanticManifest = parse_manifest_from_dbt_generated_manifest(text)
        relations = {model["node_relation"]["database"] for model in json.loads(text)["semantic_models"]}
        assert len(relations) == 1, relations
        self.client = DuckDbClient(database, relations.pop())
        self.engine = MetricFlowEngine(
            semantic_manifest_lookup=SemanticManifestLookup(self.manifest), sql_client=self.client
        )

    def query(
        self,
        metrics: list[str] | None = None,
        group_by: list[str] | None = None,
        where: list[str] | None = None,
        order_by: list[str] | None = None,
        limit: int | None = None,
        saved_query: str | None = None,
    ) -> MetricFlowDataTable:
        """Rows of a question; a saved query takes the place of metrics and dimensions."""
        result = self.engine.query(self.request(metrics, group_by, where, order_by, limit, saved_query))
        assert result.result_df is not None
        return result.result_df

    def sql(
        self,
        metrics: list[str] | None = None,
        group_by: list[str] | None = None,
        where: list[str] | None = None,
        order_by: list[str] | None = None,
        limit: int | None = None,
        saved_query: str | None = None,
    ) -> str:
        """The SQL that answers a question."""
        explained = self.engine.explain(self.request(metrics, group_by, where, order_by, limit, saved_query))
        return explained.sql_statement.without_descriptions.sql

    @staticmethod
    def request(
        metrics: list[str] | None,
        group_by: list[str] | None,
        where: list[str] | None,
        order_by: list[str] | None,
        limit: int | None,
        saved_query: str | None,
    ) -> MetricFlowQueryRequest:
        """A question as MetricFlow takes it."""
        return MetricFlowQueryRequest.create(
            saved_query_name=saved_query,
            metric_names=metrics or None,
            group_by_names=group_by or None,
            where_constraints=where or None,
            order_by_names=order_by or None,
            limit=limit,
        )

    def visible_metrics(self) -> dict[str, str]:
        """Names of the metrics that are meant to be asked, with their labels; inputs of others are hidden."""
        return {
            metric.name: metric.label or metric.name
            for metric in sorted(self.manifest.metrics, key=lambda metric: metric.name)
            if not metric.type_params.is_private
        }

    def dimensions(self, metrics: list[str]) -> list[str]:
        """What all of these metrics can be asked by."""
        return sorted(
            {item.granularity_free_dunder_name for item in self.engine.simple_dimensions_for_metrics(metrics)}
            | {entity.name for entity in self.engine.entities_for_metrics(metrics)}
        )

    def close(self) -> None:
        """Let go of the file."""
        self.client.close()
