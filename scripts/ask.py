"""Ask the semantic layer: metrics by dimensions, answered from the serving file (PUBLISHED_PATH), in a second or two.

    python -m scripts.ask --list                                    what can be asked
    python -m scripts.ask cost_per_1m_usd --list                    what this metric can be asked by
    python -m scripts.ask reasoning_token_share --by region source_type month
    python -m scripts.ask --saved-query figure_12_tool_calls --csv

A dimension is named in full (`country__region`) or, where only one ends so, by its last part (`region`); `day`, `week`,
`iso_week`, `month`, `quarter`, `year` and `study_half_year` are the metric's own time. Conditions are SQL on
dimensions.

Exit codes: 0 answered, also with no rows; 1 cannot be answered, the message says what there is instead; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import difflib
import os
import re
import sys
import time
from pathlib import Path

import duckdb

from scripts import _paths
from scripts._semantic import SemanticLayer

PROJECT = Path(__file__).resolve().parents[1]


class NotAnswerable(Exception):
    """The question cannot be answered; the message says why, and what can be asked."""


def semantic_manifest() -> Path:
    """The semantic manifest that dbt wrote; written anew where it is older than what it is made of.

    Raises:
        NotAnswerable: the project does not parse.
    """
    manifest = _paths.target_path() / "semantic_manifest.json"
    made_of = [PROJECT / "dbt_project.yml", *PROJECT.glob("models/**/*.yml"), *PROJECT.glob("models/**/*.sql")]
    if not manifest.exists() or manifest.stat().st_mtime < max(path.stat().st_mtime for path in made_of):
        from dbt.cli.main import dbtRunner  # Takes a second to import, and is seldom needed.

        folders = ["--project-dir", str(PROJECT), "--profiles-dir", os.environ.get("DBT_PROFILES_DIR") or str(PROJECT)]
        target = ["--target-path", str(_paths.target_path().resolve())]
        result = dbtRunner().invoke(["--quiet", "--log-level", "none", "parse", *folders, *target])
        if not result.success:
            raise NotAnswerable(f"The project does not parse: {result.exception}")
    return manifest


def open_layer(on_spark: bool = False) -> SemanticLayer:
    """The semantic layer on the serving file, or on the tables that `make spark` built.

    Raises:
        NotAnswerable: there is no serving file; pyspark is not installed.
    """
    if on_spark:
        try:
            from scripts._spark_semantic import SparkClient, session_of_profile

            client = SparkClient(session_of_profile())
        except ImportError as error:
            raise NotAnswerable(f"Spark is not installed ({error}). Run `make setup-spark`.") from error
        # Relations are named otherwise there, and `make spark` keeps its artifacts apart.
        os.environ["DBT_TARGET"] = "spark"
        os.environ.setdefault("DBT_TARGET_PATH", "target/spark")
        return SemanticLayer(semantic_manifest(), None, client)
    if not _paths.published_path().exists():
        raise NotAnswerable(
            f"{_paths.published_path()} does not exist. Run `make build`, or `python -m scripts.publish` after a build."
        )
    return SemanticLayer(semantic_manifest(), _paths.published_path())


def closest(name: str, names: list[str], count: int = 5) -> list[str]:
    """The names most like one that does not exist: those that contain a word of it, then those spelled like it."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if len(word) > 3]
    sharing = sorted(names, key=lambda known: (-sum(word in known for word in words), known))
    sharing = [known for known in sharing if any(word in known for word in words)]
    spelled = difflib.get_close_matches(name, names, n=count, cutoff=0.5)
    return list(dict.fromkeys([*spelled[:2], *sharing, *spelled]))[:count]


def check_metrics(layer: SemanticLayer, metrics: list[str]) -> None:
    """Raise NotAnswerable for a metric that does not exist."""
    known = {metric.name for metric in layer.manifest.metrics}
    for metric in metrics:
        if metric not in known:
            like = closest(metric, list(layer.visible_metrics()))
            raise NotAnswerable(
                f"There is no metric `{metric}`."
                + (f" Closest: {', '.join(like)}." if like else "")
                + f" `python -m scripts.ask --list` names all {len(layer.visible_metrics())}."
            )


