"""Draws figures: a frame of a mart's rows becomes SVG (through Vega-Lite), a legend, a table of what is drawn, and
words.

A figure's `chart` names a form, one of FORMS, and says which columns play which role:

    x, y            position; `y` may be a list of columns, one line each
    series          what colours tell apart
    panel           one small chart for each of its values
    unit            what y holds: share, tokens, count
    label           names of bars or points
    top             how many series or bars are shown by name; the rest is `other`, or left out where bars do not add up
    history         all loaded weeks instead of those of the study window
    rules, trend    marts whose dates, or line, are drawn over it
    band, band_of   columns of an interval, and the series that it is drawn for
    vertical, horizontal, name_all, name_top    lines and names on a map of points

Everything is drawn twice, for wide and for narrow screens: a chart that is only scaled has letters that are too
small to read. Nothing is drawn in the browser, so the page needs no script.
"""

from __future__ import annotations

import datetime
import itertools
import json
import math
import re
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import vl_convert

from scripts.report import colours, texts
from scripts.report.definitions import Chart
from scripts.report.marts import Frame, Row

WIDTHS = {"wide": 860, "narrow": 340}
"""Pixels of a chart, axes included."""
PAGE = "var(--page)"
INK = "currentColor"


@dataclass
class Table:
    """What a chart shows, as numbers."""

    head: list[str]
    rows: list[list[Any]]
    """The first value of a row names it."""
    units: list[str]


@dataclass
class Drawing:
    """A chart, ready for a page."""

    title: str
    svg: dict[str, str]
    """By width, a key of WIDTHS."""
    legend: list[tuple[str, str]]
    """Name and colour, in the order in which they are stacked or drawn."""
    table: Table
    words: str
    """Text alternative: what is to be seen."""
    note: str = ""


@dataclass
class Context:
    """What a drawing needs to know beside its rows."""

    window: tuple[datetime.date | None, datetime.date | None]
    model_colours: dict[str, str]
    releases: list[Row] = field(default_factory=list)
    fit: Row | None = None


def draw(chart: Chart, frame: Frame, context: Context) -> Drawing | None:
    """A chart of a frame's rows; None for a form that is a table only, and where there is nothing to draw."""
    if chart.form == "table":
        return None
    rows = _visible(chart, frame.shown(), context)
    # What has no number, as a share of nothing, is no mark.
    for role in {"ranked": ["x"], "triangle": ["colour"], "scatter": ["x", "y"]}.get(chart.form, ["y"]):
        columns = chart.roles[role] if isinstance(chart.roles[role], list) else [chart.roles[role]]
        rows = [row for row in rows if any(row[column] is not None for column in columns)]
    if chart.form == "scatter":
        # Nor has zero a place on a logarithmic axis.
        rows = [row for row in rows if row[chart.roles["x"]] > 0 and row[chart.roles["y"]] > 0]
    if not rows:
        return None
    return FORMS[chart.form](chart, rows, frame, context)


def _visible(chart: Chart, rows: list[Row], context: Context) -> list[Row]:
    """Of weeks the complete ones, inside the study window unless the chart has all history; of others all rows."""
    first, last = context.window
    week = datetime.timedelta(days=6)
    rows = [row for row in rows if row.get("is_complete_week", True)]
    if chart.roles.get("x") == "week_start" and not chart.roles.get("history") and first:
        inside = [row for row in rows if row["week_start"] >= first and row["week_start"] + week <= last]
        # Data that lie outside the window altogether are better than nothing.
        rows = inside or rows
    return rows


# ---------------------------------------------------------------------- colours and order


def _series_of(chart: Chart, rows: list[Row], context: Context) -> tuple[list[Any], dict[Any, str]]:
    """The values of the series in drawing order, and their colours."""
    column = chart.roles["series"]
    values = list(dict.fromkeys(row[column] for row in rows))
    if column == "model_id":
        order = [value for value in values if value != "other"] + [value for value in values if value == "other"]
        return order, {value: context.model_colours.get(value, colours.GREY) for value in order}
    if column == "cohort_month":
        order = sorted(values)
        return order, {value: colours.ramp(n / max(len(order) - 1, 1)) for n, value in enumerate(order)}
    palette = colours.PALETTES.get(column, {})
    known = {str(value): value for value in values}
    order = [known[name] for name in palette if name in known]
    order += sorted((value for name, value in known.items() if name not in palette), key=str)
    return order, {value: palette.get(str(value), colours.FURTHER) for value in order}


def _merge_small(rows: list[Row], series: str, y: str, top: int | None, keys: list[str]) -> list[Row]:
    """Rows with all but the largest series that have a colour added up as `other`."""
    if not top:
        return rows
    totals: dict[Any, float] = defaultdict(float)
    for row in rows:
        if row[series] in colours.PALETTES[series]:
            totals[row[series]] += row[y] or 0
    kept = set(sorted(totals, key=lambda value: -totals[value])[:top])
    merged: dict[tuple, Row] = {}
    for row in rows:
        value = row[series] if row[series] in kept else "other"
        place = tuple(row[key] for key in keys)
        row_merged = merged.setdefault((*place, value), {**{key: row[key] for key in keys}, series: value, y: 0})
        row_merged[y] += row[y] or 0
    return list(merged.values())


# ---------------------------------------------------------------------- parts of specs


def _axis_unit(unit: str) -> dict:
    return {"share": {"format": ".0%"}, "tokens": {"format": "~s"}}.get(unit, {"format": "~s"})


