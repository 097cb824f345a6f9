"""MetricFlow in this process, on a DuckDB file that is opened read-only: no dbt adapter, no lock, no call to a network.

MetricFlow's own command line asks a package index for a newer version each time it starts. Its engine does not: it
wants the semantic manifest that dbt wrote, and somewhere to run SQL.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
from metricflow.data_table.mf_table import MetricFlowDataTable
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow.sql.render.sql_plan_renderer import SqlPlanRenderer
from metricflow_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
from metricflow_semantic_interfaces.references import MetricReference
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.linkable_element_property import GroupByItemProperty
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
from metricflow_semantics.model.semantics.element_filter import GroupByItemSetFilter
from metricflow_semantics.model.semantics.linkable_element import LinkableElementType
from metricflow_semantics.sql.sql_bind_parameters import SqlBindParameterSet

STANDARD_GRAINS = ("day", "week", "month", "quarter", "year")

# Ways to group that are not offered: parts of a date, metrics by entity.
NOT_OFFERED = {GroupByItemProperty.DATE_PART, GroupByItemProperty.METRIC}


class DuckDbClient:
    """MetricFlow's SqlClient on one DuckDB file, attached read-only under the database name of the manifest."""

    sql_engine_type = SqlEngine.DUCKDB

    def __init__(self, path: Path | None, database: str):
        self.database = database
        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'UTC'")
        self.connection.execute("set autoinstall_known_extensions = false")
        self.connection.execute("set autoload_known_extensions = false")
        if path is not None:
            literal = str(path).replace("'", "''")
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

    def is_simulated(self) -> bool:
        """Whether the marts are of simulated data."""
        return self.query(f'select is_simulated from "{self.database}".marts.rpt_load_summary').rows[0][0]

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        """MetricFlow names parameters; DuckDB writes them with a dollar sign."""
        return f"${bind_parameter_key}"


class SemanticLayer:
    """The metrics of a semantic manifest, answered from one DuckDB file; without a file they can only be described.

    With a client of its own it is answered from there (scripts/_spark_semantic.py).
    """

    def __init__(self, manifest: Path, database: Path | None, client: Any = None):
        text = manifest.read_text(encoding="utf-8")
        self.manifest: PydanticSemanticManifest = parse_manifest_from_dbt_generated_manifest(text)
        relations = {model["node_relation"]["database"] for model in json.loads(text)["semantic_models"]}
        assert len(relations) == 1, relations
        self.client = client or DuckDbClient(database, relations.pop())
        self.lookup = SemanticManifestLookup(self.manifest)
        self.engine = MetricFlowEngine(semantic_manifest_lookup=self.lookup, sql_client=self.client)

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

    def group_by_items(self, metrics: list[str]) -> dict[str, str]:
        """All that these metrics can be asked by together: names, time in each of its grains, and their kinds."""
        items = self.lookup.metric_lookup.get_common_group_by_items(
            metric_references=tuple(MetricReference(element_name=metric) for metric in metrics),
            set_filter=GroupByItemSetFilter.create(any_properties_denylist=NOT_OFFERED),
        )
        kinds = {item.spec.dunder_name: item.element_type for item in items.annotated_specs}
        # An entity of the metric's own table has two names, `model` and `usage__model`: the short one will do.
        return {
            name: kind.value
            for name, kind in kinds.items()
            if not (kind is LinkableElementType.ENTITY and name.rpartition("__")[2] in kinds and "__" in name)
        }

    def own_tables(self, metrics: list[str]) -> set[str]:
        """Primary entities of the tables that these metrics are made of: how their own dimensions' names begin."""
        by_name = {metric.name: metric for metric in self.manifest.metrics}
        tables = {model.name: model.primary_entity for model in self.manifest.semantic_models}
        found, open_metrics = set(), list(metrics)
        while open_metrics:
            parameters = by_name[open_metrics.pop()].type_params
            if parameters.metric_aggregation_params:
                found.add(tables[parameters.metric_aggregation_params.semantic_model])
            inputs = [parameters.numerator, parameters.denominator, *(parameters.metrics or [])]
            if parameters.cumulative_type_params:
                inputs.append(parameters.cumulative_type_params.metric)
            open_metrics += [metric.name for metric in inputs if metric]
        return found

    def dimensions(self, metrics: list[str]) -> list[str]:
        """What all of these metrics can be asked by; time without its grains."""
        return sorted(
            {
                name.rpartition("__")[0] if kind == LinkableElementType.TIME_DIMENSION.value else name
                for name, kind in self.group_by_items(metrics).items()
            }
        )

    def grains(self, metrics: list[str]) -> list[str]:
        """The grains that the time of all of these metrics has, finest first; those of the time spine last."""
        spines = self.manifest.project_configuration.time_spines
        names = [*STANDARD_GRAINS, *(custom.name for spine in spines for custom in spine.custom_granularities)]
        items = self.group_by_items(metrics)
        return [name for name in names if f"metric_time__{name}" in items]

    def close(self) -> None:
        """Let go of the file."""
        self.client.close()
