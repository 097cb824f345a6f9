"""Where the landing, the warehouse and the serving copy are: each environment variable is read here and only here."""

from __future__ import annotations

import os
from pathlib import Path


def landing_path() -> Path:
    """Folder of raw records (LANDING_PATH)."""
    return Path(os.environ.get("LANDING_PATH", "data/landing"))


def warehouse_path() -> Path:
    """DuckDB file that dbt writes (WAREHOUSE_PATH)."""
    return Path(os.environ.get("WAREHOUSE_PATH", "data/build/warehouse.duckdb"))


def published_path() -> Path:
    """DuckDB file that people and tools open (PUBLISHED_PATH)."""
    return Path(os.environ.get("PUBLISHED_PATH", "data/warehouse.duckdb"))


def target_path() -> Path:
    """Folder of dbt's artifacts (DBT_TARGET_PATH)."""
    return Path(os.environ.get("DBT_TARGET_PATH", "target"))


def checks_path() -> Path:
    """Folder of what the checks of the landed files found (CHECKS_PATH)."""
    return Path(os.environ.get("CHECKS_PATH", "data/checks"))
