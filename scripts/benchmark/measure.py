"""What a command takes: wall and CPU seconds, peak memory, peak disk; and the split of its time in dbt's log.

Linux only: memory is read from /proc.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

PAGE = os.sysconf("SC_PAGE_SIZE")
# Memory is looked at often, since a peak may be short; folders seldom, since looking at them costs.
MEMORY_EVERY, DISK_EVERY = 0.05, 1.0


class CommandFailed(Exception):
    """A measured command did not succeed; the message has the end of what it said."""


@dataclass(frozen=True)
class Measured:
    """Seconds and bytes of one command and all its children.

    `disk_peak_bytes` is the largest size of the watched folders while it ran, spills included, sampled every second.
    `other_load` is how many processors were busy with other work meanwhile, on average.
    """

    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    disk_peak_bytes: int
    other_load: float


def size_of(path: Path) -> int:
    """Bytes of a file or of all files below a folder; 0 if there is none."""
    if path.is_file():
        return path.stat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += (Path(folder) / name).lstat().st_size
            except FileNotFoundError:  # Spills come and go.
                continue
    return total


def warm(folder: Path) -> None:
    """Read every file once, so that what is measured does not pay for the disk, too."""
    for parent, _, names in os.walk(folder, followlinks=True):
        for name in names:
            with (Path(parent) / name).open("rb") as file:
                while file.read(1 << 22):
                    pass


def cool(file: Path) -> None:
    """Have the system write a file out to the disk, and keep nothing of it in memory."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(
    command: Sequence[str], log: Path, watched: Iterable[Path], environment: dict[str, str] | None = None,
    folder: Path | None = None,
) -> Measured:  # fmt: skip
    """Run a command to its end.

    Args:
        command: program and arguments.
        log: file for what it prints.
        watched: files and folders whose size is its disk; parts of each other only once.
        environment: its whole environment; None = this process's.
        folder: where it runs.

    Raises:
        CommandFailed: its exit code is not 0.
    """
    watched = list(watched)
    log.parent.mkdir(parents=True, exist_ok=True)
    busy = busy_seconds()
    memory = disk = 0
    with log.open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder)
        next_disk = started
        try:
            while True:
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
                if ended:
                    break
                memory = max(memory, tree_memory(process.pid))
                if time.monotonic() >= next_disk:
                    disk = max(disk, sum(map(size_of, watched)))
                    next_disk = time.monotonic() + DISK_EVERY
                time.sleep(MEMORY_EVERY)
        except BaseException:
            process.kill()
            process.wait()
            raise
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = log.read_text(encoding="utf-8", errors="replace")[-3000:]
        raise CommandFailed(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(
        wall_seconds=wall,
        cpu_seconds=cpu,
        # The kernel's own maximum is of the largest single process, but misses nothing between two looks.
        peak_memory_bytes=max(memory, usage.ru_maxrss * 1024),
        disk_peak_bytes=max(disk, sum(map(size_of, watched))),
        other_load=max(0.0, busy_seconds() - busy - cpu) / wall,
    )


def busy_seconds() -> float:
    """Seconds that all processors together have been busy since the machine started."""
    user, nice, system, _idle, _wait, interrupts, soft_interrupts, *_ = map(
        int, Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + interrupts + soft_interrupts) / os.sysconf("SC_CLK_TCK")


def tree_memory(pid: int) -> int:
    """Resident bytes of a process and its descendants, now."""
    total, open_pids = 0, [pid]
    while open_pids:
        current = open_pids.pop()
        try:
            total += int(Path(f"/proc/{current}/statm").read_text().split()[1]) * PAGE
            for task in Path(f"/proc/{current}/task").iterdir():
                open_pids.extend(int(child) for child in (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def union_seconds(intervals: Iterable[tuple[float, float]]) -> float:
    """Length of the union of intervals: two threads at once are not twice the time."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        if end > reached:
            total += end - max(start, reached)
            reached = end
    return total


# Who a statement was for, by the type of dbt's node. Hooks check the landing and keep the account of what has passed;
# statements of no node are dbt's own questions for schemas and tables.
KINDS = {"model": "models", "seed": "models", "test": "tests", "unit_test": "tests", "operation": "hooks"}


def split_of_log(path: Path, wall_seconds: float) -> dict[str, Any]:
    """How dbt's JSON log splits a run.

    Args:
        path: dbt.log of this run alone, written with `--log-format-file json --log-level-file debug`.
        wall_seconds: of the whole process, imports and parsing included.

    Returns:
        Wall seconds that add up to the run's: `models` (a statement of a model or seed was running), `tests` (one of a
        test was, and none of a model), `hooks`, `catalogue` (likewise), `overhead` (the database had nothing to do).
        And `statement_seconds` and `statements` by kind, where parallel statements count each.
    """
    intervals: dict[str, list[tuple[float, float]]] = {"models": [], "tests": [], "hooks": [], "catalogue": []}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if '"SQLQueryStatus"' not in line:
                continue
            event = json.loads(line)
            node = event["data"].get("node_info") or {}
            end = datetime.fromisoformat(event["info"]["ts"]).timestamp()
            kind = KINDS.get(node.get("resource_type", ""), "catalogue")
            intervals[kind].append((end - event["data"]["elapsed"], end))
    split: dict[str, Any] = {}
    seen: list[tuple[float, float]] = []
    before = 0.0
    for kind, of_kind in intervals.items():
        seen.extend(of_kind)
        now = union_seconds(seen)
        split[kind] = now - before
        before = now
    split["overhead"] = wall_seconds - before
    split["statement_seconds"] = {kind: sum(end - start for start, end in value) for kind, value in intervals.items()}
    split["statements"] = {kind: len(value) for kind, value in intervals.items()}
    return split
