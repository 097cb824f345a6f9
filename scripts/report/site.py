"""Writes the site: one page a section of the study, an index with the summary, a CSV file a figure."""

from __future__ import annotations

import csv
import datetime
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from scripts.report import charts, colours, gate, texts
from scripts.report.definitions import Definitions, Figure
from scripts.report.marts import Frame, Marts, Row

HERE = Path(__file__).parent
MISSING = {
    "usage": "Records of requests make it: put files below openrouter/generations of the landing and run make build.",
    "sample": (
        "Classified requests make it: put files below openrouter/classifications of the landing (and their requests"
        " below openrouter/generations, from var category_start on) and run make build."
    ),
    "cohorts": "Requests of whole calendar months make it: put files below openrouter/generations and run make build.",
    "none": "The catalogue of models makes it: see seeds/catalogue/models.csv.",
}


@dataclass
class Block:
    """A figure as the templates show it."""

    figure: Figure
    frame: Frame
    drawings: list[charts.Drawing]
    definition: str
    column_meanings: dict[str, str]
    records: int | None
    period: str
    claims: list[Row]
    beside: list[dict]
    missing: str
    dominated_series: list[str]
    withheld: bool
    """Whether claims, and what sums the figure up, are withheld: some of its numbers are, and could be worked out."""

    @property
    def csv_path(self) -> str:
        """Where its data are, from the pages."""
        return f"data/{self.figure.id}.csv"


def build(
    definitions: Definitions,
    marts: Marts,
    output: Path,
    *,
    limits: gate.Limits | None = None,
    with_docs: bool = False,
    say: Callable[[str], None] = print,
) -> list[Block]:
    """Render the report into a folder, which is emptied first.

    Args:
        definitions: of the report.
        marts: what is shown.
        output: folder of the site.
        limits: of the publishing gate; None for one's own eyes, where everything is shown.
        with_docs: whether dbt's documentation will be at docs/index.html, so that figures link to it.
        say: is told what is done.

    Returns:
        What was rendered, in order.
    """
    (load,) = marts.rows("select * from rpt_load_summary")
    window = marts.window()
    frames = {figure.id: marts.figure(figure) for figure in definitions.figures}
    dominated: dict[str, list[tuple]] = {}
    if limits:
        say("publishing gate: looking for cells that are too small, and for what would give them away")
        dominated = gate.close(definitions, frames, marts, limits)
    context = charts.Context(
        window=window,
        model_colours=colours.of_models(
            row["model_id"] for figure in definitions.figures for row in frames[figure.id].rows if row.get("model_id")
        ),
        releases=marts.rows(
            "select models.display_name, impact.released_on, impact.release_week"
            " from rpt_model_release_impact as impact"
            " inner join dim_models as models on impact.model_id = models.model_id"
            " order by impact.released_on, impact.model_id"
        ),
        fit=next(iter(marts.rows("select * from rpt_cost_usage_fit where scope = 'all' and slope is not null")), None),
    )
    claims = marts.rows("select * from rpt_paper_claims order by figure, claim_id")

    shutil.rmtree(output, ignore_errors=True)
    (output / "data").mkdir(parents=True)
    blocks = []
    for number, figure in enumerate(definitions.figures, 1):
        say(f"{number:>2}/{len(definitions.figures)} {figure.name}: {figure.title}")
        block = _block(figure, frames[figure.id], marts, context, load, window, claims, dominated if limits else None)
        blocks.append(block)
        _write_csv(output / block.csv_path, block, load["is_simulated"], limits is not None)

    say("pages")
    _write_pages(definitions, blocks, marts, output, load, claims, limits, with_docs)
    return blocks


