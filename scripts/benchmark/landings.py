"""Landings to measure with: a history without its last day, and that day, its own or as it arrived, or with late rows.

A landing is never changed: the history is a folder of links to it, a day is written anew.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from scripts.benchmark.yardstick import literal
from scripts.simulator.landing import MARKER
from scripts.simulator.run import Options, simulate

# The study's window, sample, and the day that is held back: the last one of the window.
START, END, CLASSIFIED_SHARE = "2024-11-03", "2025-11-30", 0.0025
DAYS = 392
HELD_BACK = END
LATE_SHARE = 0.01
TABLES = ("generations", "accounts", "classifications")
# Rows are chosen by a hash of their id, so that every run chooses the same.
SALT = "benchmark"
Kind = Literal["own", "arrived", "late"]


@dataclass(frozen=True)
class Day:
    """A day that was written: its folder (laid out as a landing), generations, their event days, late ones."""

    folder: Path
    rows: int
    event_days: int
    late_rows: int


def simulated(folder: Path, generations: int) -> Path:
    """The landing, simulated if it is not there.

    Raises:
        FileExistsError: the folder holds something else.
    """
    marker = folder / MARKER
    if not marker.is_file() or '"complete": true' not in marker.read_text(encoding="utf-8"):
        simulate(
            Options(
                output=folder, generations=generations, start=START, end=END, classified_share=CLASSIFIED_SHARE,
                overwrite=marker.is_file(), progress=False,
            )
        )  # fmt: skip
    return folder


def history(landing: Path, folder: Path) -> Path:
    """Links to all files of a landing that arrived before HELD_BACK."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).symlink_to((landing / MARKER).resolve())
    for table in TABLES:
        for day in sorted((landing / "openrouter" / table).glob("ingest_date=*")):
            if day.name.partition("=")[2] < HELD_BACK:
                target = folder / "openrouter" / table / day.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(day.resolve(), target_is_directory=True)
    return folder


def add_day(landing: Path, day: Day) -> None:
    """Link a day into a history. In place: a loaded file is known by its path, so another folder is another landing."""
    remove_day(landing)
    for table in TABLES:
        for source in (day.folder / "openrouter" / table).glob("ingest_date=*"):
            link = landing / "openrouter" / table / source.name
            link.symlink_to(source.resolve(), target_is_directory=True)


def remove_day(landing: Path) -> None:
    """Take the day out again."""
    for table in TABLES:
        (landing / "openrouter" / table / f"ingest_date={HELD_BACK}").unlink(missing_ok=True)


def write_day(landing: Path, folder: Path, rows: int, kind: Kind = "own") -> Day:
    """Write the held-back day of a landing, cut to a number of generations.

    Args:
        landing: where the day comes from.
        folder: for the day, laid out as a landing.
        rows: of generations; a day of the landing's average density, not the busiest one. No more than there are.
        kind: `own`, generations of this day only; `arrived`, what arrived on it, so with the simulator's late rows,
            repetitions and corrections of the ten days before; `late`, what arrived, LATE_SHARE of it dated back to
            days drawn evenly from the whole history, under new ids. That is the worst that lateness can do: nearly
            every day is touched. Real lateness is days, not a year.
    """
    shutil.rmtree(folder, ignore_errors=True)
    source, target = (where / "openrouter" for where in (landing, folder))
    day = f"ingest_date={HELD_BACK}"
    days_before = f"datediff('day', date '{START}', date '{HELD_BACK}')"
    is_of_day = f"cast(created_at as date) = date '{HELD_BACK}'" if kind == "own" else "true"
    late = f"chosen <= ceil({LATE_SHARE} * count(*) over ())" if kind == "late" else "false"
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(
            f"""
            create table day as
            with ordered as (
                select *, row_number() over (order by hash(id, '{SALT}'), id, created_at) as chosen
                from read_parquet({literal(source / "generations" / day / "*.parquet")}, hive_partitioning = false)
                where {is_of_day}
                qualify chosen <= {int(rows)}
            )
            select *, {late} as is_late from ordered
            """
        )
        connection.execute(
            f"""
            update day set
                id = coalesce(id, 'gen-late') || '-late',
                created_at = created_at - to_days(cast(1 + hash(chosen, '{SALT}') % ({days_before} - 1) as integer))
            where is_late
            """
        )
        queries = {"generations": "select * exclude (chosen, is_late) from day"}
        # Of accounts and labels, too, what is of this day; all of it with what arrived.
        for table, is_wanted in (
            ("accounts", f"cast(updated_at as date) = date '{HELD_BACK}'"),
            ("classifications", "generation_id in (select id from day)"),
        ):
            if (source / table / day).is_dir():
                files = literal(source / table / day / "*.parquet")
                condition = is_wanted if kind == "own" else "true"
                queries[table] = f"from read_parquet({files}, hive_partitioning = false) where {condition}"
        for table, query in queries.items():
            part = target / table / day / "part-0.parquet"
            part.parent.mkdir(parents=True)
            connection.execute(f"copy ({query}) to {literal(part)} (format parquet, compression zstd)")
        counts = connection.execute(
            "select count(*), count(distinct cast(created_at as date)), count(*) filter (where is_late) from day"
        ).fetchone()
    return Day(folder, *counts)
