"""MetricFlow's own command line without its question for a newer version, which goes to a package index at every start.

Everything else is as in its documentation, for instance `DBT_TARGET=bi python -m scripts.mf validate-configs`.
"""

from __future__ import annotations

import sys
from typing import Any

from dbt_metricflow.cli import main as metricflow


class NoUpdateCheck:
    """Stands in for the update checker and finds nothing."""

    def check(self, *_: Any, **__: Any) -> None:
        """Ask nobody."""


def main() -> int:
    """Command line; arguments and exit codes are MetricFlow's."""
    metricflow.UpdateChecker = NoUpdateCheck
    metricflow.cli(prog_name="mf")
    return 0


if __name__ == "__main__":
    sys.exit(main())
