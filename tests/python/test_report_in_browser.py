"""The report as a browser has it: every figure drawn, nothing asked of the network, no text on text, accessible.

It needs Chromium (Debian: `apt-get install chromium`; or CHROMIUM, the path of one). Without it these tests are skipped, and say
so; in CI (the variable CI) they fail.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import PROJECT
from playwright.sync_api import Browser, Page, sync_playwright
from test_report import FIGURES, LIMITS, PAGES, published

from scripts import _paths
from scripts.report import definitions, site
from scripts.report.marts import Marts

WIDTHS = (390, 1024, 1600)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        message = "NO BROWSER: the report was not looked at. Install Chromium (apt-get install chromium) or set CHROMIUM to its path"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    with sync_playwright() as playwright:
        # Containers let nobody but root start it, and root only without its sandbox; it sees nothing but files of our own.
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site with dbt's documentation beside it."""
    folder = tmp_path_factory.mktemp("report")
    site.build(definitions.load(), Marts(published()), folder, with_docs=True, say=lambda _: None)
    return folder


class Visit:
    """A page in a browser that notes what goes wrong, and from which nothing gets out."""

    def __init__(self, browser: Browser, width: int = 1024, **options):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self.context.route(re.compile(r"^(?!file:|data:|blob:|about:)"), self._refuse)
        self.page.on(
            "console",
            lambda message: self.problems.append(message.text) if message.type in ("error", "warning") else None,
        )
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("requestfailed", lambda request: self.problems.append(f"failed: {request.url}"))

    def _refuse(self, route) -> None:
        self.problems.append(f"leaves the machine: {route.request.url}")
        route.abort()

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_) -> None:
        self.context.close()


# Pairs of texts that lie on one another. A text is a run of letters of one text node, or an SVG text; what cannot be seen does not count,
# nor what scrolls out of a box.
OVERLAPS = """
() => {
  const found = [];
  const add = (rect, text, element) => {
    if (rect.width < 1 || rect.height < 1 || !text.trim() || !element.checkVisibility()) return;
    let box = {left: rect.left, right: rect.right, top: rect.top, bottom: rect.bottom};
    for (let parent = element; parent; parent = parent.parentElement) {
      const style = getComputedStyle(parent);
      if (style.visibility === 'hidden' || style.opacity === '0') return;
      if (style.overflow !== 'visible' && !(parent instanceof SVGElement)) {
        const clip = parent.getBoundingClientRect();
        box = {left: Math.max(box.left, clip.left), right: Math.min(box.right, clip.right),
               top: Math.max(box.top, clip.top), bottom: Math.min(box.bottom, clip.bottom)};
      }
    }
    if (box.right - box.left < 1 || box.bottom - box.top < 1) return;
    found.push({...box, text: text.trim().slice(0, 40)});
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (element.closest('.skip, title, style')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) add(rect, node.textContent, element);
  }
  found.sort((a, b) => a.top - b.top);
  const bad = [];
  for (let i = 0; i < found.length; i++) {
    for (let j = i + 1; j < found.length && found[j].top < found[i].bottom; j++) {
      const wide = Math.min(found[i].right, found[j].right) - Math.max(found[i].left, found[j].left);
      const high = Math.min(found[i].bottom, found[j].bottom) - Math.max(found[i].top, found[j].top);
      // Boxes of lines are a little higher than their letters.
      if (wide > 1.5 && high > 4) bad.push(`${found[i].text} | ${found[j].text} (${Math.round(wide)} x ${Math.round(high)})`);
    }
  }
  return bad;
}
"""

# Of each chart: whether it is drawn, that is, has marks with an extent inside a visible SVG.
CHARTS = """
() => [...document.querySelectorAll('.chart')].map(chart => {
  const svg = [...chart.querySelectorAll('svg')].find(one => one.getBoundingClientRect().width > 0);
  const marks = svg ? [...svg.querySelectorAll('.role-mark path, .role-mark line, .role-mark text')] : [];
  const seen = marks.filter(mark => { const box = mark.getBoundingClientRect(); return box.width + box.height > 1; });
  const box = svg ? svg.getBoundingClientRect() : {width: 0, height: 0, right: 0};
  return {label: chart.getAttribute('aria-label').slice(0, 60), width: box.width, height: box.height, marks: seen.length,
          right: box.right, broken: svg ? svg.outerHTML.includes('NaN') : true};
})
"""


@pytest.mark.parametrize("width", WIDTHS)
def test_every_figure_is_drawn_and_nothing_overlaps(browser: Browser, report: Path, width: int):
    charts = 0
    with Visit(browser, width) as visit:
        for page in ["index", *PAGES]:
            visit.page.goto((report / f"{page}.html").as_uri())
            for chart in visit.page.evaluate(CHARTS):
                charts += 1
                assert chart["marks"] >= 5 and not chart["broken"], (page, chart)
                assert chart["height"] > 100 and 250 < chart["width"] <= width and chart["right"] <= width, (
                    page,
                    chart,
                )
            assert visit.page.evaluate(OVERLAPS) == [], page
            # Every table opened, too.
            visit.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
            assert visit.page.evaluate(OVERLAPS) == [], page
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, page
        assert visit.problems == []
    assert charts == sum(chart.form != "table" for figure in FIGURES.values() for chart in figure.charts)