def _week_axis(narrow: bool, weeks: list[datetime.date]) -> dict:
    months = max(1, (weeks[-1] - weeks[0]).days // 30)
    return {
        "format": "%b %y",
        "tickCount": {"interval": "month", "step": max(1, math.ceil(months / (4 if narrow else 9)))},
        "labelOverlap": "greedy",
        "labelSeparation": 12,
        "grid": False,
        "title": None,
        "labelFlush": False,
    }


def _x_week(narrow: bool, weeks: list[datetime.date], domain: tuple[str, str]) -> dict:
    return {
        "field": "x",
        "type": "temporal",
        "scale": {"type": "utc", "domain": list(domain), "nice": False},
        "axis": _week_axis(narrow, weeks),
    }


def _tips(rows: Iterable[tuple[str, str, str]]) -> dict:
    """Invisible bars that say, where the pointer is, what is there: (from, to, text)."""
    return {
        "data": {"values": [{"x": x, "x2": x2, "tip": f"§{tip}"} for x, x2, tip in rows]},
        "mark": {"type": "rect", "opacity": 0, "stroke": None},
        "encoding": {
            "x": {"field": "x", "type": "temporal"},
            "x2": {"field": "x2"},
            "description": {"field": "tip"},
        },
    }


def _around(week: datetime.date) -> tuple[str, str]:
    half = datetime.timedelta(hours=84)
    midnight = datetime.datetime.combine(week, datetime.time())
    return (midnight - half).isoformat() + "Z", (midnight + half).isoformat() + "Z"


def _svg(spec: dict, identity: str) -> str:
    """SVG of a Vega-Lite specification as part of a page, in the page's colours, silent for screen readers."""
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": None,
        # Letters are wider in some browsers than where the chart was laid out.
        "padding": {"left": 12, "top": 4, "right": 4, "bottom": 4},
        **spec,
        "config": {
            "font": "system-ui, sans-serif",
            "view": {"stroke": None},
            "axis": {
                "labelFontSize": 12,
                "titleFontSize": 12,
                "titleFontWeight": "normal",
                "labelColor": INK,
                "titleColor": INK,
                "gridColor": "var(--line)",
                "domainColor": "var(--line)",
                "tickColor": "var(--line)",
            },
            "title": {"fontSize": 13, "anchor": "start", "color": INK, "fontWeight": 600},
            "text": {"fontSize": 11},
        },
    }
    svg = vl_convert.vegalite_to_svg(json.dumps(spec))
    # The descriptions of marks become what browsers show under the pointer; all other attributes for assistive
    # technology go, since the page has words and a table instead.
    svg = re.sub(r'<(\w+)([^<>]*?) aria-label="§([^"]*)"([^<>]*?)/>', r"<\1\2\4><title>\3</title></\1>", svg)
    svg = re.sub(r' (?:role|aria-[a-z]+)="[^"]*"', "", svg)
    svg = re.sub(r'(id="|url\(#|href="#)(\w)', rf"\g<1>{identity}-\2", svg)
    return svg.replace(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        ' version="1.1" class="marks"',
        '<svg aria-hidden="true" focusable="false"',
    )


_numbers = itertools.count()


def _both(spec_for: Callable[[bool], dict]) -> dict[str, str]:
    return {size: _svg(spec_for(size == "narrow"), f"c{next(_numbers)}") for size in WIDTHS}


def _inner(narrow: bool, left: int = 62) -> int:
    return WIDTHS["narrow" if narrow else "wide"] - left


def _panelled(
    chart: Chart, rows: list[Row], one: Callable[[list[Row], bool, str], dict], columns: int = 1
) -> Callable[[bool], dict]:
    """A specification with one chart for each panel."""
    panel = chart.roles.get("panel")
    if not panel:
        return lambda narrow: one(rows, narrow, "")
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[panel], []).append(row)
    return lambda narrow: {
        "concat": [one(group, narrow, texts.name_of(name)) for name, group in groups.items()],
        "columns": 1 if narrow else columns,
        "spacing": 28,
    }


# ---------------------------------------------------------------------- forms over weeks


