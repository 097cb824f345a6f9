"""Publish the tested marts: copy the public schemas into a new serving file and put it in place by an atomic rename.

A DuckDB file has one writer, and a writer shuts readers out. So nobody opens the file that dbt writes: readers open the
serving copy, keep the version that they have open, and see the new one when they open it next. A failed build changes
nothing that readers see.

Exit codes: 0 published; 1 not published, because something in the warehouse has not passed its tests, or there is
nothing to publish.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb

from scripts import _paths

PUBLIC_SCHEMAS = ("marts", "reference")


class NotPublishable(Exception):
    """The warehouse must not be shown to readers; the message says why and what to do."""


def check_passed(warehouse: Path) -> None:
    """Raise NotPublishable unless every node has passed since it was last built, and no build was cut off.

    Args:
        warehouse: the file that dbt writes; dbt's on-run hooks (macros/build_state.sql) keep the account in it.
    """
    if not warehouse.exists():
        raise NotPublishable(f"{warehouse} does not exist. Run `dbt build` first.")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        try:
            unpassed = connection.execute(
                "select node_id, status from intermediate.unpassed_nodes order by all"
            ).fetchall()
        except duckdb.CatalogException:
            raise NotPublishable(f"{warehouse} was not built by this project. Run `dbt build` first.") from None
    if unpassed:
        (node, status), others = unpassed[0], len(unpassed) - 1
        raise NotPublishable(
            f"{node} is {status}" + (f", and {others} more like it" if others else "") + ". Readers keep the last good"
            " version. Repair it and run `dbt build`; `select * from intermediate.unpassed_nodes` lists what is open."
        )


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
                semi join duckdb_tables() using (database_oid, schema_oid, table_name)
                where database_name = 'building' and list_contains(?, schema_name) and comment is not null
                """,
                [list(PUBLIC_SCHEMAS)],
            ).fetchall()
            for schema, table, column, comment in columns:
                connection.execute(f'comment on column {schema}."{table}"."{column}" is {_literal(comment)}')
            connection.execute("detach building")
            connection.execute("checkpoint")
        views = _copy_views(warehouse, copy)
        copy.replace(published)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return len(tables) + views


def _copy_views(warehouse: Path, copy: Path) -> int:
    """Make tables of the public views, comments included: a view would send readers to schemas that are not published.

    Args:
        warehouse: the file that dbt writes; attached by its own name, under which views look for tables.
        copy: the file to write to, closed; it has the public schemas.

    Returns:
        The number of views.
    """
    # A view may be as large as a fact: it is computed within the limits of a build.
    options = {
        "memory_limit": os.environ.get("DUCKDB_MEMORY_LIMIT") or "8GB",
        "temp_directory": str(copy.parent / "tmp"),
        "preserve_insertion_order": False,
    }
    with duckdb.connect(config=options) as connection:
        connection.execute(f'attach {_literal(str(warehouse))} as "{warehouse.stem}" (read_only)')
        connection.execute(f"attach {_literal(str(copy))} as serving_copy")
        views = connection.execute(
            """
            select schema_name, view_name, comment
            from duckdb_views()
            where database_name = ? and list_contains(?, schema_name)
            order by all
            """,
            [warehouse.stem, list(PUBLIC_SCHEMAS)],
        ).fetchall()
        for schema, view, comment in views:
            name = f'serving_copy.{schema}."{view}"'
            connection.execute(f'create table {name} as from "{warehouse.stem}".{schema}."{view}"')
            if comment:
                connection.execute(f"comment on table {name} is {_literal(comment)}")
            columns = connection.execute(
                """
                select column_name, comment
                from duckdb_columns()
                where database_name = ? and schema_name = ? and table_name = ? and comment is not null
                """,
                [warehouse.stem, schema, view],
            ).fetchall()
            for column, text in columns:
                connection.execute(f'comment on column {name}."{column}" is {_literal(text)}')
        connection.execute("detach serving_copy")
    return len(views)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def main() -> int:
    """Command line; see the module's docstring for exit codes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    try:
        check_passed(_paths.warehouse_path())
        tables = publish(_paths.warehouse_path(), _paths.published_path())
    except NotPublishable as reason:
        print(f"Not published: {reason}", file=sys.stderr)
        return 1
    print(f"Published {tables} tables to {_paths.published_path()}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