def test_overlapping_text_is_found(browser: Browser, report: Path):
    with Visit(browser) as visit:
        visit.page.goto((report / "cost.html").as_uri())
        visit.page.evaluate(
            """() => {
              const texts = document.querySelectorAll('.wide .role-axis-label text');
              texts[1].setAttribute('transform', texts[0].getAttribute('transform'));
            }"""
        )
        assert len(visit.page.evaluate(OVERLAPS)) >= 1


def test_a_request_that_leaves_is_found(browser: Browser, report: Path):
    with Visit(browser) as visit:
        visit.page.goto((report / "cost.html").as_uri())
        with visit.page.expect_event("requestfailed"):
            visit.page.evaluate(
                "document.body.append(Object.assign(new Image(), {src: 'https://example.com/pixel.png'}))"
            )
        assert any("leaves the machine" in problem for problem in visit.problems)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "scheme", "pages"), [(1024, "light", ["index", *PAGES]), (390, "dark", ["index", "geography", "cost"])]
)
def test_accessible(browser: Browser, report: Path, width: int, scheme: str, pages: list[str]):
    with Visit(browser, width, color_scheme=scheme) as visit:
        for page in pages:
            visit.page.goto((report / f"{page}.html").as_uri())
            # Charts are pictures with words beside them; their thousands of shapes would only take time.
            found = Axe().run(
                visit.page, context={"exclude": [[".chart svg"]]}, options={"resultTypes": ["violations"]}
            )
            found = found.response["violations"]
            serious = [
                (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0].get("failureSummary", "")[:300])
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            assert serious == [], page


def test_violations_are_found(browser: Browser, report: Path):
    with Visit(browser) as visit:
        visit.page.goto((report / "appendix.html").as_uri())
        visit.page.evaluate("document.querySelectorAll('.chart').forEach(one => one.removeAttribute('aria-label'))")
        found = Axe().run(visit.page).response["violations"]
        assert any(one["impact"] in ("serious", "critical") for one in found)


def test_dark_mode_print_and_keyboard(browser: Browser, report: Path):
    background = "getComputedStyle(document.body).backgroundColor"
    label = "getComputedStyle(document.querySelector('.wide .role-axis-label text')).fill"
    with Visit(browser, color_scheme="dark") as visit:
        page = visit.page
        page.goto((report / "open-vs-closed.html").as_uri())
        dark = page.evaluate(f"[{background}, {label}]")
        # The keyboard reaches what the mouse does: first the way past the menu, and each fold opens.
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        for _ in range(100):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Numbers of the chart":
                break
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.parentElement.open")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "scroll"
        page.emulate_media(media="print", color_scheme="light")
        assert page.evaluate(background) == "rgb(255, 255, 255)"
        assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
        assert all(chart["marks"] >= 5 for chart in page.evaluate(CHARTS))
        page.emulate_media(media="screen", color_scheme="light")
        light = page.evaluate(f"[{background}, {label}]")
        assert all(one != other for one, other in zip(dark, light, strict=True))
        assert visit.problems == []


@pytest.mark.slow
def test_page_behind_the_gate_is_drawn_too(browser: Browser, tmp_path: Path):
    site.build(definitions.load(), Marts(published()), tmp_path / "public", limits=LIMITS, say=lambda _: None)
    with Visit(browser, 390) as visit:
        for page in ["index", *PAGES]:
            visit.page.goto((tmp_path / "public" / f"{page}.html").as_uri())
            assert all(chart["marks"] >= 3 and not chart["broken"] for chart in visit.page.evaluate(CHARTS)), page
            assert visit.page.evaluate(OVERLAPS) == [], page
        assert visit.problems == []


@pytest.mark.slow
def test_dbt_documentation_stands_beside_it(browser: Browser, report: Path):
    """The link of a figure leads to its model, with its lineage, and nothing is asked of the network."""
    folder = _paths.target_path() / "report"
    subprocess.run([sys.executable, "-m", "scripts.report.docs", str(folder)], check=True, cwd=PROJECT)
    (report / "docs").mkdir()
    shutil.copy(folder / "static_index.html", report / "docs" / "index.html")
    assert sum(file.stat().st_size for file in report.rglob("*") if file.is_file()) < 15e6
    with Visit(browser) as visit:
        visit.page.goto((report / "cost.html").as_uri())
        visit.page.click("#figure-27 .source a[href*='rpt_model_cost_usage']")
        visit.page.wait_for_selector("h1:has-text('rpt_model_cost_usage')", timeout=20_000)
        assert "int_model_usage_daily" in visit.page.inner_text("body")
        assert [problem for problem in visit.problems if "leaves the machine" in problem] == []
