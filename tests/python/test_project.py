"""What must hold of every node: described, keyed, under contract; read from dbt's own manifest."""

from __future__ import annotations

import csv
import re

import pytest
from conftest import PROJECT, Warehouse

KEY_TESTS = {"primary_key", "unique_by_hash"}


def nodes(manifest: dict, kind: str) -> list[dict]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == kind]


def test_everything_is_described(manifest: dict):
    undescribed = []
    own = [node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "seed", "analysis")]
    for node in own + list(manifest["sources"].values()):
        if not node["description"].strip():
            undescribed.append(node["unique_id"])
        undescribed += [
            f"{node['unique_id']}.{name}"
            for name, column in node["columns"].items()
            if not column["description"].strip()
        ]
    for macro in manifest["macros"].values():
        if macro["package_name"] == "llm_traffic" and not macro["description"].strip():
            undescribed.append(macro["unique_id"])
    for kind in ("metrics", "saved_queries", "semantic_models", "exposures", "groups"):
        assert manifest[kind], kind
        undescribed += [
            unique_id for unique_id, node in manifest[kind].items() if not (node["description"] or "").strip()
        ]
    assert not undescribed


def test_documented_columns_are_all_the_columns(shared_warehouse: Warehouse, manifest: dict):
    """No column is left out of the YAML: for marts the contract sees to it, for the rest this does."""
    shared_warehouse.reset()
    shared_warehouse.selection = ()
    shared_warehouse.build()
    for node in nodes(manifest, "model"):
        built = {name for (name, *_) in shared_warehouse.query(f"describe {node['schema']}.{node['name']}")}
        assert built == set(node["columns"]), node["name"]
    for node in nodes(manifest, "seed"):
        with (PROJECT / node["original_file_path"]).open(newline="") as file:
            assert next(csv.reader(file)) == list(node["columns"]), node["name"]


def test_every_model_and_seed_has_a_tested_key(manifest: dict):
    keyed = set()
    for test in nodes(manifest, "test"):
        name = (test.get("test_metadata") or {}).get("name")
        if name in KEY_TESTS or (name == "row_count_between" and test["test_metadata"]["kwargs"].get("max_value") == 1):
            keyed.add(test["attached_node"])
    unkeyed = {node["unique_id"] for kind in ("model", "seed") for node in nodes(manifest, kind)} - keyed
    # A view that leaves rows of one model out has that model's key: testing it again would read all records again.
    for unique_id in list(unkeyed):
        node = manifest["nodes"][unique_id]
        proven_by = f"model.llm_traffic.{node['config']['meta'].get('key_proven_by')}"
        sql = re.sub(r"--.*", "", node["raw_code"])
        if proven_by in keyed and node["depends_on"]["nodes"] == [proven_by]:
            assert node["config"]["materialized"] == "view", unique_id
            assert not re.search(r"\b(join|union|unnest|lateral)\b", sql), unique_id
            unkeyed.remove(unique_id)
    assert not unkeyed


def test_every_mart_is_under_contract_and_says_its_grain_first(manifest: dict):
    for node in nodes(manifest, "model"):
        assert node["description"].startswith("One row"), node["name"]
        if node["schema"] == "marts":
            assert node["config"]["contract"]["enforced"], node["name"]
            # The largest semantic tables are views here: publication computes them once, a build not at all.
            kinds = ("table", "view") if node["name"].startswith("sem_") else ("table", "incremental")
            assert node["config"]["materialized"] in kinds, node["name"]


def test_every_report_mart_says_which_figure_it_is(manifest: dict):
    for node in nodes(manifest, "model"):
        if node["name"].startswith("rpt_"):
            papers = node["config"]["meta"].get("paper")
            for paper in [papers] if isinstance(papers, str) else papers or []:
                assert re.fullmatch(r"(Figure|Table) [0-9]+|not in the paper", paper), node["name"]
            assert papers, node["name"]


def test_seeds_are_sorted_by_their_key():
    """Natural key first, one row a line, sorted: so that a diff reads as a sentence."""
    seeds = sorted(PROJECT.glob("seeds/*/*.csv"))
    assert len(seeds) >= 13
    for seed in seeds:
        content = seed.read_bytes()
        assert b"\r" not in content and content.endswith(b"\n") and not content.endswith(b"\n\n"), seed.name
        with seed.open(newline="") as file:
            rows = list(csv.reader(file))[1:]
        assert len({len(row) for row in rows}) == 1, seed.name
        key = [tuple(row[:2]) for row in rows]
        assert key == sorted(key), seed.name


@pytest.mark.parametrize("page", ["README.md", "models/overview.md"])
def test_the_map_from_figures_to_marts_is_complete_and_true(manifest: dict, page: str):
    """One line a figure or table; the marts that it names are those whose meta.paper names it."""
    of_figure: dict[str, set[str]] = {}
    for node in nodes(manifest, "model"):
        papers = node["config"]["meta"].get("paper", [])
        for paper in [papers] if isinstance(papers, str) else papers:
            of_figure.setdefault(paper, set()).add(node["name"])
    wanted = {f"Figure {number}" for number in range(1, 30)} | {f"Table {number}" for number in range(1, 4)}
    assert wanted == set(of_figure) - {"not in the paper"}

    lines = re.findall(r"^\| ((?:Figure|Table) [0-9]+) \|.*\| ([^|]+) \|$", (PROJECT / page).read_text(), re.MULTILINE)
    assert len(lines) == len(wanted)
    for figure, marts in lines:
        assert set(re.findall(r"`(rpt_[a-z0-9_]+)`", marts)) == of_figure[figure], figure