def _stacked(chart: Chart, rows: list[Row], frame: Frame, context: Context, mark: str) -> Drawing:
    roles = chart.roles
    y, series, panel = roles["y"], roles["series"], roles.get("panel")
    keys = ["week_start", *([panel] if panel else [])]
    if series == "author_slug" and not panel:
        rows = _merge_small(rows, series, y, roles.get("top"), keys)
    if roles["unit"] == "share" and frame.hidden:
        rows = rows + _remainders(rows, _visible(chart, frame.suppressed(), context), keys, series, y)
    order, colour_of = _series_of(chart, rows, context)
    colour_of["suppressed"] = colours.SUPPRESSED
    place = {value: number for number, value in enumerate(order)}
    is_share = roles["unit"] == "share"
    highest = None if not is_share else 1

    def one(group: list[Row], narrow: bool, title: str) -> dict:
        weeks = sorted({row["week_start"] for row in group})
        values = {(row["week_start"], row[series]): row[y] for row in group}
        present = [value for value in order if any((week, value) in values for week in weeks)]
        marks, tips = [], []
        for week in weeks:
            start, end = _around(week)
            told: list[str] = []
            below = 0.0
            for value in present:
                amount = values.get((week, value)) or 0
                top = below + amount
                place_ = {"x": week.isoformat(), "from": start, "to": end, "below": below, "top": top}
                marks.append({**place_, "s": str(value), "o": place[value]})
                below = top
                if amount:
                    told.append(f"{texts.name_of(value)} {texts.number(amount, roles['unit'])}")
            tips.append((start, end, f"Week of {week}\n" + "\n".join(reversed(told))))
        width, height = _inner(narrow), (150 if panel else 300) if not narrow else (130 if panel else 220)
        domain = (
            (_around(weeks[0])[0], _around(weeks[-1])[1])
            if mark == "bar" or len(weeks) == 1
            else (weeks[0].isoformat(), weeks[-1].isoformat())
        )
        bars = mark == "bar" or len(weeks) == 1
        x = _x_week(narrow, weeks, domain)
        encoding: dict[str, Any] = {
            "x": {**x, "field": "from"} if bars else x,
            "y": {
                "field": "below",
                "type": "quantitative",
                "axis": {**_axis_unit(roles["unit"]), "title": None, "tickCount": 5},
                "scale": {"domain": [0, highest], "nice": False} if highest else {},
            },
            "color": {
                "field": "s",
                "scale": {"domain": [str(v) for v in order], "range": [colour_of[v] for v in order]},
                "legend": None,
            },
            "y2": {"field": "top"},
            "order": {"field": "o"},
        }
        if bars:
            encoding["x2"] = {"field": "to"}
        stroke = {"stroke": PAGE, "strokeWidth": 0.7 if bars else 0.6}
        layers = [
            {
                "data": {"values": marks},
                "mark": {"type": "rect" if bars else "area", "clip": True, **stroke},
                "encoding": encoding,
            },
            _tips(tips),
        ]
        if roles.get("rules"):
            layers += _rule_layers(context.releases, weeks, width, height)
        return {"width": width, "height": height, "layer": layers, **({"title": title} if title else {})}

    panels = list(dict.fromkeys(row[panel] for row in rows)) if panel else [None]
    head = ["Week", *([_title(panel)] if panel else []), *[texts.name_of(value) for value in order]]
    by_place: dict[tuple, dict] = defaultdict(dict)
    for row in rows:
        by_place[tuple(row[key] for key in keys)][row[series]] = row[y]
    table = Table(
        head=head,
        rows=[
            [*place_, *[found.get(value) for value in order]]
            for place_, found in sorted(by_place.items(), key=lambda item: tuple(map(str, item[0])))
        ],
        units=[""] * len(keys) + [roles["unit"]] * len(order),
    )
    sentences = [
        _ends(
            [row for row in rows if not panel or row[panel] == name],
            order,
            series,
            y,
            roles["unit"],
            texts.name_of(name) if name else "",
        )
        for name in panels
    ]
    kind = "Stacked bars" if mark == "bar" else "Stacked areas"
    return Drawing(
        title=chart.title,
        svg=_both(_panelled(chart, rows, one)),
        legend=[(texts.name_of(value), colour_of[value]) for value in reversed(order)],
        table=table,
        words=f"{kind}, one {'bar' if mark == 'bar' else 'point'} a week. " + " ".join(sentences),
        note=_release_note(context.releases) if roles.get("rules") else "",
    )


def _remainders(shown: list[Row], suppressed: list[Row], keys: list[str], series: str, y: str) -> list[Row]:
    """What the suppressed cells of each whole hold together, as a series of its own."""
    totals = {tuple(row[key] for key in keys): 0.0 for row in suppressed}
    for row in shown:
        place = tuple(row[key] for key in keys)
        if place in totals:
            totals[place] += row[y] or 0
    return [
        {**dict(zip(keys, place, strict=True)), series: "suppressed", y: 1 - total} for place, total in totals.items()
    ]


def _ends(rows: list[Row], order: list[Any], series: str, y: str, unit: str, name: str) -> str:
    """The first and the last week in words, largest first."""
    weeks = sorted({row["week_start"] for row in rows})
    parts = []
    for week, label in ((weeks[0], "first"), (weeks[-1], "last"))[: len(weeks)]:
        found = sorted(
            ((row[y] or 0, row[series]) for row in rows if row["week_start"] == week), key=lambda pair: -pair[0]
        )[:4]
        told = ", ".join(f"{texts.name_of(value)} {texts.number(amount, unit)}" for amount, value in found)
        parts.append(f"{label} week ({week}): {told}")
    return (f"{name}: " if name else "") + "; ".join(parts) + "."


def _rule_layers(releases: list[Row], weeks: list[datetime.date], width: int, height: int) -> list[dict]:
    """Dashed lines at releases, numbered; numbers that would touch share a place."""
    span = max((weeks[-1] - weeks[0]).days, 1)
    shown = [
        (n, row["release_week"]) for n, row in enumerate(releases, 1) if weeks[0] <= row["release_week"] <= weeks[-1]
    ]
    groups: list[list[tuple[int, datetime.date]]] = []
    for item in sorted(shown, key=lambda pair: pair[1]):
        if groups and (item[1] - groups[-1][0][1]).days * width / span < 26:
            groups[-1].append(item)
        else:
            groups.append([item])
    names = [{"x": group[0][1].isoformat(), "n": ",".join(str(n) for n, _ in group)} for group in groups]
    x = {"field": "x", "type": "temporal"}
    return [
        {
            "data": {"values": [{"x": week.isoformat()} for week in sorted({week for _, week in shown})]},
            "mark": {"type": "rule", "strokeDash": [4, 3], "color": "#111111", "strokeWidth": 1.2},
            "encoding": {"x": x},
        },
        {
            "data": {"values": names},
            "mark": {"type": "text", "y": -7, "align": "left", "color": INK, "dx": -3},
            "encoding": {"x": x, "text": {"field": "n"}},
        },
    ]