def resolve(layer: SemanticLayer, name: str, metrics: list[str], dimensions: list[str]) -> str:
    """The full name of a dimension.

    Raises:
        NotAnswerable: these metrics have none of that name, or more than one.
    """
    items = layer.group_by_items(metrics)
    if f"metric_time__{name}" in items:
        return f"metric_time__{name}"
    if name in dimensions or name in items:
        return name
    ending = [dimension for dimension in dimensions if dimension.endswith(f"__{name}")]
    own = [dimension for dimension in ending if dimension.split("__")[0] in layer.own_tables(metrics)]
    for candidates in (ending, own):
        if len(candidates) == 1:
            return candidates[0]
    asked = ", ".join(metrics)
    if ending:
        raise NotAnswerable(f"`{name}` of {asked} may be {' or '.join(ending)}: say which.")
    like = closest(name, dimensions)
    raise NotAnswerable(
        f"{asked} cannot be asked by `{name}`."
        + (f" Closest: {', '.join(like)}." if like else "")
        + f"\nThere is: {', '.join(dimensions)}; and as time {', '.join(layer.grains(metrics))}."
    )


def condition(layer: SemanticLayer, text: str, metrics: list[str], dimensions: list[str]) -> str:
    """A condition in SQL on dimensions as MetricFlow takes it; one that already is (`{{ Dimension(...) }}`) stays."""
    if "{{" in text:
        return text

    def templated(match: re.Match[str]) -> str:
        if match.group(0).startswith("'"):
            return match.group(0)
        name = resolve(layer, match.group(0), metrics, dimensions)
        kind = layer.group_by_items(metrics).get(name)
        base, _, grain = name.rpartition("__")
        if kind == "time_dimension":
            return f"{{{{ TimeDimension('{base}', '{grain}') }}}}"
        return f"{{{{ {'Entity' if kind == 'entity' else 'Dimension'}('{name}') }}}}"

    keywords = "and|or|not|in|is|null|true|false|between|like|date|timestamp|lower|upper"
    return re.sub(rf"'(?:[^']|'')*'|\b(?!(?:{keywords})\b)[a-z_][a-z0-9_]*\b", templated, text, flags=re.IGNORECASE)


