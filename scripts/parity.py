"""Compare what DuckDB and Spark have built from one landing: every table of the public schemas, row by row.

    python -m scripts.parity                          WAREHOUSE_PATH against SPARK_WAREHOUSE
    python -m scripts.parity --tolerance 1e-9

Counts, keys, texts, dates and flags have to be equal. Doubles may differ by the tolerance, relative to the larger of
the two: the engines add in another order, and their logarithms differ in the last digit. A row is found by all of its
columns that are no doubles, so a wrong count is a row that the other engine lacks. Spark's tables are read as the
Parquet files that they are.

Exit codes: 0 equal; 1 not equal, or a table that one engine lacks; 2 wrong usage, or nothing to compare.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from scripts import _paths
from scripts.publish import PUBLIC_SCHEMAS

DOUBLES = ("DOUBLE", "FLOAT")


class NothingToCompare(Exception):
    """One side is not there; the message says which, and what to do."""


@dataclass(frozen=True)
class Comparison:
    """One table: rows on either side, and what differs; nothing = equal."""

    table: str
    rows: int
    spark_rows: int
    only_duckdb: int = 0
    """Rows, by all but their doubles, that only DuckDB has."""
    only_spark: int = 0
    unequal: dict[str, int] = field(default_factory=dict)
    """Columns of doubles: rows whose values differ by more than the tolerance."""
    largest_difference: float = 0.0
    """Of doubles, relative."""
    example: str = ""
    """A row that differs, for whoever looks for the reason."""

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.only_duckdb or self.only_spark or self.unequal or self.example)


def compare(warehouse: Path, spark_warehouse: Path, tolerance: float) -> list[Comparison]:
    """Every table of the public schemas, by name.

    Args:
        warehouse: the DuckDB file that dbt built.
        spark_warehouse: the folder of Spark's tables (`spark.sql.warehouse.dir`).
        tolerance: the largest relative difference of doubles that counts as none.

    Raises:
        NothingToCompare: one of the two is not there, or has no public table.
    """
    if not warehouse.exists():
        raise NothingToCompare(f"{warehouse} does not exist. Run `dbt build` on DuckDB first, or set WAREHOUSE_PATH.")
    if not spark_warehouse.is_dir():
        raise NothingToCompare(f"{spark_warehouse} does not exist. Run `make spark` first, or set SPARK_WAREHOUSE.")
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        # Views name the database as dbt does: by the file.
        connection.execute(f'attach {literal(warehouse)} as "{warehouse.stem}" (read_only)')
        names = connection.execute(
            """
            select schema_name, table_name
            from (
                select schema_name, table_name, database_name from duckdb_tables()
                union all
                select schema_name, view_name, database_name from duckdb_views() where not internal
            )
            where database_name = ? and list_contains(?, schema_name)
            order by all
            """,
            [warehouse.stem, list(PUBLIC_SCHEMAS)],
        ).fetchall()
        if not names:
            raise NothingToCompare(f"{warehouse} has no public table. Run `dbt build` on DuckDB first.")
        on_spark = {
            (schema, folder.name)
            for schema in PUBLIC_SCHEMAS
            for folder in (spark_warehouse / f"{schema}.db").glob("*")
            if folder.is_dir()
        }
        found = [
            compare_table(connection, warehouse.stem, spark_warehouse, schema, name, tolerance)
            for schema, name in names
        ]
        lacking = [
            Comparison(f"{schema}.{name}", 0, 0, example="only Spark has this table")
            for schema, name in sorted(on_spark - set(names))
        ]
        return found + lacking


def compare_table(
    connection: duckdb.DuckDBPyConnection,
    database: str,
    spark_warehouse: Path,
    schema: str,
    name: str,
    tolerance: float,
) -> Comparison:
    """One table, DuckDB's against Spark's files."""
    table = f"{schema}.{name}"
    folder = spark_warehouse / f"{schema}.db" / name
    here = f'"{database}"."{schema}"."{name}"'
    columns = connection.execute(f"describe {here}").fetchall()
    rows = connection.execute(f"select count(*) from {here}").fetchone()[0]
    files = sorted(folder.glob("**/*.parquet")) if folder.is_dir() else []
    if not folder.is_dir() or (rows and not files):
        return Comparison(table, rows, 0, example="Spark does not have this table, or no row of it")
    if not files:
        return Comparison(table, rows, 0)
    # A partition's value stands in the folder's name, where a null has a name of its own.
    there = f"read_parquet({literal(folder / '**/*.parquet')}, hive_partitioning = true, hive_types_autocast = false)"
    spark_columns = {column[0] for column in connection.execute(f"describe select * from {there}").fetchall()}
    if spark_columns != {column[0] for column in columns}:
        lacking = sorted({column[0] for column in columns} ^ spark_columns)
        return Comparison(table, rows, 0, example=f"only one of them has the columns {', '.join(lacking)}")

    doubles = [column for column, type_name, *_ in columns if type_name in DOUBLES]
    others = [
        (column, "varchar" if type_name == "UUID" else type_name)
        for column, type_name, *_ in columns
        if type_name not in DOUBLES
    ]
    exact = ", ".join(f'cast("{column}" as {type_name}) as "{column}"' for column, type_name in others)
    partition = ", ".join(f'"{column}"' for column, _ in others)
    order = ", ".join(f'"{column}"' for column in doubles) or "1"
    selected = exact + "".join(f', cast("{column}" as double) as "{column}"' for column in doubles)
    numbered = f"*, row_number() over (partition by {partition} order by {order}) as repetition"
    on = " and ".join(f'here."{column}" is not distinct from there."{column}"' for column, _ in others)
    distance = {
        column: (
            f'case when here."{column}" is not distinct from there."{column}" then 0'
            f' when here."{column}" is null or there."{column}" is null then \'infinity\'::double'
            f' else abs(here."{column}" - there."{column}")'
            f' / greatest(abs(here."{column}"), abs(there."{column}")) end'
        )
        for column in doubles
    }
    connection.execute(
        f"""
        create or replace temporary table compared as
        select
            here.repetition is null as is_only_there,
            there.repetition is null as is_only_here,
            {"".join(f'{expression} as "difference {column}", ' for column, expression in distance.items())}
            coalesce(here.row_text, there.row_text) as row_text
        from (
            select *, cast(t as varchar) as row_text from (select {numbered} from (select {selected} from {here})) as t
        ) as here
        full outer join (
            select *, cast(t as varchar) as row_text from (select {numbered} from (select {selected} from {there})) as t
        ) as there on {on} and here.repetition = there.repetition
        """
    )
    found = connection.execute(
        "select count(*) filter (where not is_only_here), count(*) filter (where is_only_here),"
        " count(*) filter (where is_only_there) from compared"
    ).fetchone()
    unequal, largest = {}, 0.0
    for column in doubles:
        count, worst = connection.execute(
            f"""
            select count(*) filter (where "difference {column}" > ?), coalesce(max("difference {column}"), 0)
            from compared where not is_only_here and not is_only_there
            """,
            [tolerance],
        ).fetchone()
        largest = max(largest, worst)
        if count:
            unequal[column] = count
    example = ""
    if found[1] or found[2] or unequal:
        bad = " or ".join(
            ["is_only_here", "is_only_there", *(f'"difference {column}" > {tolerance}' for column in unequal)]
        )
        example = connection.execute(
            f"""
            select
                case when is_only_here then 'only DuckDB: ' when is_only_there then 'only Spark: ' else '' end
                || row_text
            from compared where {bad} order by row_text limit 2
            """
        ).fetchall()
        example = "; ".join(text for (text,) in example)
    return Comparison(table, rows, found[0], found[1], found[2], unequal, largest, example)


def described(table: Comparison) -> str:
    """One line for a table, and an example where it differs."""
    rows = f"{table.table}: {table.rows:,} and {table.spark_rows:,} rows"
    if table.is_equal:
        return f"equal      {rows}"
    columns = "".join(f"; {column} differs in {count:,}" for column, count in table.unequal.items())
    only = f", {table.only_duckdb:,} only in DuckDB, {table.only_spark:,} only in Spark"
    return f"NOT EQUAL  {rows}{only}{columns}\n           {table.example}"


def literal(path: Path) -> str:
    """A path as a SQL text."""
    return "'" + str(path).replace("'", "''") + "'"


def spark_warehouse_path() -> Path:
    """Folder of Spark's tables (SPARK_WAREHOUSE; profiles.yml reads it for dbt)."""
    return Path(os.environ.get("SPARK_WAREHOUSE") or "data/spark/warehouse")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], prog="python -m scripts.parity")
    parser.add_argument("--tolerance", type=float, default=1e-9, help="relative, of doubles (1e-9)")
    parser.add_argument("--all", action="store_true", help="list equal tables, too")
    options = parser.parse_args(arguments)
    try:
        found = compare(_paths.warehouse_path(), spark_warehouse_path(), options.tolerance)
    except NothingToCompare as error:
        print(error, file=sys.stderr)
        return 2
    for table in found:
        if options.all or not table.is_equal:
            print(described(table))
    equal = sum(table.is_equal for table in found)
    largest = max((table.largest_difference for table in found if table.is_equal), default=0.0)
    rows = sum(table.rows for table in found)
    print(f"{equal} of {len(found)} public tables are equal ({rows:,} rows; doubles differ by at most {largest:.1e})")
    return 0 if equal == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
