"""Where things are and what they may take: each environment variable of the scripts is read here and only here."""

from __future__ import annotations

import os
from pathlib import Path


def is_landing_in_bucket() -> bool:
    """Whether LANDING_PATH is the address of a bucket, which dbt reads and the scripts do not."""
    return "://" in os.environ.get("LANDING_PATH", "")


def landing_path() -> Path:
    """Folder of raw records (LANDING_PATH).

    Raises:
        ValueError: it is in a bucket.
    """
    if is_landing_in_bucket():
        raise ValueError("LANDING_PATH is a bucket, and this script works on a folder: name a copy of it")
    return Path(os.environ.get("LANDING_PATH") or "data/landing")


def warehouse_path() -> Path:
    """DuckDB file that dbt writes (WAREHOUSE_PATH)."""
    return Path(os.environ.get("WAREHOUSE_PATH") or "data/build/warehouse.duckdb")


def published_path() -> Path:
    """DuckDB file that people and tools open (PUBLISHED_PATH)."""
    return Path(os.environ.get("PUBLISHED_PATH") or "data/warehouse.duckdb")


def published_versions() -> int:
    """Published versions to keep, the current one included (PUBLISHED_VERSIONS).

    Raises:
        ValueError: it is no whole number from 1 on.
    """
    text = os.environ.get("PUBLISHED_VERSIONS") or "3"
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise ValueError(f"PUBLISHED_VERSIONS is {text!r}, and must be a whole number from 1 on")
    return int(text)


def duckdb_memory_limit() -> str:
    """Memory that DuckDB may use, e.g. 8GB (DUCKDB_MEMORY_LIMIT; profiles.yml reads it for dbt)."""
    return os.environ.get("DUCKDB_MEMORY_LIMIT") or "6GB"


def duckdb_temp_directory() -> Path:
    """Folder that DuckDB spills to (DUCKDB_TEMP_DIRECTORY; profiles.yml reads it for dbt)."""
    return Path(os.environ.get("DUCKDB_TEMP_DIRECTORY") or "data/build/tmp")


def target_path() -> Path:
    """Folder of dbt's artifacts (DBT_TARGET_PATH)."""
    return Path(os.environ.get("DBT_TARGET_PATH") or "target")


def checks_path() -> Path:
    """Folder of what the checks of the landed files found (CHECKS_PATH)."""
    return Path(os.environ.get("CHECKS_PATH") or "data/checks")


def report_path() -> Path:
    """Folder that the report is written to (REPORT_PATH)."""
    return Path(os.environ.get("REPORT_PATH") or "report")
