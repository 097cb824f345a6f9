"""SQLAlchemy dialect through which Great Expectations can read a DuckDB file.

The dialect of duckdb-engine does not survive the way Great Expectations reads: it leaves the ``with
connection`` block, which makes SQLAlchemy roll back, and DuckDB drops a pending result on rollback. The rows
are fetched only afterwards, so nearly every metric ends in ``list index out of range``.

Opened read-only there is nothing to begin, commit or roll back. Making the three calls do nothing keeps the
result alive and loses nothing. Do not use this dialect on a connection that writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duckdb_engine import Dialect
from sqlalchemy.dialects import registry

SCHEME = "duckdb_readonly"


class ReadOnlyDuckDBDialect(Dialect):
    """duckdb-engine's dialect without transactions, for read-only connections."""

    supports_statement_cache = False

    def do_begin(self, connection: Any) -> None:
        """Begin nothing: a read-only connection needs no transaction."""

    def do_commit(self, connection: Any) -> None:
        """Commit nothing: a read-only connection has written nothing."""

    def do_rollback(self, connection: Any) -> None:
        """Roll nothing back: a rollback would drop the result that is still to be fetched."""


def connection_string(database: Path) -> str:
    """Return the SQLAlchemy URL of a DuckDB file under this dialect, and register the dialect.

    Args:
        database: an existing DuckDB file. Also pass ``connect_args={"read_only": True}`` to the engine.
    """
    registry.register(SCHEME, __name__, ReadOnlyDuckDBDialect.__name__)
    return f"{SCHEME}:///{database.as_posix()}"
