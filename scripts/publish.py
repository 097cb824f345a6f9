"""Publish the tested marts: copy the public schemas into a new serving file and put it in place by an atomic rename.

A DuckDB file has one writer, and a writer shuts readers out. So nobody opens the file that dbt writes: readers open the
serving copy, keep the version that they have open, and see the new one when they open it next. A failed build changes
nothing that readers see.

Exit codes: 0 published; 1 not published, because the last dbt build did not pass or there is nothing to publish.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb

from scripts import _paths

PUBLIC_SCHEMAS = ("marts", "reference")
PASSED = {"success", "pass", "no-op"}


class NotPublishable(Exception):
    """The warehouse must not be shown to readers; the message says why and what to do."""


def check_last_build(run_results: Path) -> None:
    """Raise NotPublishable unless dbt's last invocation was a build in which every node passed.

    Args:
        run_results: dbt's `run_results.json`.
    """
    if not run_results.exists():
        raise NotPublishable(f"{run_results} does not exist. Run `dbt build` first.")
    results = json.loads(run_results.read_text())
    command = results.get("args", {}).get("which")
    if command != "build":
        raise NotPublishable(f"{run_results} is of `dbt {command}`, which tests nothing. Run `dbt build` first.")
    failed = [result["unique_id"] for result in results["results"] if result["status"] not in PASSED]
    if failed:
        raise NotPublishable(
            f"{len(failed)} of {len(results['results'])} nodes of the last `dbt build` did not pass, "
            f"the first being {failed[0]}. Readers keep the last good version. Repair it and build again."
        )
    if not results["results"]:
        raise NotPublishable("The last `dbt build` built nothing. Run it without a selection first.")


def publish(warehouse: Path, published: Path) -> int:
    """Copy the public schemas of the warehouse, comments included, and replace the serving file atomically.

    Args:
        warehouse: the file that dbt writes; opened read-only.
        published: the file that readers open; replaced as a whole, never changed.

    Returns:
        The number of tables published.

    Raises:
        NotPublishable: the warehouse has none of the public schemas.
    """
    if not warehouse.exists():
        raise NotPublishable(f"{warehouse} does not exist. Run `dbt build` first.")
    published.parent.mkdir(parents=True, exist_ok=True)
    # Same folder, so that the rename stays on one file system; same file name, which is the catalog's name.
    staging = Path(tempfile.mkdtemp(prefix=".publishing-", dir=published.parent))
    try:
        copy = staging / published.name
        with duckdb.connect(str(copy)) as connection:
            connection.execute(f"attach {_literal(str(warehouse))} as building (read_only)")
            tables = connection.execute(
                """
                select schema_name, table_name, comment
                from duckdb_tables()
                where database_name = 'building' and list_contains(?, schema_name)
                order by all
                """,
                [list(PUBLIC_SCHEMAS)],
            ).fetchall()
            if not tables:
                raise NotPublishable(
                    f"{warehouse} has no tables in {' or '.join(PUBLIC_SCHEMAS)}. Run `dbt build` first."
                )
            for schema in PUBLIC_SCHEMAS:
                connection.execute(f"create schema if not exists {schema}")
            for schema, table, comment in tables:
                name = f'{schema}."{table}"'
                connection.execute(f"create table {name} as from building.{name}")
                if comment:
                    connection.execute(f"comment on table {name} is {_literal(comment)}")
            columns = connection.execute(
                """
                select schema_name, table_name, column_name, comment
                from duckdb_columns()
                where database_name = 'building' and list_contains(?, schema_name) and comment is not null
                """,
                [list(PUBLIC_SCHEMAS)],
            ).fetchall()
            for schema, table, column, comment in columns:
                connection.execute(f'comment on column {schema}."{table}"."{column}" is {_literal(comment)}')
            connection.execute("detach building")
            connection.execute("checkpoint")
        copy.replace(published)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return len(tables)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def main() -> int:
    """Command line; see the module's docstring for exit codes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    try:
        check_last_build(_paths.target_path() / "run_results.json")
        tables = publish(_paths.warehouse_path(), _paths.published_path())
    except NotPublishable as reason:
        print(f"Not published: {reason}", file=sys.stderr)
        return 1
    print(f"Published {tables} tables to {_paths.published_path()}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
