"""Where the landing, the warehouse and the serving copy are: each environment variable is read here and only here."""

from __future__ import annotations

import os
from pathlib import Path


def landing_path() -> Path:
    """Folder of raw records (LANDING_PATH)."""
    return Path(os.environ.get("LANDING_PATH") or "data/landing")


def warehouse_path() -> Path:
    """DuckDB file that dbt writes (WAREHOUSE_PATH)."""
    return Path(os.environ.get("WAREHOUSE_PATH") or "data/build/warehouse.duckdb")


def published_path() -> Path:
    """DuckDB file that people and tools open (PUBLISHED_PATH)."""
    return Path(os.environ.get("PUBLISHED_PATH") or "data/warehouse.duckdb")


def target_path() -> Path:
    """Folder of dbt's artifacts (DBT_TARGET_PATH)."""
    return Path(os.environ.get("DBT_TARGET_PATH") or "target")


def checks_path() -> Path:
    """Folder of what the checks of the landed files found (CHECKS_PATH)."""
    return Path(os.environ.get("CHECKS_PATH") or "data/checks")