def _release_note(releases: list[Row]) -> str:
    return "; ".join(f"{n} {row['display_name']} ({row['released_on']})" for n, row in enumerate(releases, 1))


def _lines(chart: Chart, rows: list[Row], frame: Frame, context: Context) -> Drawing:
    roles = chart.roles
    unit = roles["unit"]
    if isinstance(roles["y"], list):
        series, y = "measure", "value"
        band = None
        rows = [{"week_start": row["week_start"], series: name, y: row[name]} for row in rows for name in roles["y"]]
        order = [name for name in roles["y"] if any(row[y] is not None for row in rows if row[series] == name)]
        colour_of = {name: colours.PALETTES["measure"][name] for name in order}
    else:
        series, y, band = roles["series"], roles["y"], roles.get("band")
        order, colour_of = _series_of(chart, rows, context)
    rows = [row for row in rows if row[y] is not None]
    main = roles.get("highlight") or order[0]
    weeks = sorted({row["week_start"] for row in rows})

    def one(_: list[Row], narrow: bool, __: str) -> dict:
        domain = (weeks[0].isoformat(), weeks[-1].isoformat()) if len(weeks) > 1 else _around(weeks[0])
        x = _x_week(narrow, weeks, domain)
        axis = {"axis": {**_axis_unit(unit), "title": None, "tickCount": 5}, "scale": {"zero": True}}
        layers = []
        if band:
            found = {
                row["week_start"]: row for row in rows if row[series] == roles["band_of"] and row[band[0]] is not None
            }
            interval, run = [], 0
            for week in weeks:
                if week in found:
                    low, high = (found[week][name] for name in band)
                    interval.append({"x": week.isoformat(), "l": low, "h": high, "run": run})
                else:
                    # Like the lines, the band is interrupted where there is no number.
                    run += 1
            layers.append(
                {
                    "data": {"values": interval},
                    "mark": {"type": "area", "color": colour_of.get(roles["band_of"], colours.GREY), "opacity": 0.25},
                    "encoding": {
                        "x": x,
                        "y": {"field": "l", "type": "quantitative", **axis},
                        "y2": {"field": "h"},
                        "detail": {"field": "run"},
                    },
                }
            )
        for value in sorted(order, key=lambda value: value == main):
            points = {row["week_start"]: row[y] for row in rows if row[series] == value}
            # A week without a number interrupts the line instead of being drawn over.
            data = [{"x": week.isoformat(), "y": points.get(week)} for week in weeks]
            dashed = isinstance(roles["y"], list) and value != order[0]
            layers.append(
                {
                    "data": {"values": data},
                    "mark": {
                        "type": "line",
                        "invalid": "break-paths-show-path-domains",
                        "color": colour_of[value],
                        "strokeWidth": 2.6 if value == main else 1.6,
                        "point": {"size": 12, "filled": True, "color": colour_of[value]} if len(weeks) < 60 else False,
                        **({"strokeDash": [5, 3]} if dashed else {}),
                    },
                    "encoding": {"x": x, "y": {"field": "y", "type": "quantitative", **axis}},
                }
            )
        told = []
        for week in weeks:
            found = [(row[y], row[series]) for row in rows if row["week_start"] == week]
            told.append(
                (
                    *_around(week),
                    f"Week of {week}\n"
                    + "\n".join(
                        f"{texts.name_of(v)} {texts.number(a, unit)}" for a, v in sorted(found, key=lambda p: -p[0])
                    ),
                )
            )
        return {"width": _inner(narrow), "height": 220 if narrow else 280, "layer": [*layers, _tips(told)]}

    values = {(row["week_start"], row[series]): row[y] for row in rows}
    return Drawing(
        title=chart.title,
        svg=_both(_panelled(chart, rows, one)),
        legend=[(texts.name_of(value), colour_of[value]) for value in order],
        table=Table(
            head=["Week", *[texts.name_of(value) for value in order]],
            rows=[[week, *[values.get((week, value)) for value in order]] for week in weeks],
            units=["", *[unit] * len(order)],
        ),
        words="Lines, one point a week. " + _ends(rows, order, series, y, unit, ""),
    )


# ---------------------------------------------------------------------- other forms


