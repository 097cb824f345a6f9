"""What the yardsticks of all engines share: what they are given, what they make, what they leave for the harness."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path

FACTS = (
    "fct_usage_daily",
    "fct_tag_usage_daily",
    "fct_account_model_months",
    "fct_account_finish_reason_weeks",
    "fct_token_length_histogram_daily",
)
# What the project knows about how a fact was built, and no other engine.
VERSION_COLUMNS = ("usage_version", "label_version")
PUBLIC_KEY = "simulated-data-needs-no-secret"
PARTS = "parts.json"


@dataclass(frozen=True)
class Task:
    """One run of an engine.

    `landing` is the folder of raw records, `output` an empty folder of its own (spills go below it), `key` what account
    ids are hashed with, `memory_limit` in GB (`6GB`), `marts` the compiled statements that yardstick.prepare wrote.
    """

    landing: Path
    output: Path
    key: str
    memory_limit: str = "6GB"
    threads: int = 2
    marts: Path | None = None

    @property
    def memory_bytes(self) -> int:
        """The memory limit in bytes (powers of ten)."""
        return int(float(self.memory_limit.removesuffix("GB")) * 10**9)


def task_from_command_line(description: str | None) -> Task:
    """A task from arguments; the key from PSEUDONYM_KEY."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landing", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--memory-limit", default="6GB", help="in GB (%(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--marts", type=Path, help="what yardstick.prepare wrote; without it, facts only")
    parsed = parser.parse_args()
    parsed.output.mkdir(parents=True, exist_ok=True)
    return Task(key=os.environ.get("PSEUDONYM_KEY") or PUBLIC_KEY, **vars(parsed))


def leave_parts(output: Path, seconds: dict[str, float]) -> None:
    """Write the wall seconds of a run's parts to where the harness reads them."""
    rounded = {name: round(value, 3) for name, value in seconds.items()}
    (output / PARTS).write_text(json.dumps(rounded) + "\n", encoding="utf-8")
