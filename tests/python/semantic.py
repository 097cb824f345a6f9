"""The semantic layer of tests: one hand-made landing and one simulated study, each built and parsed once a session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Warehouse, failures, of_the_study
from landings import land_five_months

from scripts import _paths, publish
from scripts._semantic import SemanticLayer


class Both:
    """A semantic layer, and the marts of the same file."""

    def __init__(self, manifest: Path, database: Path):
        self.database = database
        self.layer = SemanticLayer(manifest, database)
        self.saved = {saved.name: saved for saved in self.layer.manifest.saved_queries}
        self.connection = self.layer.client.connection
        self.connection.execute(f"set search_path = '{self.layer.client.database}.marts,memory.main'")


@pytest.fixture(scope="session")
def semantic_manifest(shared_warehouse: Warehouse) -> Path:
    """What dbt makes of the project, in a place that no later parse writes to."""
    shared_warehouse.reset()
    result = shared_warehouse.dbt("parse")
    assert result.success, failures(result)
    kept = shared_warehouse.root / "manifests"
    kept.mkdir()
    for name in ("manifest.json", "semantic_manifest.json"):
        (kept / name).write_bytes((shared_warehouse.target / name).read_bytes())
    return kept / "semantic_manifest.json"


@pytest.fixture(scope="session")
def manifest(semantic_manifest: Path) -> dict:
    """The project as dbt has it."""
    return json.loads((semantic_manifest.parent / "manifest.json").read_text())


@pytest.fixture(scope="session")
def five_months(shared_warehouse: Warehouse, semantic_manifest: Path) -> Iterator[Both]:
    shared_warehouse.reset()
    land_five_months(shared_warehouse)
    shared_warehouse.selection = ()
    shared_warehouse.build()
    # Published: questions are asked of the serving file, where views are tables; later tests begin with an empty warehouse.
    copy = shared_warehouse.root / "five_months.duckdb"
    publish.publish(shared_warehouse.path, copy)
    both = Both(semantic_manifest, copy)
    yield both
    both.layer.close()


@pytest.fixture(scope="session")
def study(semantic_manifest: Path) -> Iterator[Both]:
    both = Both(semantic_manifest, of_the_study(_paths.published_path()))
    yield both
    both.layer.close()