def _ranked(chart: Chart, rows: list[Row], frame: Frame, context: Context) -> Drawing:
    roles = chart.roles
    x, label, unit = roles["x"], roles["label"], roles["unit"]
    panel, top = roles.get("panel"), roles.get("top", 10)
    palette = colours.PALETTES.get(roles.get("series", ""), {})

    def colour(row: Row) -> str:
        if panel:
            return colours.PALETTES["category"].get(row[panel], colours.GREY)
        return palette.get(row.get(roles.get("series", ""), ""), colours.FURTHER) if palette else "#2b6aa3"

    def one(group: list[Row], narrow: bool, title: str) -> dict:
        left = 112 if narrow else 210
        data = [
            {
                "l": _short(row[label], 17 if narrow else 32),
                "y": row[x],
                "c": colour(row),
                "t": texts.number(row[x], unit),
                "tip": f"§{texts.name_of(row[label])}: {texts.number(row[x], unit)}",
            }
            for row in group[:top]
        ]
        # Names that were cut may be alike.
        for number, item in enumerate(data):
            item["l"] = item["l"] + "\u200b" * number
        y = {
            "field": "l",
            "type": "nominal",
            "sort": None,
            "axis": {"title": None, "labelLimit": left, "minExtent": left, "domain": False, "ticks": False},
        }
        xx = {
            "field": "y",
            "type": "quantitative",
            "axis": {**_axis_unit(unit), "title": None, "tickCount": 4},
            "scale": {"domain": [0, max(item["y"] for item in data) * 1.18 or 1], "nice": False},
        }
        return {
            "width": _inner(narrow, left + 18),
            "height": {"step": 25},
            "data": {"values": data},
            "layer": [
                {
                    "mark": {"type": "bar"},
                    "encoding": {
                        "x": xx,
                        "y": y,
                        "color": {"field": "c", "scale": None},
                        "description": {"field": "tip"},
                    },
                },
                {
                    "mark": {"type": "text", "align": "left", "dx": 4, "color": INK},
                    "encoding": {"x": xx, "y": y, "text": {"field": "t"}},
                },
            ],
            **({"title": title} if title else {}),
        }

    groups = (
        [[row for row in rows if row[panel] == name] for name in dict.fromkeys(row[panel] for row in rows)]
        if panel
        else [rows]
    )
    sentences = []
    for group in groups:
        told = ", ".join(f"{texts.name_of(row[label])} {texts.number(row[x], unit)}" for row in group[:5])
        sentences.append((f"{texts.name_of(group[0][panel])}: " if panel else "") + told + ".")
    return Drawing(
        title=chart.title,
        svg=_both(_panelled(chart, rows, one)),
        legend=[],
        table=Table(
            head=[*([_title(panel)] if panel else []), _title(label), _title(x)],
            rows=[[*([row[panel]] if panel else []), row[label], row[x]] for row in rows],
            units=[*([""] if panel else []), "", unit],
        ),
        words="Bars, largest first. " + " ".join(sentences),
    )


def _columns(chart: Chart, rows: list[Row], frame: Frame, context: Context) -> Drawing:
    roles = chart.roles
    x, y, series, unit = roles["x"], roles["y"], roles["series"], roles["unit"]
    names = {"top_6": "The six largest", "next_6": "The next six"}

    def colour(row: Row) -> str:
        base = colours.PALETTES["category"].get(row[x], colours.GREY)
        return colours.shade(base, min(0.16 * (row[roles["rank"]] - 1), 0.8))

    def part(group: list[Row], narrow: bool, title: str) -> dict:
        order = [texts.name_of(value) for value in dict.fromkeys(row[x] for row in group)]
        width, height = _inner(narrow), 420
        band = width / max(len(order), 3 if narrow else 6)
        data, below = [], defaultdict(float)
        for row in group:
            start = below[row[x]]
            below[row[x]] += row[y] or 0
            back = colour(row)
            dark = sum(int(back[n : n + 2], 16) * weight for n, weight in ((1, 0.3), (3, 0.59), (5, 0.11))) < 140
            lines = []
            if row[roles["labelled"]]:
                room = 2 if (row[y] or 0) * height > 48 else 1
                lines = [*_wrapped(_tag(row[series]), int(band * 0.9 / 6.9), room), texts.number(row[y], unit)]
            data.append(
                {
                    "x": texts.name_of(row[x]),
                    "a": start,
                    "b": below[row[x]],
                    "m": (start + below[row[x]]) / 2,
                    "c": back,
                    "f": "#ffffff" if dark else "#111111",
                    "l": lines,
                    "n": len(lines),
                    "tip": f"§{texts.name_of(row[x])}: {_tag(row[series])} {texts.number(row[y], unit)}",
                }
            )
        xx = {
            "field": "x",
            "type": "nominal",
            "sort": order,
            "axis": {"title": None, "labelAngle": 0, "labelLimit": band - 6, "ticks": False},
            "scale": {"paddingInner": 0.06, "paddingOuter": 0.02},
        }
        yy = {
            "type": "quantitative",
            "axis": {"format": ".0%", "title": None, "tickCount": 5},
            "scale": {"domain": [0, 1], "nice": False},
        }
        text = {"x": xx, "y": {**yy, "field": "m"}, "color": {"field": "f", "scale": None}}
        return {
            "width": round(band * len(order)),
            "height": height,
            "data": {"values": data},
            "layer": [
                {
                    "mark": {"type": "bar", "stroke": PAGE, "strokeWidth": 1},
                    "encoding": {
                        "x": xx,
                        "y": {**yy, "field": "a"},
                        "y2": {"field": "b"},
                        "color": {"field": "c", "scale": None},
                        "description": {"field": "tip"},
                    },
                },
                *(
                    {
                        "transform": [{"filter": f"datum.n == {n}"}],
                        "mark": {"type": "text", "lineHeight": 13, "dy": -6.5 * (n - 1)},
                        "encoding": {**text, "text": {"field": "l"}},
                    }
                    for n in (2, 3)
                ),
            ],
            **({"title": title} if title else {}),
        }

    def one(group: list[Row], narrow: bool, title: str) -> dict:
        title = names.get(title, title)
        order = list(dict.fromkeys(row[x] for row in group))
        if not narrow or len(order) <= 3:
            return part(group, narrow, title)
        return {
            "vconcat": [
                part([row for row in group if row[x] in chunk], narrow, title if not n else "")
                for n, chunk in enumerate(order[start : start + 3] for start in range(0, len(order), 3))
            ],
            "spacing": 16,
        }

    firsts = [row for row in rows if row[roles["rank"]] == 1]
    return Drawing(
        title=chart.title,
        svg=_both(_panelled(chart, rows, one)),
        legend=[],
        table=Table(
            head=["Category", "Tag", "Share"],
            rows=[[row[x], row[series], row[y]] for row in rows],
            units=["", "", unit],
        ),
        words="Stacked columns, one a category, each adding up to 100 %. The largest tag of each: "
        + ", ".join(f"{texts.name_of(row[x])}: {_tag(row[series])} {texts.number(row[y], unit)}" for row in firsts)
        + ".",
    )


