"""Write dbt's documentation as one static page, with lineage, from the published file: `<folder>/static_index.html`.

Run as a process of its own while the figures are drawn (python -m scripts.report.docs <folder>): dbt keeps state for
all of a process.
"""

from __future__ import annotations

import os
import sys

from dbt.cli.main import dbtRunner


def main(folder: str) -> int:
    """Exit code 0, or 1 if dbt failed; it prints why."""
    # The target that reads the published file. Not compiled: compiling asks the warehouse what is still to be built.
    os.environ |= {"DBT_TARGET": "bi", "DBT_TARGET_PATH": folder}
    for command in (["parse"], ["docs", "generate", "--static", "--no-compile"]):
        if not dbtRunner().invoke(["--quiet", *command]).success:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
