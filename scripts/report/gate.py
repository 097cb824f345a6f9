"""The publishing gate: which cells must not go out, and which others so that they cannot be worked out.

A cell is a row of a figure. It is small if it is made of fewer generations or accounts than asked for; a cell made
of nothing is not. Small cells are suppressed, and then others until

- no sum of cells that readers may know (a week's total, a series' total, a cell of another figure) lacks nothing but
  small ones: the difference would be a small number itself;
- no suppressed cell is a solution of all these sums together. That is linear algebra: of the suppressed cells as
  unknowns, those are determined that every vector of the null space of the sums leaves alone.

Totals count as known, published or not.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from scripts.report.definitions import Definitions, Figure
from scripts.report.marts import Behind, Frame, Marts

Cell = tuple[str, tuple]
"""A figure's cube and the keys of a row: the same for the same number in two figures."""


@dataclass(frozen=True)
class Limits:
    """What a cell must at least be made of, to be published."""

    generations: int = 15
    accounts: int = 5
    dominance: float = 0.5
    """More than this share of one account is marked."""


@dataclass
class Table:
    """All cells of the report and the sums that tie them."""

    size: dict[Cell, float] = field(default_factory=dict)
    """Generations of each cell; of a cohort's cell infinitely many, since only its accounts are asked for."""
    small: set[Cell] = field(default_factory=set)
    sums: list[dict[Cell, int]] = field(default_factory=list)
    """Each: cells and their coefficients; readers know the sum if they see one of the cells, or if it is stated."""
    stated: list[dict[Cell, int]] = field(default_factory=list)
    """Those of `sums` that are stated whatever is suppressed."""


def close(definitions: Definitions, frames: dict[str, Frame], marts: Marts, limits: Limits) -> dict[str, list[tuple]]:
    """Suppress what must not go out, in place.

    Args:
        definitions: of the report.
        frames: by figure id; `hidden` and `dominated` are filled in.
        marts: where the frames come from.
        limits: what to publish.

    Returns:
        For each figure the keys, weeks left out, of the series of which one account has more than the limit over all
        weeks.
    """
    table = Table()
    for figure in definitions.figures:
        frame = frames[figure.id]
        behind = marts.behind(figure, list(figure.cells.keys))
        _add_cells(table, figure, frame, behind, limits)
        frame.dominated = {
            number
            for number, row in enumerate(frame.rows)
            if (found := behind.get(_keys(figure, row))) and found.top_account_share > limits.dominance
        }
        for row in frame.rows:
            # What a figure says of single accounts never goes out.
            row.update(dict.fromkeys(figure.of_one_account))
    _add_sums(table, definitions, frames)
    hidden = suppress(table)
    dominated = {}
    for figure in definitions.figures:
        frame = frames[figure.id]
        frame.hidden = {n for n, row in enumerate(frame.rows) if (figure.cube, _keys(figure, row)) in hidden}
        keys = [key for key in figure.cells.keys if key != "week_start"]
        shown = {tuple(row[key] for key in keys) for row in frame.shown()}
        dominated[figure.id] = sorted(
            series
            for series, found in (marts.behind(figure, keys) if keys else {}).items()
            if series in shown and found.top_account_share > limits.dominance
        )
    return dominated


def suppress(table: Table) -> set[Cell]:
    """The cells to suppress: the small ones, and others that protect them."""
    of_cell = defaultdict(list)
    for number, equation in enumerate(table.sums):
        for cell in equation:
            of_cell[cell].append(number)

    hidden = set(table.small)

    def hide_another(equations: list[dict[Cell, int]]) -> bool:
        """Suppress the smallest cell still shown in these sums; rather none that is made of nothing, which would hide
        little, and none that is alone in another sum, which would tell it."""
        shown = {cell for equation in equations for cell in equation} - hidden
        if not shown:
            return False
        alone = {cell for cell in shown if any(len(table.sums[number]) == 1 for number in of_cell[cell])}
        hidden.add(min(shown, key=lambda cell: (not table.size[cell], cell in alone, table.size[cell], str(cell))))
        return True

    def lacks_small_ones_only(equation: dict[Cell, int]) -> bool:
        lacks = [cell for cell in equation if cell in hidden and table.size[cell]]
        return bool(lacks) and all(cell in table.small for cell in lacks)

    while True:
        # One cell more can protect several sums, so each is looked at again when its turn comes.
        while sum(lacks_small_ones_only(equation) and hide_another([equation]) for equation in table.sums):
            pass
        protected: set[int] = set()
        for cell in sorted(determined(hidden, table), key=str):
            open_sums = [n for n in of_cell[cell] if any(other not in hidden for other in table.sums[n])]
            if open_sums and protected.isdisjoint(of_cell[cell]):
                smallest = min(open_sums, key=lambda number: len(table.sums[number]))
                hide_another([table.sums[smallest]])
                protected.add(smallest)
        if not protected:
            return hidden


