"""The boards of dashboard/: five pages whose queries run on the published marts and have the columns that are drawn.

Where `make dashboard` has installed what opens them, they are rendered too.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import duckdb
import pytest
import yaml
from conftest import PROJECT, built

from scripts import _paths

BOARDS = sorted((PROJECT / "dashboard/charts").glob("*.yml"))
DCT = PROJECT / "data/dashboard/bin/dct"


@pytest.fixture(scope="module")
def published() -> Path:
    return built(_paths.published_path())


def named(layout) -> set[str]:
    """Names of the charts in a layout."""
    if isinstance(layout, str):
        return {layout}
    return set().union(*[named(part) for part in (layout.values() if isinstance(layout, dict) else layout)])


def test_there_are_five():
    assert len(BOARDS) == 5


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)
def test_queries_have_what_is_drawn(board: Path, published: Path):
    spec = yaml.safe_load(board.read_text())
    columns = {}
    with duckdb.connect() as connection:
        connection.execute(f"attach '{published}' as published (read_only)")
        connection.execute("use published")
        for name, sql in spec["queries"].items():
            for variable, settings in spec.get("variables", {}).items():
                sql = sql.replace(
                    f"{{{{ filter('author_slug', {variable}) }}}}", f"author_slug = '{settings['default']}'"
                )
            assert set(re.findall(r"(?:from|join) (\w+)\.", sql)) == {"marts"}, name
            result = connection.execute(sql)
            columns[name] = {column[0] for column in result.description}
            assert result.fetchall(), name
    assert named(spec["rows"]) == set(spec["charts"])
    for name, chart in spec["charts"].items():
        drawn = [chart.get(role) for role in ("x", "color", "value")]
        drawn += chart["y"] if isinstance(chart.get("y"), list) else [chart.get("y")]
        assert {column for column in drawn if column} <= columns[chart["query"]], name
    # Simulated data say so on each page.
    assert "{{ queries.loaded.one.label }}" in spec["text"] and "Simulated" in spec["queries"]["loaded"]


@pytest.mark.skipif(
    not DCT.exists(),
    reason="needs what draws the boards, in an environment of its own: `make data/dashboard/.installed`; the tests above run their queries",
)
def test_boards_are_rendered(published: Path, tmp_path: Path):
    environment = os.environ | {"PUBLISHED_PATH": str(published.resolve()), "DO_NOT_TRACK": "1"}
    command = [DCT, "render", *BOARDS, "--format", "html", "--no-cache", "--output", tmp_path / "{stem}.html"]
    subprocess.run(command, check=True, cwd=PROJECT / "dashboard", env=environment)
    assert {page.stem for page in tmp_path.glob("*.html")} == {board.stem for board in BOARDS}
