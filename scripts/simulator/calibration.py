"""Reading `calibration.yml` and its curves."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

EPOCH = date(1970, 1, 1)
CALIBRATION_FILE = Path(__file__).with_name("calibration.yml")


def day_number(value: date | str) -> int:
    """Days since 1970-01-01 of a date or of its ISO text."""
    if isinstance(value, str):
        value = date.fromisoformat(value)
    if isinstance(value, datetime):
        value = value.date()
    return (value - EPOCH).days


def iso_day(number: int) -> str:
    """ISO text of a day number."""
    return (EPOCH + timedelta(days=int(number))).isoformat()


def month_index(days: np.ndarray | int) -> np.ndarray:
    """Months since January 1970 of day numbers."""
    return np.asarray(days).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def curve(points: list[list[Any]], days: np.ndarray) -> np.ndarray:
    """Values of a piecewise linear curve of [date, value] points at day numbers, constant outside them."""
    x = np.array([day_number(point[0]) for point in points], dtype=float)
    y = np.array([point[1] for point in points], dtype=float)
    return np.interp(days, x, y)


def load_calibration(path: Path = CALIBRATION_FILE) -> dict[str, Any]:
    """The calibration as plain dictionaries."""
    with path.open(encoding="utf-8") as handle:
        return yaml.safe_load(handle)
