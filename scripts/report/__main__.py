"""Render the report: every figure and table of the study from the published marts, as a static site.

    python -m scripts.report                 everything, for one's own eyes
    python -m scripts.report --publish       small cells suppressed, and what would give them away

The site is in report/ (REPORT_PATH): open report/index.html. It needs no server, no network and no script.

Exit codes: 0 done; 1 not done, because nothing is published yet, facts by account are missing (--publish) or dbt's
documentation could not be written; 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

from scripts import _paths
from scripts.report import definitions, gate, site
from scripts.report.marts import Marts, NoAccountFacts


def _start_docs(folder: Path) -> subprocess.Popen:
    """Let dbt write its documentation while the figures are drawn."""
    command = [sys.executable, "-m", "scripts.report.docs", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _say(text: str) -> None:
    """One line that is written over on a terminal, one line each elsewhere."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text[:100]}", end="", flush=True)
    else:
        print(text, flush=True)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = yaml.safe_load(Path("dbt_project.yml").read_text())["vars"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output", type=Path, default=_paths.report_path(), help="folder of the site (default: %(default)s)"
    )
    parser.add_argument("--publish", action="store_true", help="close the publishing gate: suppress small cells")
    parser.add_argument(
        "--publish-min-generations",
        type=int,
        default=options["publish_min_generations"],
        help="requests that a published number is at least made of (default: var publish_min_generations, %(default)s)",
    )
    parser.add_argument(
        "--publish-min-accounts",
        type=int,
        default=options["publish_min_accounts"],
        help="accounts that a published number is at least made of (default: var publish_min_accounts, %(default)s)",
    )
    parser.add_argument("--no-docs", action="store_true", help="leave out dbt's documentation (saves ten seconds)")
    chosen = parser.parse_args(arguments)
    if chosen.output.exists() and any(chosen.output.iterdir()) and not (chosen.output / "style.css").exists():
        parser.error(f"{chosen.output} holds something else than a report, and would be emptied")

    started = time.monotonic()
    try:
        marts = Marts(_paths.published_path())
        if chosen.publish:
            marts.load_accounts()
    except (FileNotFoundError, NoAccountFacts) as error:
        print(f"No report: {error}", file=sys.stderr)
        return 1
    docs_folder = _paths.target_path() / "report"
    docs = None if chosen.no_docs else _start_docs(docs_folder)
    limits = gate.Limits(chosen.publish_min_generations, chosen.publish_min_accounts) if chosen.publish else None
    blocks = site.build(definitions.load(), marts, chosen.output, limits=limits, with_docs=not chosen.no_docs, say=_say)
    if docs is not None:
        _say("dbt's documentation")
        printed, _ = docs.communicate()
        page = docs_folder / "static_index.html"
        if docs.returncode or not page.exists():
            print(f"\nNo documentation, and so no report: {printed}", file=sys.stderr)
            return 1
        (chosen.output / "docs").mkdir()
        shutil.copy(page, chosen.output / "docs" / "index.html")
    _say("")
    empty = sum(bool(block.missing) for block in blocks)
    hidden = sum(len(block.frame.hidden) for block in blocks)
    print(
        f"Report: {chosen.output}/index.html, {len(blocks) - empty} figures and tables"
        + (f", {empty} without data" if empty else "")
        + (
            f", {hidden:,} cells suppressed"
            if limits
            else ", for your own eyes: nothing is suppressed (--publish does)"
        )
        + f"; {_size(chosen.output) / 1e6:.1f} MB in {time.monotonic() - started:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