def _block(
    figure: Figure,
    frame: Frame,
    marts: Marts,
    context: charts.Context,
    load: Row,
    window: tuple[datetime.date | None, datetime.date | None],
    claims: list[Row],
    dominated: dict[str, list[tuple]] | None,
) -> Block:
    drawings = [drawing for chart in figure.charts if (drawing := charts.draw(chart, frame, context))]
    over_half = (dominated or {}).get(figure.id, [])
    marked = {texts.name_of(series[-1]) for series in over_half}
    withheld = bool(frame.hidden or (dominated is not None and figure.of_one_account))
    for drawing in drawings:
        drawing.legend = [(f"{name} ‡" if name in marked else name, colour) for name, colour in drawing.legend]
    definition, meanings = marts.comments(figure.mart)
    missing = ""
    if not frame.rows:
        missing = (
            f"marts.{figure.mart} has no rows for this figure. {MISSING[figure.cells.source.removesuffix('_and_all')]}"
        )
    elif not frame.shown():
        missing = "Every number of this figure is made of too few requests or accounts to be published."
    elif not drawings and figure.charts[0].form != "table":
        missing = (
            "There is nothing to draw yet: no week is complete (all its seven days lie within the loaded ones), or no"
            " number can be made of what there is."
        )
    of_figure = [claim for claim in claims if claim["figure"] == figure.name]
    return Block(
        figure=figure,
        frame=frame,
        drawings=drawings,
        definition=definition,
        column_meanings={name: meanings.get(name, "") for name in figure.columns},
        records=marts.records(figure) if frame.rows else None,
        period=_period(figure, frame, load, window),
        claims=[_claim(claim, withheld=withheld) for claim in of_figure],
        beside=[
            {"title": beside.title, "mart": beside.mart, "columns": beside.columns, "rows": marts.beside(beside)}
            for beside in figure.beside
            if not withheld and not (dominated is not None and beside.has_own_cells)
        ],
        missing=missing,
        dominated_series=[", ".join(texts.name_of(part) for part in series) for series in over_half],
        withheld=withheld,
    )


def _period(figure: Figure, frame: Frame, load: Row, window: tuple) -> str:
    """From when to when the figure's data are, as far as it says."""
    for column in ("week_start", "cohort_month"):
        if column in figure.columns:
            dates = [row[column] for row in frame.rows]
            if not dates:
                return ""
            if column == "week_start":
                drawn = (
                    "" if figure.charts[0].roles.get("history") or not window[0] else ", drawn inside the study window"
                )
                return f"weeks of {min(dates)} to {max(dates)}{drawn}"
            return f"cohorts of {texts.name_of(min(dates))} to {texts.name_of(max(dates))}"
    return f"{window[0]} to {window[1]}" if window[0] and frame.rows else ""


def _claim(claim: Row, *, withheld: bool) -> Row:
    """A claim as it is shown; withheld, nothing that was measured."""
    measured = None if withheld else claim["measured_value"]
    if withheld:
        verdict, text = "withheld", "withheld"
    elif measured is None:
        verdict, text = "open", "not measured"
    else:
        verdict, text = ("agrees", "agrees") if claim["is_within"] else ("differs", "differs")
    return {
        **claim,
        "measured_value": measured,
        "stated": texts.claim_stated(claim),
        "measured": "withheld" if withheld else texts.claim_value(measured, claim["unit"]),
        "verdict": verdict,
        "verdict_text": text,
    }


def _write_csv(path: Path, block: Block, is_simulated: bool, is_gated: bool) -> None:
    """A figure's rows, all of them, with every digit; the label of simulated data goes with them."""
    rows = block.frame.public_rows(is_gated)
    names = list(rows[0]) if rows else block.frame.columns
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "is_simulated"])
        writer.writerows([*[_csv_value(row[name]) for name in names], _csv_value(is_simulated)] for row in rows)


def _csv_value(value: Any) -> Any:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else value


