"""The report of the simulated study: all its figures, the marts' own numbers, the publishing gate, what is said of empty marts.

`make test` builds and publishes the study first. What browsers make of the pages is in test_report_in_browser.py.
"""

from __future__ import annotations

import csv
import html.parser
import json
import re
import shutil
from collections import defaultdict
from pathlib import Path

import duckdb
import numpy as np
import pytest
import yaml
from conftest import PROJECT, built

from scripts import _paths
from scripts.report import __main__ as command
from scripts.report import charts, colours, definitions, gate, site
from scripts.report.marts import Marts

DEFINITIONS = definitions.load()
FIGURES = {figure.id: figure for figure in DEFINITIONS.figures}
PAGES = [page["id"] for page in DEFINITIONS.pages]
LIMITS = gate.Limits()


def published() -> Path:
    return built(_paths.published_path())


@pytest.fixture(scope="module")
def marts() -> Marts:
    return Marts(published())


@pytest.fixture(scope="module")
def report(marts: Marts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For one's own eyes."""
    folder = tmp_path_factory.mktemp("report")
    site.build(definitions.load(), marts, folder, say=lambda _: None)
    return folder


@pytest.fixture(scope="module")
def public_report(marts: Marts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Behind the publishing gate."""
    folder = tmp_path_factory.mktemp("public")
    site.build(definitions.load(), marts, folder, limits=LIMITS, say=lambda _: None)
    return folder


def rows(folder: Path, figure: str) -> list[dict]:
    """A figure's CSV file: numbers as numbers, the rest as text, nothing as None."""

    def value(name: str, text: str):
        if text == "":
            return None
        if name.endswith(("_start", "_month", "_id", "_slug", "_name", "category", "tag", "region", "panel", "scope")):
            return text
        try:
            return float(text)
        except ValueError:
            return text

    with (folder / "data" / f"{figure}.csv").open(newline="") as file:
        return [{name: value(name, text) for name, text in row.items()} for row in csv.DictReader(file)]


class Values(html.parser.HTMLParser):
    """The numbers of a page, by the section that they stand in; those of claims by claim."""

    def __init__(self, page: Path):
        super().__init__()
        self.by_section: dict[str, list[float]] = defaultdict(list)
        self.claims: dict[str, float] = {}
        self._section = ""
        self._is_claim = False
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list):
        given = dict(attrs)
        if tag == "section":
            self._section = given.get("id", "")
        if tag == "data" and "data-claim" in given:
            self.claims[given["data-claim"]] = float(given["value"])
        elif tag == "data":
            self.by_section[self._section].append(float(given["value"]))


def sections(page: Path) -> dict[str, str]:
    """The HTML of each figure of a page."""
    parts = re.split(r'<section class="figure" id="([\w-]+)"', page.read_text())[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


# ---------------------------------------------------------------------------------------------------- what is there


def test_all_figures_and_tables_of_the_study_are_there(report: Path, marts: Marts):
    found = {name: text for page in PAGES for name, text in sections(report / f"{page}.html").items()}
    wanted = [f"Figure {number}" for number in range(1, 30)] + [f"Table {number}" for number in range(1, 4)]
    assert sorted(figure.name for figure in FIGURES.values()) == sorted(wanted)
    assert set(found) == set(FIGURES)
    number_of_claims = dict(
        marts.connection.execute(
            "select figure, count(*) from rpt_paper_claims where figure is not null group by 1"
        ).fetchall()
    )
    for name, text in found.items():
        figure = FIGURES[name]
        assert "Nothing to show" not in text, name
        assert "<svg" in text or figure.charts[0].form == "table", name
        assert figure.caption in html.unescape(text), name
        assert figure.mart in text, name
        assert (marts.comments(figure.mart)[0][:40].split("'")[0]) in html.unescape(text), name
        assert "made of <data" in text or figure.cells.source == "none", name
        assert re.search(r"<span>(weeks|cohorts) of |<span>\d{4}-\d\d-\d\d to ", text), name
        assert text.count("data-claim=") + text.count("not measured<") >= number_of_claims.get(figure.name, 0), name
        assert (report / "data" / f"{name}.csv").exists() and f'href="data/{name}.csv"' in text, name
        assert text.count('role="img"') == text.count("<figure") == text.count("In words"), name


def test_readme_and_report_know_the_same_marts(report: Path):
    """Each mart that README names for a figure is drawn in it, or stands beside it."""
    readme = (PROJECT / "README.md").read_text()
    for name, marts_named in re.findall(r"^\| ((?:Figure|Table) \d+) \|[^|]*\| (.*) \|$", readme, flags=re.M):
        figure = next(figure for figure in FIGURES.values() if figure.name == name)
        shown = {figure.mart, *(beside.mart for beside in figure.beside)}
        assert set(re.findall(r"`(\w+)`", marts_named)) <= shown, name


def test_models_of_the_report_carry_its_figure(report: Path):
    """dbt's documentation and the report find each other: meta.paper of a mart names the figures that it is shown in."""
    for figure in FIGURES.values():
        (path,) = (PROJECT / "models/marts").rglob(f"{figure.mart}.yml")
        said = yaml.safe_load(re.sub(r"{{.*?}}", "x", path.read_text()))["models"][0]["config"]["meta"]["paper"]
        assert figure.name in said, figure.id


def test_simulated_data_are_labelled_on_every_figure(report: Path):
    for page in PAGES:
        for name, text in sections(report / f"{page}.html").items():
            assert ">Simulated data<" in text.split("<figure")[0], name
            assert text.count("(simulated data)") == text.count('role="img"'), name
    for name in FIGURES:
        assert {row["is_simulated"] for row in rows(report, name)} == {"true"}, name


def test_site_is_small_and_made_of_files_of_its_own(report: Path):
    files = [file for file in report.rglob("*") if file.is_file()]
    # dbt's documentation comes on top, some 8 MB.
    assert sum(file.stat().st_size for file in files) < 7e6
    for file in files:
        if file.suffix in (".html", ".css"):
            text = file.read_text()
            assert "<script" not in text
            assert not re.search(
                r"""(?:src|href)\s*=\s*["']?(?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import""", text
            ), file


# ------------------------------------------------------------------------------------------------ the marts' numbers


def test_every_number_of_the_data_files_is_the_marts(report: Path, marts: Marts):
    """All digits, all rows; the mart's rows are looked up by key, not by the condition that the report used."""
    for figure in FIGURES.values():
        shown = rows(report, figure.id)
        numbers = [name for name in figure.columns if any(isinstance(row[name], float) for row in shown)]
        keys = [name for name in figure.columns if name not in numbers]
        found = marts.connection.execute(f"select {', '.join(figure.columns)} from {figure.mart}")
        by_key = {}
        for row in found.fetchall():
            row = dict(zip(figure.columns, row, strict=True))
            key = tuple(
                None if row[name] is None else str(row[name]).replace("True", "true").replace("False", "false")
                for name in keys
            )
            by_key.setdefault(key, []).append([None if row[name] is None else float(row[name]) for name in numbers])
        for row in shown:
            assert [row[name] for name in numbers] in by_key[tuple(row[name] for name in keys)], (figure.id, row)


def test_every_number_of_the_pages_is_the_marts(report: Path, marts: Marts):
    claims = dict(
        marts.connection.execute(
            "select claim_id, measured_value from rpt_paper_claims where measured_value is not null"
        ).fetchall()
    )
    seen = set()
    for page in [*PAGES, "index"]:
        values = Values(report / f"{page}.html")
        for claim, value in values.claims.items():
            assert value == claims[claim], claim
        seen |= set(values.claims)
        for section, numbers in values.by_section.items():
            if section not in FIGURES:
                continue
            figure = FIGURES[section]
            mart_values = set()
            for mart, columns in [
                (figure.mart, figure.columns),
                *((beside.mart, beside.columns) for beside in figure.beside),
            ]:
                for row in marts.connection.execute(f"select {', '.join(columns)} from {mart}").fetchall():
                    mart_values |= {float(value) for value in row if isinstance(value, (int, float))}
            # Series that are too small for a colour are added up.
            allowed = 0 if not any(chart.roles.get("top") and chart.form == "areas" for chart in figure.charts) else 60
            strange = [number for number in numbers[1:] if number not in mart_values]
            assert len(strange) <= allowed, (section, strange[:5])
            assert len(numbers) > 5 or figure.id == "figure-5", section
    assert seen == set(claims)


def test_records_behind_a_figure_are_counted(report: Path, marts: Marts):
    """Counted again where the mart itself has the records of its rows."""
    counted = {
        "figure-1": "select sum(generations) from rpt_source_type_weekly",
        "figure-10": "select sum(generations) from rpt_reasoning_weekly",
        "figure-12": "select sum(tool_call_generations) from rpt_tool_calls_weekly",
        "figure-14": "select sum(generations) from rpt_sequence_length_weekly",
        "figure-7": "select sum(sampled_generations) from rpt_oss_category_weekly where scope = 'chinese_oss' and category <> 'others'",
        "figure-18": "select sum(sampled_generations) from rpt_sequence_length_by_category_weekly where category = 'all'",
        "figure-19": "select sum(sampled_generations) from rpt_category_weekly where category <> 'others'",
        "figure-22": "select sum(sampled_generations) from rpt_author_category_weekly where author_slug in ('anthropic', 'google', 'x-ai') and category <> 'others'",
        "figure-29": "select sum(sampled_generations) from rpt_category_tags where category in ('roleplay', 'programming', 'technology')",
        "figure-26": "select sum(sampled_generations) from rpt_category_cost_usage",
    }
    for name, sql in counted.items():
        figure = FIGURES[name]
        said = Values(report / f"{figure.page}.html").by_section[name][0]
        assert said == marts.connection.execute(sql).fetchone()[0], name


def test_the_summary_says_what_was_loaded(report: Path, marts: Marts):
    text = (report / "index.html").read_text()
    raw, accepted, duplicate, quarantined = marts.connection.execute(
        "select raw_rows, accepted_rows, duplicate_rows, quarantined_rows from rpt_load_summary"
    ).fetchone()
    assert f"{raw:,} raw records = {accepted:,} accepted + {duplicate:,} duplicate" in text
    assert f"{quarantined:,} quarantined" in text
    assert len(DEFINITIONS.headline_claims) == 10
    ten = text.split("Ten numbers that matter</caption>")[1].split("</table>")[0]
    assert ten.count("data-claim=") == 10
    now, before = marts.connection.execute(
        "select token_share from rpt_source_type_weekly where source_type = 'closed' and is_complete_week order by week_start desc limit 2"
    ).fetchall()
    assert f"{100 * (now[0] - before[0]):+.1f} points" in text
    known = (
        1
        - marts.connection.execute(
            "select sum(token_share) from rpt_taxonomy_coverage where seed_name = 'models'"
        ).fetchone()[0]
    )
    assert f'<data value="{known!r}">' in text


# ---------------------------------------------------------------------------------------------------- publishing gate


def records_and_accounts(marts: Marts) -> dict[str, dict[tuple, tuple[int, int]]]:
    """Counted again, from the facts with queries of their own: (records, accounts) of some figures' cells."""
    usage = """
        from published.marts.fct_account_usage_weeks as facts
        inner join published.marts.dim_model_slugs as slugs using (model_slug)
        inner join published.marts.dim_models as models using (model_id)
    """
    sample = """
        from published.marts.fct_account_tag_usage_daily as facts
        inner join published.marts.dim_model_slugs as slugs using (model_slug)
        inner join published.marts.dim_models as models using (model_id)
        inner join published.marts.dim_category_paths as paths on facts.category_path = paths.path
    """
    queries = {
        "figure-1": f"select week_start, source_type, sum(generations), count(distinct account_key) {usage} group by 1, 2",
        "figure-4": f"select week_start, size_bucket, sum(generations), count(distinct account_key) {usage} where is_open_weights group by 1, 2",
        "figure-8": f"select date_trunc('week', event_date)::date, category, source_type, sum(sampled_generations), count(distinct account_key) {sample} where event_date >= date '2025-05-01' group by 1, 2, 3",
        "figure-22": f"select date_trunc('week', event_date)::date, author_slug, category, sum(sampled_generations), count(distinct account_key) {sample} where event_date >= date '2025-05-01' group by 1, 2, 3",
    }
    found = {}
    for name, sql in queries.items():
        found[name] = {tuple(map(str, row[:-2])): row[-2:] for row in marts.connection.execute(sql).fetchall()}
    return found


def test_small_cells_do_not_go_out(public_report: Path, report: Path, marts: Marts):
    small = 0
    for name, counted in records_and_accounts(marts).items():
        keys = list(FIGURES[name].cells.keys)
        for row in rows(public_report, name):
            generations, accounts = counted.get(tuple(row[key] for key in keys), (0, 0))
            if generations > 0 and (generations < LIMITS.generations or accounts < LIMITS.accounts):
                small += 1
                assert row["suppressed"] == "true", (name, row)
                public = {*keys, "is_complete_week", "suppressed", "is_simulated", "window_rank"}
                assert {value for column, value in row.items() if column not in public} == {None}, (name, row)
        # Nothing is lost either: suppressed or not, every row is listed.
        assert len(rows(public_report, name)) == len(rows(report, name))
    assert small > 100


@pytest.mark.slow
@pytest.mark.parametrize("limits", [gate.Limits(generations=1, accounts=12), gate.Limits(generations=40, accounts=1)])
def test_either_limit_closes_the_gate(marts: Marts, limits: gate.Limits):
    """Cells that are small by one measure alone."""
    frames = {figure.id: marts.figure(figure) for figure in DEFINITIONS.figures}
    gate.close(DEFINITIONS, frames, marts, limits)
    small = 0
    for name, counted in records_and_accounts(marts).items():
        for number, row in enumerate(frames[name].rows):
            generations, accounts = counted.get(tuple(str(row[key]) for key in FIGURES[name].cells.keys), (0, 0))
            if generations > 0 and (generations < limits.generations or accounts < limits.accounts):
                small += 1
                assert number in frames[name].hidden, (name, row)
    assert small > 100


def test_the_gate_is_open_by_default(report: Path):
    for name in FIGURES:
        assert "suppressed" not in rows(report, name)[0]
    assert "For publication" not in (report / "index.html").read_text()


def attack(folder: Path, own: Path) -> dict[str, list[tuple]]:
    """What a reader can work out: cells that are suppressed in a folder's data, but follow from the rest and from totals.

    The reader knows the totals of weeks (of whole figures, so from `own`), and that some figures divide what others show; the shares
    of a whole add up to 1. All of it is one linear system, whose unknowns are the suppressed numbers. A total is known only where the
    reader sees a part of it, or where another figure states it.
    """
    amounts = {
        "figure-1": ("total_tokens", ["week_start"]),
        "figure-3": ("total_tokens", ["week_start"]),
        "figure-4": ("total_tokens", ["week_start"]),
        "figure-6": ("sampled_tokens", ["week_start"]),
        "figure-7": ("sampled_tokens", ["week_start"]),
        "figure-8": ("sampled_tokens", ["week_start", "category"]),
        "figure-9": ("sampled_tokens", ["week_start", "category"]),
        "figure-10": ("total_tokens", ["week_start"]),
        "figure-11": ("total_tokens", ["week_start"]),
        "figure-13": ("tool_call_tokens", ["week_start"]),
        "figure-19": ("sampled_tokens", ["week_start"]),
        "figure-20": ("spend_usd", ["week_start"]),
        "figure-21": ("sampled_tokens", ["category"]),
        "figure-22": ("sampled_tokens", ["week_start", "author_slug"]),
        "figure-23": ("sampled_tokens", ["week_start", "author_slug"]),
        "figure-24": ("total_tokens", ["week_start"]),
        "figure-27": ("total_tokens", []),
        "figure-29": ("sampled_tokens", ["category"]),
        "table-1": ("total_tokens", []),
        "table-2": ("total_tokens", []),
    }
    known: dict[tuple, float] = {}
    unknown: dict[tuple, int] = {}
    truth: dict[tuple, float] = {}
    groups: dict[tuple, list[tuple]] = defaultdict(list)
    for name, (column, whole) in amounts.items():
        keys = list(FIGURES[name].cells.keys)
        for row, true in zip(
            sorted(rows(folder, name), key=lambda row: [str(row[key]) for key in keys]),
            sorted(rows(own, name), key=lambda row: [str(row[key]) for key in keys]),
            strict=True,
        ):
            cell = (name, *[str(row[key]) for key in keys])
            truth[cell] = true[column]
            if row["suppressed"] == "true":
                unknown[cell] = len(unknown)
            else:
                known[cell] = row[column]
            groups[name, *[str(row[key]) for key in whole]].append(cell)
    equations = [(dict.fromkeys(cells, 1), sum(truth[cell] for cell in cells)) for cells in groups.values()]
    equations = [
        (cells, total)
        for cells, total in equations
        if len(cells) > 1 and (not cells.keys() <= unknown.keys() or next(iter(cells))[0] == "figure-1")
    ]
    # The open models of Figure 1 are those of Figures 3 and 4; a category of Figure 19 or 6 is divided by Figures 8 and 9.
    weeks = {cell[1] for cell in truth if cell[0] == "figure-1"}
    for week in weeks:
        open_models = {cell: -1 for cell in groups["figure-1", week] if cell[2] in ("chinese_oss", "row_oss")}
        for name in ("figure-3", "figure-4"):
            equations.append(({**dict.fromkeys(groups[name, week], 1), **open_models}, 0))
        for name, category in (("figure-8", "programming"), ("figure-9", "roleplay")):
            parts = groups[name, week, category]
            for whole, sources in (
                ("figure-19", None),
                ("figure-6", ("chinese_oss", "row_oss")),
                ("figure-7", ("chinese_oss",)),
            ):
                cell = (whole, week, category)
                if parts and cell in truth:
                    chosen = {part: 1 for part in parts if sources is None or part[3] in sources}
                    equations.append(({**chosen, cell: -1}, 0))
    # A category's weeks add up to its column of Figure 21.
    for category in {cell[2] for cell in truth if cell[0] == "figure-19"}:
        cells = {cell: 1 for cell in truth if cell[0] == "figure-19" and cell[2] == category}
        column = groups.get(("figure-21", category), [])
        equations.append(({**cells, **dict.fromkeys(column, -1)}, 0))

    # Solve group by group of equations that share an unknown.
    worked_out: dict[str, list[tuple]] = defaultdict(list)
    waiting = [
        (
            {cell: factor for cell, factor in cells.items() if cell in unknown},
            total - sum(factor * known[cell] for cell, factor in cells.items() if cell in known),
        )
        for cells, total in equations
    ]
    waiting = [equation for equation in waiting if equation[0]]
    while waiting:
        together, cells = [waiting.pop()], set()
        while True:
            cells = set().union(*[equation[0] for equation in together])
            more = [equation for equation in waiting if not cells.isdisjoint(equation[0])]
            if not more:
                break
            together += more
            waiting = [equation for equation in waiting if cells.isdisjoint(equation[0])]
        column = {cell: number for number, cell in enumerate(sorted(cells))}
        matrix = np.zeros((len(together), len(column)))
        totals = np.array([total for _, total in together])
        for number, (equation, _) in enumerate(together):
            for cell, factor in equation.items():
                matrix[number, column[cell]] = factor
        solution = np.linalg.lstsq(matrix, totals, rcond=None)[0]
        # What the projection onto the row space leaves as it is, has one value in all solutions.
        certain = np.diag(np.linalg.pinv(matrix) @ matrix)
        for cell, number in column.items():
            if certain[number] > 1 - 1e-9:
                assert solution[number] == pytest.approx(truth[cell], rel=1e-6, abs=1e-3)
                worked_out[cell[0]].append(cell[1:])
    return worked_out


def test_suppressed_cells_cannot_be_worked_out(public_report: Path, report: Path):
    assert attack(public_report, report) == {}


@pytest.mark.slow
def test_without_further_suppression_they_can(
    marts: Marts, report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The attack is worth something: with nothing but the small cells suppressed it works them out."""
    monkeypatch.setattr(gate, "suppress", lambda table: table.small)
    site.build(definitions.load(), marts, tmp_path / "public", limits=LIMITS, say=lambda _: None)
    worked_out = attack(tmp_path / "public", report)
    assert len(worked_out) >= 5
    assert sum(map(len, worked_out.values())) > 50


def cell(name: str) -> gate.Cell:
    return ("figure", (name,))


def table(sizes: dict[str, float], small: str, *sums: dict[str, int], stated: int = 0) -> gate.Table:
    equations = [{cell(name): factor for name, factor in equation.items()} for equation in sums]
    return gate.Table(
        size={cell(name): size for name, size in sizes.items()},
        small={cell(name) for name in small},
        sums=equations,
        stated=equations[:stated],
    )


def hidden(of: gate.Table) -> str:
    return "".join(sorted(keys[0] for _, keys in gate.suppress(of)))


def test_complementary_suppression_by_hand():
    whole = {"a": 1, "b": 1, "c": 1}
    # One small cell takes the smallest of the others with it; none takes none; all take nothing more.
    assert hidden(table({"a": 3, "b": 50, "c": 40}, "a", whole)) == "ac"
    assert hidden(table({"a": 30, "b": 50, "c": 40}, "", whole)) == ""
    assert hidden(table({"a": 3, "b": 5, "c": 4}, "abc", whole)) == "abc"
    # Two small cells would leave a sum that is small: a large one goes too.
    assert hidden(table({"a": 3, "b": 50, "c": 4}, "ac", whole)) == "abc"
    # d is told by the sum that has it alone with a: a, b hidden in one sum, so c or d must go as well.
    assert hidden(table({"a": 3, "b": 20, "c": 40, "d": 90}, "a", whole, {"b": 1, "d": 1}, {"a": 1, "d": -1})) == "abd"
    # A cell made of nothing protects nothing: a is 3 of 3 whether b is hidden or not, so c goes.
    assert hidden(table({"a": 3, "b": 0, "c": 40}, "a", whole)) == "ac"
    # Rows and columns of a square: one small cell takes a rectangle.
    square = [{"a": 1, "b": 1}, {"c": 1, "d": 1}, {"a": 1, "c": 1}, {"b": 1, "d": 1}]
    assert hidden(table({"a": 3, "b": 50, "c": 40, "d": 90}, "a", *square)) == "abcd"


def test_what_sums_up_a_figure_with_suppressed_cells_is_withheld(public_report: Path):
    for page in [*PAGES, "index"]:
        path = public_report / f"{page}.html"
        shown = set(Values(path).claims)
        for name, text in sections(path).items():
            suppressed = any(row["suppressed"] == "true" for row in rows(public_report, name))
            closed = suppressed or bool(FIGURES[name].of_one_account)
            of_figure = set(re.findall(r'data-claim="(\w+)"', text))
            assert not (closed and of_figure), name
            assert suppressed == ("numbers are suppressed" in text), name
            for beside in FIGURES[name].beside:
                assert (f"marts.{beside.mart}<" in text) == (not closed and not beside.has_own_cells), name
        if page == "index":
            assert len(shown) < 10 + len(re.findall("withheld", path.read_text()))


def test_what_is_said_of_one_account_does_not_go_out(public_report: Path, report: Path):
    """Figure 12 has the largest account's share, so that account's tokens: with the gate closed neither line nor number."""
    columns = FIGURES["figure-12"].of_one_account
    assert {row[name] for row in rows(public_report, "figure-12") for name in columns} == {None}
    assert all(any(row[name] is not None for row in rows(report, "figure-12")) for name in columns)
    assert "Without the largest account" not in sections(public_report / "agentic.html")["figure-12"]
    assert "Without the largest account" in sections(report / "agentic.html")["figure-12"]
    # Nor how many records few accounts had quarantined, nor exactly how much a taxonomy does not know.
    assert "missing_account" not in (public_report / "index.html").read_text()


def test_series_of_one_account_are_marked(public_report: Path, marts: Marts):
    shares = marts.connection.execute(
        """
        with accounts as (
            select week_start, source_type, account_key, sum(total_tokens) as tokens
            from published.marts.fct_account_usage_weeks
            inner join published.marts.dim_model_slugs using (model_slug)
            inner join published.marts.dim_models using (model_id)
            group by all
        )
        select week_start::text, source_type, max(tokens) / nullif(sum(tokens), 0) from accounts group by all
        """
    ).fetchall()
    top = {(week, source): share for week, source, share in shares}
    marked = {}
    for row in rows(public_report, "figure-1"):
        if row["suppressed"] == "false":
            marked[row["week_start"], row["source_type"]] = row["over_half_from_one_account"] == "true"
    assert marked == {key: (top.get(key) or 0) > 0.5 for key in marked}


# ------------------------------------------------------------------------------------------- colours, words, commands


def seen_by(kind: str, colour: str) -> np.ndarray:
    """A colour in CIE L*a*b* as full colour vision, or deuteranopia or protanopia (Viénot, Brettel and Mollon 1999), has it."""
    rgb = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = {
        "full": np.eye(3),
        "deuteranopia": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
        "protanopia": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    }[kind]
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ (
        matrix @ linear
    ).clip(0, 1)
    scaled = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * scaled[1] - 16, 500 * (scaled[0] - scaled[1]), 200 * (scaled[1] - scaled[2])])


@pytest.mark.parametrize("kind", ["full", "deuteranopia", "protanopia"])
def test_colours_can_be_told_apart(kind: str):
    """Any two of a small palette, neighbours in the stack of a large one: more than a just noticeable difference of 2.3, by far."""
    for dimension, palette in colours.PALETTES.items():
        names = [name for name in palette if name not in ("all", "others")]
        if dimension == "measure":
            names = ["token_share", "token_share_without_top_account"]
        for number, one in enumerate(names):
            others = names[number + 1 :] if len(names) <= 7 else names[number + 1 : number + 2]
            for other in others:
                distance = np.linalg.norm(seen_by(kind, palette[one]) - seen_by(kind, palette[other]))
                assert distance > 12, (dimension, one, other, distance)


def test_one_thing_has_one_colour(report: Path):
    names: dict[str, set[str]] = defaultdict(set)
    for page in PAGES:
        text = (report / f"{page}.html").read_text()
        for colour, name in re.findall(
            r'class="swatch" style="background:(#\w+)"></span>(?:[^\w<]+ )?([^<]+)</li>', text
        ):
            names[name].add(colour)
    assert len(names) > 60
    assert {name: found for name, found in names.items() if len(found) > 1} == {}


@pytest.mark.slow
def test_command_says_what_it_does_and_when_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    published()
    monkeypatch.chdir(PROJECT)
    assert command.main(["--no-docs", "--output", str(tmp_path / "site")]) == 0
    printed = capsys.readouterr().out
    assert "1/32 Figure 1" in printed and "32/32" in printed
    assert re.search(r"32 figures and tables.*nothing is suppressed.*\d\.\d MB in \d+ s", printed)

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(SystemExit) as stopped:
        command.main(["--no-docs", "--output", str(tmp_path / "mine")])
    assert stopped.value.code == 2
    assert (tmp_path / "mine" / "thesis.txt").exists()

    monkeypatch.setenv("PUBLISHED_PATH", str(tmp_path / "nothing.duckdb"))
    assert command.main(["--no-docs", "--output", str(tmp_path / "site")]) == 1
    assert "make build" in capsys.readouterr().err


@pytest.fixture
def emptied(tmp_path: Path) -> Path:
    """The published marts without a row, real: what a landing without files gives."""
    path = tmp_path / "empty.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"attach '{published()}' as full_one (read_only)")
        for schema in ("marts", "reference", "publication"):
            connection.execute(f"create schema {schema}")
        for schema, name in connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'full_one'"
        ).fetchall():
            limit = "" if schema == "publication" or name == "dim_models" else "limit 0"
            connection.execute(f"create table {schema}.{name} as select * from full_one.{schema}.{name} {limit}")
        connection.execute("insert into marts.rpt_load_summary select false, 0, 0, 0, 0, 0, 0, 0, null, null")
        connection.execute(
            "insert into marts.rpt_paper_claims select * replace (null as measured_value, null as is_within) from full_one.marts.rpt_paper_claims"
        )
    return path


def test_what_has_no_number_is_not_drawn(marts: Marts):
    """Shares of nothing are null, for instance of spend where nothing was billed: no chart, and no accident."""
    context = charts.Context(window=marts.window(), model_colours={})
    for figure in FIGURES.values():
        frame = marts.figure(figure)
        for chart in figure.charts:
            named = [chart.roles.get(role) for role in ("y", "colour", "x")]
            numbers = [name for role in named for name in (role if isinstance(role, list) else [role])]
            for row in frame.rows:
                row.update({name: None for name in numbers if isinstance(row.get(name), (int, float))})
            assert charts.draw(chart, frame, context) is None, figure.id


@pytest.mark.parametrize("limits", [None, LIMITS])
def test_empty_marts_say_what_is_missing(emptied: Path, tmp_path: Path, limits: gate.Limits | None):
    site.build(definitions.load(), Marts(emptied), tmp_path / "site", limits=limits, say=lambda _: None)
    index = (tmp_path / "site" / "index.html").read_text()
    assert "Nothing is loaded yet" in index and "make build report" in index and "classifications" in index
    for page in PAGES:
        for name, text in sections(tmp_path / "site" / f"{page}.html").items():
            assert "Nothing to show" in text and f"marts.{FIGURES[name].mart} has no rows" in text, name
            wanted = {"sample": "openrouter/classifications", "usage": "openrouter/generations"}
            assert wanted.get(FIGURES[name].cells.source, "") in text, name
    # Nothing simulated is loaded, so nothing says so.
    for file in (tmp_path / "site").glob("*.html"):
        assert "Simulated data<" not in file.read_text() and "(simulated data)" not in file.read_text()


def test_nothing_is_published_without_facts_by_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    copy = tmp_path / "published.duckdb"
    shutil.copyfile(published(), copy)
    with duckdb.connect(str(copy)) as connection:
        connection.execute("drop table marts.fct_account_usage_weeks")
    monkeypatch.setenv("PUBLISHED_PATH", str(copy))
    assert command.main(["--publish", "--no-docs", "--output", str(tmp_path / "report")]) == 1
    assert "publishing_facts" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_exposure_lists_what_the_report_reads():
    exposures = yaml.safe_load((PROJECT / "models/_exposures.yml").read_text())["exposures"]
    named = {exposure["name"]: exposure for exposure in exposures}
    listed = {
        name
        for exposure in ("study_report", "published_study_report")
        for name in re.findall(r"ref\('(\w+)'\)", json.dumps(named[exposure]["depends_on"]))
    }
    read = {figure.mart for figure in FIGURES.values()} | {
        beside.mart for figure in FIGURES.values() for beside in figure.beside
    }
    code = "".join(
        file.read_text() for file in (PROJECT / "scripts/report").rglob("*") if file.suffix in (".py", ".yml")
    )
    read |= set(re.findall(r"\b(rpt_\w+|dim_\w+|fct_\w+|sem_\w+)\b", code))
    assert listed >= read, read - listed
