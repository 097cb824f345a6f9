"""A reader in a process of its own: reads the serving file every so often, or one read after the other where they take longer.

It prints what it saw, one JSON line a read.

Its own process, since within one DuckDB hands out the file that is already open. It ends when its standard input does,
hence with the test that started it.

    python polling_reader.py <serving file> <seconds from read to read> [--hold]

With --hold one connection stays open throughout, as a pool of a BI server keeps it.
"""

from __future__ import annotations

import contextlib
import json
import select
import sys
import time

import duckdb


def read(connection: duckdb.DuckDBPyConnection) -> dict:
    """Numbers that agree within one version, each by a statement of its own."""

    def one(sql: str) -> tuple:
        return connection.execute(sql).fetchone()

    version_id, row_count, raw_rows = one("select version_id, row_count, raw_rows from publication.version")
    loaded, reported = one("select raw_rows, generations from marts.rpt_load_summary")
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where schema_name in ('marts', 'reference')"
    ).fetchall()
    return {
        "version_id": version_id,
        "row_count": [row_count, sum(one(f'select count(*) from {schema}."{table}"')[0] for schema, table in tables)],
        "raw_rows": [raw_rows, loaded],
        "generations": [reported, one("select sum(generations)::bigint from marts.fct_usage_daily")[0]],
    }


def main() -> None:
    """Read until standard input is closed; an error is a line, too."""
    file, seconds, hold = sys.argv[1], float(sys.argv[2]), "--hold" in sys.argv
    held = duckdb.connect(file, read_only=True) if hold else None
    while True:
        started = time.monotonic()
        try:
            with contextlib.nullcontext(held) if held else duckdb.connect(file, read_only=True) as connection:
                print(json.dumps(read(connection)), flush=True)
        except Exception as error:  # Whatever it is, a reader must not see it.
            print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
        if select.select([sys.stdin], [], [], max(started + seconds - time.monotonic(), 0))[0]:
            return


if __name__ == "__main__":
    main()