def _write_pages(
    definitions: Definitions,
    blocks: list[Block],
    marts: Marts,
    output: Path,
    load: Row,
    claims: list[Row],
    limits: gate.Limits | None,
    with_docs: bool,
) -> None:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "number": texts.number,
        "name_of": texts.name_of,
        "unit_of": texts.unit_of,
        "raw": _csv_value,
    }
    pages = [
        {**page, "blocks": [block for block in blocks if block.figure.page == page["id"]]} for page in definitions.pages
    ]
    version = (
        next(iter(marts.rows("select * from published.publication.version")), None) if _has_version(marts) else None
    )
    shared = {
        "pages": pages,
        "load": load,
        "limits": limits,
        "with_docs": with_docs,
        "version": version,
        "window": marts.window(),
    }
    shutil.copy(HERE / "templates" / "style.css", output / "style.css")
    for page in pages:
        html = environment.get_template("page.html.jinja").render(page=page, here=page["id"], **shared)
        (output / f"{page['id']}.html").write_text(html)
    withheld = {block.figure.name for block in blocks if block.withheld}
    by_id = {claim["claim_id"]: claim for claim in claims}
    headline = [
        _claim(by_id[name], withheld=by_id[name]["figure"] in withheld)
        for name in definitions.headline_claims
        if name in by_id
    ]
    html = environment.get_template("index.html.jinja").render(
        here="index",
        # Few records of a kind are not for everybody's eyes.
        quarantined=[]
        if limits
        else marts.rows(
            "select source_name, reason, count(*) as records from rpt_quarantined_generations"
            " group by all order by records desc, source_name, reason"
        ),
        coverage=_coverage(marts, load, digits=2 if limits else None),
        headline=headline,
        figure_of={block.figure.name: block.figure for block in blocks},
        changes=_changes(definitions, {block.figure.id: block for block in blocks}),
        other_claims=[_claim(claim, withheld=False) for claim in claims if claim["figure"] is None],
        verdicts={
            verdict: sum(claim["verdict"] == verdict for block in blocks for claim in block.claims)
            for verdict in ("agrees", "differs", "open", "withheld")
        },
        **shared,
    )
    (output / "index.html").write_text(html)


def _has_version(marts: Marts) -> bool:
    return bool(
        marts.rows(
            "select 1 as found from duckdb_tables()"
            " where database_name = 'published' and schema_name = 'publication' and table_name = 'version'"
        )
    )


def _coverage(marts: Marts, load: Row, digits: int | None) -> list[Row]:
    """For each taxonomy: how many values are unknown to it, and the share of tokens that it knows, rounded if told."""
    found = {
        row["seed_name"]: row
        for row in marts.rows(
            "select seed_name, count(*) as values_unknown, sum(token_share) as token_share"
            " from rpt_taxonomy_coverage group by seed_name"
        )
    }
    names = {
        "models": "Models",
        "tag_rules": "Category paths (of classified tokens)",
        "countries": "Billing countries",
        "languages": "Prompt languages",
        "finish_reasons": "Finish reasons",
    }
    return [
        {
            "seed_name": seed,
            "label": label,
            "values_unknown": found[seed]["values_unknown"] if seed in found else 0,
            "covered": _rounded(1 - (found[seed]["token_share"] or 0) if seed in found else 1.0, digits),
        }
        for seed, label in names.items()
        if load["generations"]
    ]


def _rounded(value: float, digits: int | None) -> float:
    return value if digits is None else round(value, digits)


def _changes(definitions: Definitions, blocks: dict[str, Block]) -> dict:
    """The last complete week beside the one before it."""
    rows = []
    weeks: list[datetime.date] = []
    for item in definitions.week_changes:
        block = blocks[item["figure"]]
        of_series = [
            row
            for row in block.frame.rows
            if row.get("is_complete_week") and all(row[key] == value for key, value in item.get("row", {}).items())
        ]
        shown = {row["week_start"] for row in block.frame.shown()}
        values = {row["week_start"]: row[item["column"]] for row in of_series if row["week_start"] in shown}
        if not weeks:
            weeks = sorted((row["week_start"] for row in of_series), reverse=True)[:2]
        if len(weeks) == 2:
            now, before = values.get(weeks[0]), values.get(weeks[1])
            rows.append(
                {
                    "label": item["label"],
                    "figure": block.figure,
                    "unit": item["unit"],
                    "column": item["column"],
                    "now": now,
                    "before": before,
                    "change": texts.change(now, before, item["unit"]),
                }
            )
    return {"weeks": weeks if len(weeks) == 2 else [], "rows": rows}
