"""What the report is made of, read from figures.yml: the pages, the figures, the numbers of the summary."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Chart:
    """How a figure is drawn. What the roles (x, y, series ...) mean, the form says: a function of charts.py."""

    form: str
    roles: dict[str, Any]
    """Role -> column, list of columns or option; the keys are described in charts.py."""

    @property
    def title(self) -> str:
        """Heading above the chart; empty where a figure has one chart only."""
        return self.roles.get("title", "")


@dataclass(frozen=True)
class Cells:
    """Which records a row of a figure is made of."""

    source: str
    """`usage`, `sample`, `sample_and_all`, `cohorts` or `none`; see figures.yml."""
    keys: dict[str, str] = field(default_factory=dict)
    """Key column of the figure -> SQL over the source."""
    where: str = "true"
    """Condition over the source: what the numbers are taken of."""
    shown: str = "true"
    """Further condition: what of it the figure shows."""
    count: str = ""
    """SQL for the records of a row of the source."""
    adds_up_by: list[list[str]] = field(default_factory=list)
    """Each: keys; the rows with equal values of these add up to something that readers may know."""


@dataclass(frozen=True)
class Beside:
    """A mart that sums a figure up, shown as a table below it."""

    mart: str
    title: str
    columns: list[str]
    where: str = "true"
    order: str = ""
    last: str = ""
    """Only the last rows by this column."""
    has_own_cells: bool = False
    """Whether it has numbers that no cell of the figure is made of: the publishing gate does not look at them."""


@dataclass(frozen=True)
class Figure:
    """One figure or table of the study."""

    id: str
    name: str
    page: str
    title: str
    caption: str
    mart: str
    columns: list[str]
    order: str
    charts: list[Chart]
    cells: Cells
    where: str = "true"
    of_one_account: list[str] = field(default_factory=list)
    """Columns that say something of a single account: the publishing gate leaves them out."""
    beside: list[Beside] = field(default_factory=list)

    @property
    def is_table(self) -> bool:
        """Whether the study shows it as a table, so that the numbers stand open."""
        return self.name.startswith("Table")

    @property
    def cube(self) -> str:
        """Two figures with the same one have the same cells."""
        return f"{self.cells.source}({self.cells.keys}) where {self.cells.where}"


@dataclass(frozen=True)
class Definitions:
    """All of figures.yml."""

    pages: list[dict]
    figures: list[Figure]
    headline_claims: list[str]
    week_changes: list[dict]
    sums: list[dict]


def load() -> Definitions:
    """Read figures.yml."""
    raw = yaml.safe_load((Path(__file__).parent / "figures.yml").read_text())
    return Definitions(
        pages=raw["pages"],
        figures=[_figure(entry) for entry in raw["figures"]],
        headline_claims=raw["headline_claims"],
        week_changes=raw["week_changes"],
        sums=raw["sums"],
    )


def _figure(entry: dict) -> Figure:
    charts = entry.pop("chart")
    charts = charts if isinstance(charts, list) else [charts]
    cells = entry.pop("cells")
    return Figure(
        **{**entry, "caption": entry["caption"].strip()}
        | {
            "charts": [Chart(form=chart.pop("form"), roles=chart) for chart in charts],
            "cells": Cells(source=cells.pop("from"), **cells),
            "beside": [Beside(**beside) for beside in entry.get("beside", [])],
        }
    )