def cell(value: object) -> str:
    """A value as people read it: days without a time of day, thousands apart, six digits, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:.6g}"
    return str(value)


def table(columns: list[str], rows: list[tuple]) -> str:
    """Rows as aligned text, numbers to the right."""
    text = [[cell(value) for value in row] for row in rows]
    widths = [max(len(name), *(len(row[index]) for row in text)) for index, name in enumerate(columns)]
    right = [any(isinstance(row[index], int | float) for row in rows) for index in range(len(columns))]
    lines = [
        "  ".join(
            value.rjust(width) if to_right else value.ljust(width)
            for value, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [columns, ["-" * width for width in widths], *text]
    ]
    return "\n".join(lines)


def listing(layer: SemanticLayer, metrics: list[str]) -> str:
    """What can be asked: all metrics, or what the given ones can be asked by."""
    if not metrics:
        labels = layer.visible_metrics()
        saved = sorted((saved.name, saved.label or "") for saved in layer.manifest.saved_queries)
        width = max(len(name) for name in [*labels, *(name for name, _ in saved)])
        return "\n".join(
            [f"{len(labels)} metrics (docs/metrics.md says what each means):"]
            + [f"  {name.ljust(width)}  {label}" for name, label in labels.items()]
            + [f"{len(saved)} saved queries:"]
            + [f"  {name.ljust(width)}  {label}" for name, label in saved]
        )
    names = "".join(f"\n  {name}" for name in layer.dimensions(metrics))
    return f"{', '.join(metrics)} by:{names}\n  and as time: {', '.join(layer.grains(metrics))}"


def answer(layer: SemanticLayer, arguments: argparse.Namespace) -> None:
    """Print the answer to a question.

    Raises:
        NotAnswerable: the question names what does not exist.
    """
    if arguments.saved_query:
        saved = [saved.name for saved in layer.manifest.saved_queries]
        if arguments.saved_query not in saved:
            like = closest(arguments.saved_query, saved) or saved
            raise NotAnswerable(f"There is no saved query `{arguments.saved_query}`. Closest: {', '.join(like)}.")
        if arguments.metrics or arguments.by:
            raise NotAnswerable("A saved query has its own metrics and dimensions: leave those out.")
        parameters = next(s for s in layer.manifest.saved_queries if s.name == arguments.saved_query).query_params
        metrics, by = list(parameters.metrics), []
        names = [re.findall(r"'([a-z_0-9]+)'", item) for item in parameters.group_by]
        saved_order = ["__".join(name) for name in names]
    else:
        metrics, by, saved_order = arguments.metrics, arguments.by, []
        check_metrics(layer, metrics)
    dimensions = layer.dimensions(metrics)
    by = [resolve(layer, name, metrics, dimensions) for name in by]
    where = [condition(layer, text, metrics, dimensions) for text in arguments.where]
    order = [
        sign + (name if name in metrics else resolve(layer, name, metrics, dimensions))
        for sign, names in (("-", arguments.order_desc), ("", arguments.order))
        for name in names
    ]
    question = {
        "metrics": None if arguments.saved_query else metrics,
        "group_by": by,
        "where": where,
        "order_by": order or by or saved_order,
        "limit": arguments.limit,
        "saved_query": arguments.saved_query,
    }
    if arguments.sql:
        print(layer.sql(**question))
        return
    begin = time.perf_counter()
    result = layer.query(**question)
    seconds = time.perf_counter() - begin
    columns, rows = list(result.column_names), [tuple(row) for row in result.rows]
    if arguments.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([v.date() if isinstance(v, datetime.datetime) else v for v in row] for row in rows)
    elif rows:
        print(table(columns, rows))
    note = ", from SIMULATED data" if layer.client.is_simulated() else ""
    print(f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'} in {seconds:.2f} s{note}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's docstring for exit codes."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.ask", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("metrics", nargs="*", help="metrics, see --list")
    parser.add_argument("--by", nargs="+", default=[], metavar="DIMENSION", help="what to group by")
    parser.add_argument("--where", action="append", default=[], help="condition on dimensions; may be repeated")
    parser.add_argument("--order", nargs="+", default=[], metavar="NAME", help="smallest first; default: as grouped")
    parser.add_argument("--order-desc", nargs="+", default=[], metavar="NAME", help="largest first")
    parser.add_argument("--limit", type=int, help="at most so many rows")
    parser.add_argument("--saved-query", metavar="NAME", help="a saved query instead of metrics")
    parser.add_argument("--list", action="store_true", help="what can be asked, or what the metrics can be asked by")
    parser.add_argument("--csv", action="store_true", help="print CSV with all digits")
    parser.add_argument("--sql", action="store_true", help="print the SQL instead of running it")
    parser.add_argument(
        "--spark", action="store_true", help="ask the tables of `make spark` (MetricFlow's Databricks SQL)"
    )
    parsed = parser.parse_args(arguments)
    if not (parsed.metrics or parsed.saved_query or parsed.list):
        parser.error("name a metric or a saved query; --list shows them")
    try:
        layer = open_layer(parsed.spark)
        try:
            if parsed.list:
                check_metrics(layer, parsed.metrics)
                print(listing(layer, parsed.metrics))
            else:
                answer(layer, parsed)
        finally:
            layer.close()
    except NotAnswerable as reason:
        print(reason, file=sys.stderr)
        return 1
    except duckdb.Error as error:
        print(
            f"The serving file cannot answer: {str(error).splitlines()[0]}\nA condition may compare a dimension with"
            " something of another type; or the file is older than the project: run `python -m scripts.publish`.",
            file=sys.stderr,
        )
        return 1
    except Exception as error:  # MetricFlow's own refusals are of many classes; each begins with the reason.
        print(f"MetricFlow cannot answer: {_reason(str(error))}", file=sys.stderr)
        return 1
    return 0


def _reason(message: str) -> str:
    """The part of MetricFlow's message that says why, without its place in the query."""
    lines = [line.rstrip() for line in message.splitlines() if line.strip()]
    end = next((index for index, line in enumerate(lines) if "Issue Location" in line), len(lines))
    return "\n".join(lines[:end][:15])


if __name__ == "__main__":
    sys.exit(main())
