"""Say in one JSON line how the last run went, for what watches the runs.

    python -m scripts.build_report [--since TIME] [--append FILE]

Reads what the steps of a run leave: the source check's result (CHECKS_PATH), dbt's run_results.json and sources.json
(DBT_TARGET_PATH), and the warehouse. Nothing in it is personal: names of nodes, counts, times.

  status       ok; stale (all is built, a source is late past its bound); failed; not run
  exit_code    0 for ok, else 1: that of this command
  invocation_id, command, dbt_version, started_at, duration_s
               of dbt's last invocation; the id is also that of its log
  nodes        number of nodes by what became of them
  unpassed     names of those that have not passed since they were last built, whichever invocation that was
  slowest      the five nodes that took longest, seconds
  records      what is loaded: raw = accepted + duplicate + quarantined; new_raw and new_quarantined are the difference
               to the last line of the file that is appended to, null without one
  freshness    age in hours of the latest event of each landed table, and its status
  check        the source check's exit code, and its findings by severity
  published    whether the serving file is newer than dbt's last invocation

--since says when the run began (ISO 8601, or seconds since 1970): what was left before that is not of this run, and is
null. --append writes the line to a file, too.

Exit codes: 0 all is well; 1 something failed, is stale, or did not run; 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from scripts import _paths

GOOD = ("success", "pass", "no-op", "warn")
LATE = ("error", "runtime error")


def report(since: datetime | None, previous: dict[str, Any] | None) -> dict[str, Any]:
    """The report as a dictionary.

    Args:
        since: what was left before it does not count.
        previous: the report before this one.
    """
    results = _artifact(_paths.target_path() / "run_results.json", ("metadata", "generated_at"), since)
    sources = _artifact(_paths.target_path() / "sources.json", ("metadata", "generated_at"), since)
    check = _artifact(_paths.checks_path() / "check_sources.json", ("checked_at",), since)
    records, unpassed = _warehouse(previous)
    nodes = results["results"] if results else []
    freshness = {_table(row["unique_id"]): _age(row) for row in sources["results"]} if sources else None

    # What the warehouse says counts, too: a build that was killed leaves the results of the one before it.
    is_failed = (
        any(node["status"] not in GOOD for node in nodes)
        or bool(unpassed)
        or (check is not None and check["exit_code"] >= 2)
    )
    is_stale = any(row["status"] in LATE for row in (freshness or {}).values())
    status = "failed" if is_failed else "not run" if results is None else "stale" if is_stale else "ok"
    invocation = results["metadata"] if results else {}
    return {
        "reported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": status,
        "exit_code": 0 if status == "ok" else 1,
        "invocation_id": invocation.get("invocation_id"),
        "command": results["args"].get("which") if results else None,
        "dbt_version": invocation.get("dbt_version"),
        "started_at": invocation.get("invocation_started_at"),
        "duration_s": _seconds(invocation),
        "nodes": dict(Counter(node["status"] for node in nodes)) if results else None,
        "unpassed": unpassed,
        "slowest": {
            node["unique_id"]: round(node["execution_time"], 2)
            for node in sorted(nodes, key=lambda node: -node["execution_time"])[:5]
        },
        "records": records,
        "freshness": freshness,
        "check": _check(check),
        "published": _is_published(invocation),
    }


def _artifact(path: Path, time: Sequence[str], since: datetime | None) -> dict[str, Any] | None:
    """Content of a JSON file, None if it is not there, cut off, or older than the run."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    written = content
    for key in time:
        written = written[key]
    return None if since is not None and _time(written) < since else content


def _time(text: str) -> datetime:
    """A time with its zone; UTC where it says none."""
    if text.replace(".", "", 1).isdigit():
        return datetime.fromtimestamp(float(text), UTC)
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _seconds(invocation: dict[str, Any]) -> float | None:
    if not invocation.get("invocation_started_at"):
        return None
    return round((_time(invocation["generated_at"]) - _time(invocation["invocation_started_at"])).total_seconds(), 1)


def _table(unique_id: str) -> str:
    return unique_id.split(".", 2)[2]


def _age(row: dict[str, Any]) -> dict[str, Any]:
    """A table whose files could not be read has no age."""
    age = row.get("max_loaded_at_time_ago_in_s")
    return {"status": row["status"], "age_hours": None if age is None else round(age / 3600, 1)}


def _check(check: dict[str, Any] | None) -> dict[str, Any] | None:
    if check is None:
        return None
    return {"exit_code": check["exit_code"]} | dict(Counter(finding["severity"] for finding in check["findings"]))


def _warehouse(previous: dict[str, Any] | None) -> tuple[dict[str, Any] | None, list[str]]:
    """Records that are loaded, and what has not passed; (None, what is wrong) without a warehouse to ask."""
    try:
        with duckdb.connect(str(_paths.warehouse_path()), read_only=True) as connection:
            unpassed = connection.execute(
                "select distinct case node_id when 'invocation' then 'invocation ' || invocation_id else node_id end"
                " from intermediate.unpassed_nodes order by all"
            ).fetchall()
            row = connection.execute(
                "select raw_rows, accepted_rows, duplicate_rows, quarantined_rows from marts.rpt_load_summary"
            ).fetchone()
    except duckdb.Error as error:
        return None, [f"the warehouse cannot be asked: {type(error).__name__}"]
    records: dict[str, Any] = dict(zip(("raw", "accepted", "duplicate", "quarantined"), row or (), strict=False))
    before = (previous or {}).get("records") or {}
    for name in ("raw", "quarantined"):
        records[f"new_{name}"] = records[name] - before[name] if name in before and name in records else None
    return records, [node for (node,) in unpassed]


def _is_published(invocation: dict[str, Any]) -> bool:
    published = _paths.published_path()
    return bool(
        published.exists()
        and invocation.get("generated_at")
        and published.stat().st_mtime >= _time(invocation["generated_at"]).timestamp()
    )


def _last_line(file: Path) -> dict[str, Any] | None:
    try:
        return json.loads(file.read_text(encoding="utf-8").rstrip().rsplit("\n", 1)[-1])
    except (OSError, ValueError):
        return None


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see the module's docstring for exit codes."""
    parser = argparse.ArgumentParser(
        "python -m scripts.build_report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--since", type=_time, metavar="TIME", help="when the run began")
    parser.add_argument("--append", type=Path, metavar="FILE", help="write the line to this file, too")
    arguments = parser.parse_args(argv)
    content = report(arguments.since, _last_line(arguments.append) if arguments.append else None)
    line = json.dumps(content)
    print(line)
    if arguments.append:
        arguments.append.parent.mkdir(parents=True, exist_ok=True)
        with arguments.append.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
    return content["exit_code"]


if __name__ == "__main__":
    sys.exit(main())
