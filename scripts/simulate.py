"""Write simulated landing files: `python -m scripts.simulate --help`.

The records are drawn, not observed. They are calibrated on the numbers that the study publishes, see
scripts/simulator/calibration.yml, and SIMULATED.json in the landing folder says so to every page that shows them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.simulator.run import Options, simulate


def parse_arguments(arguments: list[str] | None = None) -> Options:
    """Options from the command line."""
    default = Options()
    parser = argparse.ArgumentParser(prog="python -m scripts.simulate", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=default.output, help="landing folder (%(default)s)")
    parser.add_argument(
        "--generations", type=int, default=default.generations, help="distinct generations (%(default)s)"
    )
    parser.add_argument("--start", default=default.start, help="first event day, UTC (%(default)s)")
    parser.add_argument("--end", default=default.end, help="last event day, UTC (%(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="random seed (%(default)s)")
    parser.add_argument("--format", choices=["parquet", "csv", "json"], default=default.format)
    parser.add_argument(
        "--classified-share",
        type=float,
        default=default.classified_share,
        help="part of generations that is classified (%(default)s; the study's sample is 0.0025)",
    )
    parser.add_argument(
        "--clean-records-only", action="store_true", help="no late, repeated, corrected or malformed rows"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier simulation in the folder")
    parser.add_argument("--seeds", type=Path, default=default.seeds, help="the project's seeds (%(default)s)")
    parser.add_argument("--quiet", action="store_true", help="no progress lines")
    parsed = vars(parser.parse_args(arguments))
    quiet = parsed.pop("quiet")
    return Options(**parsed, progress=not quiet)


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit code (2 for wrong arguments or a folder that may not be replaced)."""
    options = parse_arguments(arguments)
    try:
        label = simulate(options)
    except (FileExistsError, FileNotFoundError, ValueError) as error:
        print(f"simulate: {error}", file=sys.stderr)
        return 2
    counts = label["counts"]
    print(
        f"simulated {counts['generations']:,} generations in {counts['raw_generation_rows']:,} rows, "
        f"{counts['files']:,} files, under {options.output}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