def determined(hidden: set[Cell], table: Table) -> set[Cell]:
    """Of the hidden cells those that the known sums give away.

    Where a figure shows no cell of a sum, it does not show the sum either; a sum of a single cell is that cell.
    """
    known = [equation for equation in table.sums if len(equation) > 1 and any(cell not in hidden for cell in equation)]
    known += [equation for equation in table.stated if len(equation) > 1 and all(cell in hidden for cell in equation)]
    equations = [{cell: factor for cell, factor in equation.items() if cell in hidden} for equation in known]
    found = set()
    for cells, connected in _components([equation for equation in equations if equation]):
        column = {cell: number for number, cell in enumerate(cells)}
        matrix = np.zeros((len(connected), len(cells)))
        for number, equation in enumerate(connected):
            for cell, factor in equation.items():
                matrix[number, column[cell]] = factor
        _, values, vectors = np.linalg.svd(matrix, full_matrices=True)
        rank = int((values > 1e-9 * max(values[0], 1)).sum())
        freedom = np.abs(vectors[rank:]).max(axis=0, initial=0)
        found |= {cell for cell, number in column.items() if freedom[number] < 1e-7}
    return found


def _components(equations: list[dict[Cell, int]]) -> list[tuple[list[Cell], list[dict[Cell, int]]]]:
    """Groups of sums that share no cell: their matrices are small."""
    parent: dict[Cell, Cell] = {}

    def root(cell: Cell) -> Cell:
        while parent.setdefault(cell, cell) != cell:
            parent[cell] = parent[parent[cell]]
            cell = parent[cell]
        return cell

    for equation in equations:
        first, *others = equation
        for other in others:
            parent[root(other)] = root(first)
    groups: dict[Cell, list[dict[Cell, int]]] = defaultdict(list)
    for equation in equations:
        groups[root(next(iter(equation)))].append(equation)
    return [(sorted({cell for equation in group for cell in equation}, key=str), group) for group in groups.values()]


def _keys(figure: Figure, row: dict) -> tuple:
    return tuple(row[key] for key in figure.cells.keys)


def _add_cells(table: Table, figure: Figure, frame: Frame, behind: dict[tuple, Behind], limits: Limits) -> None:
    for row in frame.rows:
        found = behind.get(_keys(figure, row))
        cell = (figure.cube, _keys(figure, row))
        table.size[cell] = found.generations if found else 0
        if found and (found.generations < limits.generations or found.accounts < limits.accounts):
            table.small.add(cell)


def _add_sums(table: Table, definitions: Definitions, frames: dict[str, Frame]) -> None:
    cells = {}
    for figure in definitions.figures:
        rows = frames[figure.id].rows
        cells[figure.id] = [((figure.cube, _keys(figure, row)), row) for row in rows]
        for whole in figure.cells.adds_up_by:
            groups: dict[tuple, dict[Cell, int]] = defaultdict(dict)
            for cell, row in cells[figure.id]:
                groups[tuple(row[key] for key in whole)][cell] = 1
            table.sums += [equation for equation in groups.values() if equation]
    for tie in definitions.sums:
        groups = defaultdict(dict)
        sides = [(1, tie["whole"], tie.get("where_whole"))]
        if "equals" in tie:
            sides.append((-1, tie["equals"], tie.get("where")))
        for sign, name, condition in sides:
            for cell, row in cells[name]:
                if all(row[key] in allowed for key, allowed in (condition or {}).items()):
                    groups[tuple(row[key] for key in tie["of"])][cell] = sign
        ties = [equation for equation in groups.values() if len(set(equation.values())) == len(sides)]
        table.sums += ties
        # The two sides of an equation cancel out: that they do is known anyway.
        table.stated += ties