def _cohorts(chart: Chart, rows: list[Row], frame: Frame, context: Context) -> Drawing:
    roles = chart.roles
    x, y, series, panel, unit = roles["x"], roles["y"], roles["series"], roles["panel"], roles["unit"]
    order, colour_of = _series_of(chart, rows, context)
    last = max(row[x] for row in rows)

    def one(group: list[Row], narrow: bool, title: str) -> dict:
        data = [
            {
                "x": row[x],
                "y": row[y],
                "s": str(row[series]),
                "c": colour_of[row[series]],
                "tip": _cohort_tip(row, series, x, y, unit),
            }
            for row in group
        ]
        encoding = {
            "x": {
                "field": "x",
                "type": "quantitative",
                "axis": {"title": "Months since the first request", "tickMinStep": 1, "grid": False, "tickCount": 6},
                "scale": {"domain": [0, last], "nice": False},
            },
            "y": {
                "field": "y",
                "type": "quantitative",
                "axis": {"format": ".0%", "title": None, "tickCount": 5},
                "scale": {"domain": [0, 1], "nice": False},
            },
            "color": {"field": "c", "scale": None},
        }
        return {
            "width": _inner(narrow) if narrow else _inner(False) // 2 - 38,
            "height": 170,
            "data": {"values": data},
            "layer": [
                {"mark": {"type": "line", "strokeWidth": 1.6}, "encoding": {**encoding, "detail": {"field": "s"}}},
                {
                    "mark": {"type": "circle", "size": 26, "opacity": 1},
                    "encoding": {**encoding, "description": {"field": "tip"}},
                },
            ],
            "title": title,
        }

    return Drawing(
        title=chart.title,
        svg=_both(_panelled(chart, rows, one, columns=2)),
        legend=[(texts.name_of(value), colour_of[value]) for value in order],
        table=_triangle_table(rows, panel, series, x, y, unit),
        words="One line a cohort, for each model. " + _cohort_words(rows, panel, series, x, y, unit),
    )


