"""Write the metric dictionary, docs/metrics.md, from the manifest.

    python -m scripts.metric_dictionary            write the page
    python -m scripts.metric_dictionary --check    say whether the page is what it would write

Exit codes: 0 written, or up to date; 1 stale, or the project does not parse.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import jinja2
import yaml

from scripts._semantic import SemanticLayer
from scripts.ask import PROJECT, NotAnswerable, semantic_manifest

PAGE = PROJECT / "docs" / "metrics.md"
FAMILIES = PROJECT / "docs" / "metric_families.yml"

# What to ask by in an example, by the table that a metric is made of: three dimensions, one of them time.
EXAMPLES = {
    "usage": ["region", "source_type", "month"],
    "sample": ["category", "model__author", "week"],
    "account_month": ["region", "source_type", "month"],
    "cohort": ["model__author", "cohort__region", "quarter"],
    "model_week": ["size_bucket", "source_type", "month"],
}


def formula(metric: dict[str, Any]) -> str:
    """How a metric is made, in one line of code."""
    parameters = metric["type_params"]
    if metric["type"] == "simple":
        aggregation = parameters["metric_aggregation_params"]
        return f"`{aggregation['agg']}({parameters['expr'] or metric['name']})` of {aggregation['semantic_model']}"
    if metric["type"] == "ratio":
        return f"`{parameters['numerator']['name']} / {parameters['denominator']['name']}`"
    if metric["type"] == "cumulative":
        cumulative = parameters["cumulative_type_params"]
        if cumulative["window"]:
            reach = f"the last {cumulative['window']['count']} {cumulative['window']['granularity']}s"
        else:
            reach = f"the {cumulative['grain_to_date']} to date" if cumulative["grain_to_date"] else "all days so far"
        return f"`{cumulative['metric']['name']}` over {reach}"
    inputs = [
        f"`{given['alias']}` is {given['name']} {window['count']} {window['granularity']} earlier"
        for given in parameters["metrics"]
        if (window := given.get("offset_window"))
    ]
    return "; ".join([f"`{parameters['expr']}`", *inputs])


def as_list(value: str | list[str]) -> list[str]:
    """One value or several, as several."""
    return [value] if isinstance(value, str) else list(value)


def figures(manifest: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Each figure and table of the study: its saved queries, and what is left to the mart, with the reason."""
    rows: dict[str, dict[str, list[str]]] = {}
    for query in sorted(manifest["saved_queries"].values(), key=lambda query: query["name"]):
        meta = query["config"]["meta"]
        for figure in as_list(meta["paper"]):
            row = rows.setdefault(figure, {"queries": [], "left": []})
            row["queries"].append(query["name"])
            left = meta.get("only_the_mart_says")
            if left and left not in row["left"]:
                row["left"].append(left)
    only_marts = manifest["exposures"]["exposure.llm_traffic.study_report"]["config"]["meta"]["only_marts_say"]
    for figure, reason in only_marts.items():
        rows.setdefault(figure, {"queries": [], "left": []})["left"].append(reason)
    return dict(sorted(rows.items(), key=lambda item: (item[0].split()[0], int(item[0].split()[1]))))


def dimension_table(manifest: dict[str, Any], layer: SemanticLayer, table: str, metric: str) -> dict[str, Any]:
    """What the metrics of a table can be asked by, each with its label or, for a key, what it is the key of."""
    labels: dict[tuple[str, str], str] = {}
    for model in manifest["semantic_models"].values():
        primary = model["primary_entity"] or next(e["name"] for e in model["entities"] if e["type"] == "primary")
        for dimension in model["dimensions"]:
            labels[primary, dimension["name"]] = dimension["label"]
    (model,) = (model for model in manifest["semantic_models"].values() if model["primary_entity"] == table)
    rows = []
    for name in layer.dimensions([metric]):
        *_, entity, element = ["", *name.split("__")]
        if name != "metric_time":
            rows.append({"name": name, "label": labels.get((entity, element)) or f"key: {element.replace('_', ' ')}"})
    description = model["description"].split(". ")[0].split(": ")[0].strip().rstrip(".") + "."
    return {"name": table, "description": description, "dimensions": rows, "grains": layer.grains([metric])}


def render(manifest: dict[str, Any], layer: SemanticLayer) -> str:
    """The page.

    Args:
        manifest: dbt's manifest, which has what people wrote.
        layer: the semantic layer, which knows what each metric can be asked by.
    """
    visible = layer.visible_metrics()
    metrics = {metric["name"]: metric for metric in manifest["metrics"].values() if metric["name"] in visible}
    families = yaml.safe_load(FAMILIES.read_text(encoding="utf-8"))
    tables: dict[str, dict[str, Any]] = {}
    sections = {name: family | {"metrics": []} for name, family in families.items()}
    for name in sorted(metrics):
        metric = metrics[name]
        meta = metric["config"]["meta"]
        (table,) = layer.own_tables([name])
        if table not in tables:
            tables[table] = dimension_table(manifest, layer, table, name)
        sections[meta["family"]]["metrics"].append(
            {
                "name": name,
                "label": metric["label"],
                "description": " ".join(metric["description"].split()),
                "unit": meta["unit"],
                "paper": as_list(meta["paper"]),
                "type": metric["type"],
                "formula": formula(metric),
                "table": table,
                "dimensions": len(tables[table]["dimensions"]),
                "grains": layer.grains([name]),
                "example": EXAMPLES[table],
            }
        )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PROJECT / "docs"), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    environment.filters["code"] = lambda text: f"`{text}`"
    return environment.get_template("metrics.md.jinja").render(
        metrics=metrics,
        families=list(sections.values()),
        saved_queries=manifest["saved_queries"],
        figures=figures(manifest),
        tables=[tables[table] for table in EXAMPLES],
    )


def load(manifests: Path) -> tuple[dict[str, Any], SemanticLayer]:
    """The manifest and the semantic layer of a target folder; no database is needed."""
    manifest = json.loads((manifests / "manifest.json").read_text(encoding="utf-8"))
    return manifest, SemanticLayer(manifests / "semantic_manifest.json", None)


def main() -> int:
    """Command line; see the module's docstring for exit codes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is stale")
    arguments = parser.parse_args()
    try:
        page = render(*load(semantic_manifest().parent))
    except NotAnswerable as reason:
        print(reason, file=sys.stderr)
        return 1
    if arguments.check:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
            print(f"{PAGE.relative_to(PROJECT)} is stale: run `python -m scripts.metric_dictionary`.", file=sys.stderr)
            return 1
        print(f"{PAGE.relative_to(PROJECT)} is up to date.")
        return 0
    PAGE.write_text(page, encoding="utf-8")
    print(f"Wrote {PAGE.relative_to(PROJECT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
