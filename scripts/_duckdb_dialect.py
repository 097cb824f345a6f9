"""SQLAlchemy dialect through which Great Expectations can read a DuckDB file, opened read-only.

Great Expectations fetches a result after it has left the connection's block. SQLAlchemy rolls back there, and DuckDB
drops a pending result on rollback, so that nearly every metric of duckdb-engine's own dialect ends in ``list index out
of range``. A read-only connection has nothing to begin, commit or roll back: doing nothing keeps the result.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duckdb_engine import Dialect
from sqlalchemy.dialects import registry


class ReadOnlyDuckDBDialect(Dialect):
    """duckdb-engine's dialect without transactions. Not for a connection that writes."""

    supports_statement_cache = False

    def _nothing(self, connection: Any) -> None:
        """Leave the connection as it is."""

    do_begin = do_commit = do_rollback = _nothing


def connection_string(database: Path) -> str:
    """SQLAlchemy URL of a DuckDB file; the engine also needs ``connect_args={"read_only": True}``."""
    registry.register("duckdb_readonly", __name__, ReadOnlyDuckDBDialect.__name__)
    return f"duckdb_readonly:///{database.as_posix()}"
