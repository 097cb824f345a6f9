"""A standalone Spark cluster on this machine: a master and workers, each a process of its own, on loopback.

    python -m scripts.spark_cluster start --workers 2       prints the master's address, for SPARK_MASTER
    python -m scripts.spark_cluster stop
    python -m scripts.spark_cluster run -- dbt build --target spark

For tests, and to try what a cluster does on one machine. The processes are those of the installed pyspark; their logs
and numbers are kept in SPARK_CLUSTER (data/spark/cluster). Workers see the same folders as dbt, as machines of a
cluster see the same bucket.

Exit codes: 0 done; 1 a process did not come up (its log says why); 2 wrong usage; `run` gives the command's own.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

MASTER, WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
SECONDS_TO_START = 60


class NotStarted(Exception):
    """A process of the cluster did not come up; the message names its log."""


class Cluster:
    """A master and its workers, known by the files that their process numbers are kept in."""

    def __init__(self, folder: Path):
        self.folder = folder

    def start(self, workers: int, cores: int, memory: str) -> str:
        """Start whatever does not run yet; returns the master's address.

        Raises:
            NotStarted: a process died, or said nothing for a minute.
        """
        if self.master_url() is None:
            self._launch("master", [MASTER, "--host", "127.0.0.1", "--port", "0", "--webui-port", "0"])
            self._wait_for("master", r"Starting Spark master at (spark://\S+)")
        address = self.master_url()
        if address is None:
            raise NotStarted(f"The master did not start: see {self.folder / 'master.log'}")
        for number in range(1, workers + 1):
            name = f"worker_{number}"
            if not is_running(self._pid(name)):
                self._launch(
                    name,
                    [
                        WORKER, "--host", "127.0.0.1", "--webui-port", "0", "--cores", str(cores), "--memory", memory,
                        "--work-dir", str((self.folder / name).resolve()), address,
                    ],
                )  # fmt: skip
                self._wait_for(name, r"Successfully registered with master")
        return address

    def master_url(self) -> str | None:
        """The running master's address."""
        if not is_running(self._pid("master")):
            return None
        found = re.search(r"Starting Spark master at (spark://\S+)", self._log("master"))
        return found.group(1) if found else None

    def workers(self) -> dict[str, int]:
        """Names and process numbers of the running workers."""
        found = {path.stem: self._pid(path.stem) for path in sorted(self.folder.glob("worker_*.pid"))}
        return {name: pid for name, pid in found.items() if pid is not None and is_running(pid)}

    def kill(self, name: str) -> None:
        """Kill a worker and the executors that it has started, as a machine that is gone."""
        pid = self._pid(name)
        if pid is not None:
            for victim in [*descendants(pid), pid]:
                signal_process(victim, signal.SIGKILL)

    def stop(self) -> None:
        """Stop workers and master."""
        for path in sorted(self.folder.glob("*.pid"), reverse=True):
            pid = self._pid(path.stem)
            if pid is not None:
                for process in [*descendants(pid), pid]:
                    signal_process(process, signal.SIGTERM)
                deadline = time.monotonic() + 10
                while is_running(pid) and time.monotonic() < deadline:
                    time.sleep(0.1)
                signal_process(pid, signal.SIGKILL)
            path.unlink()

    def _launch(self, name: str, arguments: list[str]) -> None:
        import pyspark

        home = Path(pyspark.__file__).parent
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_DAEMON_MEMORY": "512m",
        }
        # Spark takes a variable of this name for its own.
        environment.pop("MASTER", None)
        with (self.folder / f"{name}.log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                [str(home / "bin" / "spark-class"), *arguments],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, start_new_session=True,
            )  # fmt: skip
        (self.folder / f"{name}.pid").write_text(str(process.pid), encoding="utf-8")

    def _wait_for(self, name: str, pattern: str) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline:
            if re.search(pattern, self._log(name)):
                return
            if not is_running(self._pid(name)):
                break
            time.sleep(0.2)
        raise NotStarted(f"{name} did not start: see {self.folder / f'{name}.log'}")

    def _pid(self, name: str) -> int | None:
        path = self.folder / f"{name}.pid"
        return int(path.read_text(encoding="utf-8")) if path.exists() else None

    def _log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def is_running(pid: int | None) -> bool:
    """Whether there is such a process, and it is no zombie."""
    if pid is None:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and those that they have, deepest first."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    threads = Path(f"/proc/{pid}/task").glob("*/children") if Path(f"/proc/{pid}/task").exists() else []
    for path in threads:
        try:
            children += path.read_text(encoding="utf-8").split()
        except (FileNotFoundError, ProcessLookupError):
            continue
    found: list[int] = []
    for child in dict.fromkeys(int(child) for child in children):
        found += [*descendants(child), child]
    return found


def signal_process(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def cluster_path() -> Path:
    """Folder of the cluster's logs and process numbers (SPARK_CLUSTER)."""
    return Path(os.environ.get("SPARK_CLUSTER") or "data/spark/cluster")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], prog="python -m scripts.spark_cluster")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("start", "run"):
        command = commands.add_parser(name)
        command.add_argument("--workers", type=int, default=2)
        command.add_argument("--cores", type=int, default=1, help="of a worker (1)")
        command.add_argument("--memory", default="2g", help="of a worker (2g)")
        if name == "run":
            command.add_argument("to_run", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    commands.add_parser("stop")
    options = parser.parse_args(arguments)
    cluster = Cluster(cluster_path())
    if options.command == "stop":
        cluster.stop()
        return 0
    try:
        address = cluster.start(options.workers, options.cores, options.memory)
    except NotStarted as error:
        print(error, file=sys.stderr)
        cluster.stop()
        return 1
    if options.command == "start":
        print(address)
        return 0
    to_run = options.to_run[1:] if options.to_run[:1] == ["--"] else options.to_run
    if not to_run:
        parser.error("run what? python -m scripts.spark_cluster run -- dbt build --target spark")
    try:
        return subprocess.run(
            to_run, env=os.environ | {"SPARK_MASTER": address, "SPARK_LOCAL_IP": "127.0.0.1"}
        ).returncode
    finally:
        cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
