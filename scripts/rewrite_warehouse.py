"""Write the warehouse anew, into a file of its own, and put that in place by an atomic rename.

A DuckDB file keeps what was deleted from it: in blocks that are free, but still there, until something else is
written over them. Neither `vacuum` nor `checkpoint` cleans them. So after records had to go (docs/runbook.md),
everything that is still in a table is copied into a new file: rows, views and comments, and nothing else.

Nobody may be building meanwhile. The warehouse's folder needs room for a second one.

Exit codes: 0 done; 1 not done, the warehouse is as it was.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb

from scripts import _paths


class NotRewritten(Exception):
    """The new file would not be equal to the old one; the message says in what."""


def rewrite(warehouse: Path) -> tuple[int, int]:
    """Replace the warehouse by a copy of what is in it.

    Args:
        warehouse: the file that dbt writes. Opened for writing: a build that is running stops this, and this a build.

    Returns:
        Its size before and after, in bytes.

    Raises:
        NotRewritten: the copy has other tables, or other numbers of rows.
    """
    before = warehouse.stat().st_size
    staging = Path(tempfile.mkdtemp(prefix=".rewriting-", dir=warehouse.parent))
    try:
        copy = staging / warehouse.name
        with duckdb.connect() as connection:
            connection.execute(f"attach {_literal(str(warehouse))} as old; attach {_literal(str(copy))} as new")
            # What a build that was killed left in its log goes into the file, so that the log does not outlive it.
            connection.execute("checkpoint old")
            connection.execute("copy from database old to new")
            old, new = (_contents(connection, name) for name in ("old", "new"))
            if old != new:
                raise NotRewritten(f"copied {len(new)} tables and views of {len(old)}, or not all of their rows")
            connection.execute("checkpoint new; detach new; detach old")
        shutil.copymode(warehouse, copy)
        copy.replace(warehouse)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return before, warehouse.stat().st_size


def _contents(connection: duckdb.DuckDBPyConnection, database: str) -> dict[tuple[str, ...], object]:
    """Number of rows of each table, definition of each view."""
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = ?", [database]
    ).fetchall()
    rows = {
        table: connection.execute(f'select count(*) from {database}."{table[0]}"."{table[1]}"').fetchone()
        for table in tables
    }
    views = connection.execute(
        "select schema_name, view_name from duckdb_views() where database_name = ? and not internal", [database]
    ).fetchall()
    return rows | dict.fromkeys(views)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def main() -> int:
    """Command line; see the module's docstring for exit codes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    warehouse = _paths.warehouse_path()
    if not warehouse.exists():
        print(f"Not rewritten: {warehouse} does not exist.", file=sys.stderr)
        return 1
    try:
        before, after = rewrite(warehouse)
    except (NotRewritten, OSError, duckdb.Error) as reason:
        print(f"Not rewritten: {reason}", file=sys.stderr)
        return 1
    print(f"Rewrote {warehouse}: {before:,} bytes before, {after:,} now.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