def _triangle(chart: Chart, rows: list[Row], frame: Frame, context: Context) -> Drawing:
    roles = chart.roles
    x, y, value, panel, unit = roles["x"], roles["y"], roles["colour"], roles["panel"], roles["unit"]
    last = max(row[x] for row in rows)

    def one(group: list[Row], narrow: bool, title: str) -> dict:
        cell = min(30, (_inner(True) if narrow else _inner(False) // 2 - 38) // (last + 1))
        data = []
        for row in group:
            # Month 0 is 100 % by definition: the scale is for what comes after.
            back = colours.shade("#2b6aa3", 0.9 - 1.2 * min(row[value], 0.6) / 0.6 * 0.9 if row[value] < 1 else -0.3)
            dark = row[value] > 0.3
            data.append(
                {
                    "x": row[x],
                    "y": texts.name_of(row[y]),
                    "c": back,
                    "f": "#ffffff" if dark else "#111111",
                    "t": f"{100 * row[value]:.0f}",
                    "tip": _cohort_tip(row, y, x, value, unit),
                }
            )
        xx = {
            "field": "x",
            "type": "ordinal",
            "axis": {
                "title": "Months since the first request (%)",
                "labelAngle": 0,
                "ticks": False,
                "domain": False,
                "values": list(range(0, last + 1, 1 if cell >= 19 else 2)),
            },
            "scale": {"domain": list(range(last + 1)), "padding": 0},
        }
        yy = {
            "field": "y",
            "type": "nominal",
            "sort": list(dict.fromkeys(texts.name_of(row[y]) for row in sorted(group, key=lambda row: row[y]))),
            "axis": {"title": None, "ticks": False, "domain": False},
            "scale": {"padding": 0},
        }
        layers: list[dict] = [
            {
                "mark": {"type": "rect", "stroke": PAGE, "strokeWidth": 1},
                "encoding": {"x": xx, "y": yy, "color": {"field": "c", "scale": None}, "description": {"field": "tip"}},
            }
        ]
        if cell >= 19:
            layers.append(
                {
                    "mark": {"type": "text", "fontSize": 10},
                    "encoding": {"x": xx, "y": yy, "text": {"field": "t"}, "color": {"field": "f", "scale": None}},
                }
            )
        return {
            "width": {"step": cell},
            "height": {"step": 19},
            "data": {"values": data},
            "layer": layers,
            "title": title,
        }

    return Drawing(
        title=chart.title,
        svg=_both(_panelled(chart, rows, one, columns=2)),
        legend=[],
        table=_triangle_table(rows, panel, y, x, value, unit),
        words="One row a cohort, one column a month, for each model; darker is more. "
        + _cohort_words(rows, panel, y, x, value, unit),
    )


def _cohort_tip(row: Row, cohort: str, month: str, value: str, unit: str) -> str:
    kept = f"{texts.number(row[value], unit)} of {row['cohort_size']:,}"
    return f"§{texts.name_of(row[cohort])}, month {row[month]}: {kept}"


def _triangle_table(rows: list[Row], panel: str, cohort: str, month: str, value: str, unit: str) -> Table:
    last = max(row[month] for row in rows)
    found: dict[tuple, dict[int, float]] = defaultdict(dict)
    for row in rows:
        found[row[panel], row[cohort]][row[month]] = row[value]
    return Table(
        head=["Model", "Cohort", *[str(number) for number in range(last + 1)]],
        rows=[[*place, *[months.get(number) for number in range(last + 1)]] for place, months in found.items()],
        units=["", "", *[unit] * (last + 1)],
    )


def _cohort_words(rows: list[Row], panel: str, cohort: str, month: str, value: str, unit: str) -> str:
    sentences = []
    for name in dict.fromkeys(row[panel] for row in rows):
        third = [row for row in rows if row[panel] == name and row[month] == 3]
        if third:
            best = max(third, key=lambda row: row[value])
            sentences.append(
                f"{name}: best at month 3 is {texts.name_of(best[cohort])} with"
                f" {texts.number(best[value], unit)} of {len(third)} cohorts."
            )
    return " ".join(sentences)


def _scatter(chart: Chart, rows: list[Row], frame: Frame, context: Context) -> Drawing:
    roles = chart.roles
    x, y, label, series = roles["x"], roles["y"], roles["label"], roles["series"]
    used: dict[Any, float] = defaultdict(float)
    for row in rows:
        if row[series] in colours.PALETTES[series]:
            used[row[series]] += row[y]
    keep = set(sorted(used, key=lambda value: -used[value])[: roles.get("top")])
    rows = [{**row, series: row[series] if row[series] in keep else "other"} for row in rows]
    order, colour_of = _series_of(chart, rows, context)
    order = [value for value in order if value != "other"] + [value for value in order if value == "other"]
    shapes = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left"]
    logs = [(math.log10(row[x]), math.log10(row[y])) for row in rows]
    (left, right), (low, high) = (_padded([pair[axis] for pair in logs]) for axis in (0, 1))
    named = rows if roles.get("name_all") else sorted(rows, key=lambda row: -row[y])[: roles.get("name_top", 0)]
    fit = context.fit if roles.get("trend") and not frame.hidden else None

    def one(_: list[Row], narrow: bool, __: str) -> dict:
        width, height = _inner(narrow, 76), 300 if narrow else 440
        xx = {
            "type": "quantitative",
            "scale": {"type": "log", "domain": [10**left, 10**right], "nice": False},
            "axis": {
                "title": "US dollars a million tokens",
                "format": "$~g",
                "labelOverlap": "greedy",
                "labelSeparation": 8,
                "values": _log_ticks(left, right, narrow),
            },
        }
        yy = {
            "type": "quantitative",
            "scale": {"type": "log", "domain": [10**low, 10**high], "nice": False},
            "axis": {"title": "Tokens", "format": "~s", "values": _log_ticks(low, high, narrow)},
        }
        data = [
            {
                "x": row[x],
                "y": row[y],
                "s": str(row[series]),
                "tip": f"§{row[label]}: {texts.number(row[x], 'usd')} a million, {texts.number(row[y], 'tokens')}",
            }
            for row in sorted(rows, key=lambda row: row[series] != "other")
        ]
        names = [str(value) for value in order]
        layers: list[dict] = []
        for role, encoding in (("vertical", {"x": {**xx, "field": "v"}}), ("horizontal", {"y": {**yy, "field": "v"}})):
            if roles.get(role) and not frame.hidden:
                layers.append(
                    {
                        "data": {"values": [{"v": rows[0][roles[role]]}]},
                        "mark": {"type": "rule", "color": INK, "opacity": 0.6, "strokeDash": [4, 3]},
                        "encoding": encoding,
                    }
                )
        layers.append(
            {
                "data": {"values": data},
                "mark": {
                    "type": "point",
                    "filled": True,
                    "opacity": 0.9,
                    "size": 60 if len(rows) < 40 else 42,
                    "stroke": PAGE,
                    "strokeWidth": 0.5,
                },
                "encoding": {
                    "x": {**xx, "field": "x"},
                    "y": {**yy, "field": "y"},
                    "color": {
                        "field": "s",
                        "scale": {"domain": names, "range": [colour_of[value] for value in order]},
                        "legend": None,
                    },
                    "shape": {
                        "field": "s",
                        "scale": {"domain": names, "range": [shapes[n % len(shapes)] for n in range(len(names))]},
                        "legend": None,
                    },
                    "description": {"field": "tip"},
                },
            }
        )
        if fit:
            ends = [min(pair[0] for pair in logs), max(pair[0] for pair in logs)]
            line = [{"x": 10**end, "y": 10 ** (fit["intercept"] + fit["slope"] * end)} for end in ends]
            layers.append(
                {
                    "data": {"values": line},
                    "mark": {"type": "line", "strokeDash": [6, 4], "color": INK, "strokeWidth": 1.8, "clip": True},
                    "encoding": {"x": {**xx, "field": "x"}, "y": {**yy, "field": "y"}},
                }
            )
        # On a small map names of many points would only hide them.
        for side, placed in _placed(
            named if not narrow or roles.get("name_all") else named[:5],
            rows,
            x,
            y,
            label,
            (left, right, low, high),
            (width, height),
        ).items():
            layers.append(
                {
                    "data": {"values": placed},
                    "mark": {"type": "text", "color": INK, **SIDES[side]},
                    "encoding": {"x": {**xx, "field": "x"}, "y": {**yy, "field": "y"}, "text": {"field": "l"}},
                }
            )
        return {"width": width, "height": height, "layer": layers}

    signs = dict(zip(shapes, "●■▲◆✚▼▶◀", strict=True))
    told = f"{len(rows)} points."
    if fit:
        cheaper = texts.number(fit["usage_change_for_10pct_cheaper"], "share")
        told += f" The line has slope {fit['slope']:.2f}: ten percent cheaper goes with {cheaper} more tokens."
    if roles.get("vertical") and not frame.hidden:
        told += f" The median cost is {texts.number(rows[0][roles['vertical']], 'usd')}."
    told += " Most used: " + ", ".join(
        f"{row[label]} ({texts.number(row[x], 'usd')}, {texts.number(row[y], 'tokens')})"
        for row in sorted(rows, key=lambda row: -row[y])[:5]
    )
    return Drawing(
        title=chart.title,
        svg=_both(_panelled(chart, rows, one)),
        legend=[
            (f"{signs[shapes[n % len(shapes)]]} {texts.name_of(value)}", colour_of[value])
            for n, value in enumerate(order)
        ],
        table=Table(
            head=[_title(label), _title(series), "US dollars a million tokens", "Tokens"],
            rows=[[row[label], texts.name_of(row[series]), row[x], row[y]] for row in rows],
            units=["", "", "usd", "tokens"],
        ),
        words="Map of points with logarithmic axes, cost to the right, tokens upwards. " + told + ".",
    )


SIDES = {
    "right": {"align": "left", "dx": 7, "baseline": "middle"},
    "left": {"align": "right", "dx": -7, "baseline": "middle"},
    "top": {"align": "center", "dy": -8, "baseline": "bottom"},
    "bottom": {"align": "center", "dy": 8, "baseline": "top"},
}


def _placed(
    named: list[Row], rows: list[Row], x: str, y: str, label: str, domain: tuple, size: tuple[int, int]
) -> dict[str, list[dict]]:
    """Where names of points fit beside them: on the first side where they touch no other name, point or edge; else
    nowhere."""
    left, right, low, high = domain
    width, height = size

    def at(row: Row) -> tuple[float, float]:
        return (math.log10(row[x]) - left) / (right - left) * width, height - (math.log10(row[y]) - low) / (
            high - low
        ) * height

    points = [at(row) for row in rows]
    taken: list[tuple[float, float, float, float]] = []
    placed: dict[str, list[dict]] = defaultdict(list)
    for row in named:
        px, py = at(row)
        text = texts.name_of(row[label]).split("/")[-1]
        wide = 6.6 * len(text)
        boxes = {
            "right": (px + 7, py - 8, px + 7 + wide, py + 8),
            "left": (px - 7 - wide, py - 8, px - 7, py + 8),
            "top": (px - wide / 2, py - 23, px + wide / 2, py - 7),
            "bottom": (px - wide / 2, py + 7, px + wide / 2, py + 23),
        }
        for side, box in boxes.items():
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height
            free = all(box[2] < o[0] or o[2] < box[0] or box[3] < o[1] or o[3] < box[1] for o in taken)
            clear = sum(box[0] - 3 < qx < box[2] + 3 and box[1] - 3 < qy < box[3] + 3 for qx, qy in points) == 0
            if inside and free and clear:
                taken.append(box)
                placed[side].append({"x": row[x], "y": row[y], "l": text})
                break
    return placed


def _log_ticks(low: float, high: float, narrow: bool) -> list[float]:
    """Ticks of a logarithmic axis from 10**low to 10**high: tens, and where they are few, twos and fives too."""
    steps = (1,) if high - low > (2.2 if narrow else 3.5) else (1, 2, 5)
    return [
        step * 10**power
        for power in range(math.floor(low), math.ceil(high) + 1)
        for step in steps
        if low <= math.log10(step * 10**power) <= high
    ]


def _padded(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = max((high - low) * 0.06, 0.15)
    return low - room, high + room


def _wrapped(text: str, width: int, lines: int) -> list[str]:
    width = max(width, 4)
    found = textwrap.wrap(text, width, max_lines=lines, placeholder="…")
    # A first word that is too long alone is cut rather than left out.
    return [text[: width - 1] + "…"] if found[0] == "…" else [line for line in found if line != "…"]


def _short(text: Any, length: int) -> str:
    text = texts.name_of(text) if "/" in str(text) else _tag(texts.name_of(text))
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _tag(text: Any) -> str:
    words = str(text).replace("_", " ")
    return words[:1].upper() + words[1:]


def _title(column: str) -> str:
    return column.removesuffix("_slug").removesuffix("_id").replace("_", " ").capitalize()


FORMS: dict[str, Callable[[Chart, list[Row], Frame, Context], Drawing]] = {
    "areas": lambda *arguments: _stacked(*arguments, "area"),
    "bars": lambda *arguments: _stacked(*arguments, "bar"),
    "lines": _lines,
    "ranked": _ranked,
    "columns": _columns,
    "cohorts": _cohorts,
    "triangle": _triangle,
    "scatter": _scatter,
}
