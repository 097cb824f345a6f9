"""Publication: readers in other processes, the versions that are kept, and what a kill or a full disk leaves behind.

PUBLICATION_BUILDS sets the number of builds that the readers sit through (default 3).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polling_reader
import pytest
from conftest import PROJECT, Warehouse
from landings import generation, generations, land_two_weeks

from scripts import _paths, publish

BUILDS = int(os.environ.get("PUBLICATION_BUILDS") or 3)
READER = Path(polling_reader.__file__)
MAIN = "import sys; from scripts import publish; sys.exit(publish.main())"
# Dies by SIGKILL right before the given change of a folder or a name (the audit events of Python).
KILLED_BEFORE_CHANGE = """
import os, signal, sys
from scripts import publish
left = int(sys.argv.pop(1))
def count(event, arguments):
    global left
    if event in ("os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.utime"):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
sys.addaudithook(count)
sys.exit(publish.main())
"""
FILE_SIZE_LIMITED = f"""
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
{MAIN}
"""


class Place:
    """A warehouse of three tables, made without dbt, and its serving file."""

    def __init__(self, root: Path):
        self.warehouse = root / "build" / "warehouse.duckdb"
        self.published = root / "warehouse.duckdb"
        self.versions = publish.versions_path(self.published)
        self.warehouse.parent.mkdir()
        self.environment = os.environ | {
            "WAREHOUSE_PATH": str(self.warehouse),
            "PUBLISHED_PATH": str(self.published),
            "PUBLISHED_VERSIONS": "3",
            "DUCKDB_MEMORY_LIMIT": "1GB",
            "DUCKDB_TEMP_DIRECTORY": str(root / "tmp"),
        }
        self.build(1)

    def build(self, generations: int) -> None:
        """What a build leaves: other numbers in every table. Random columns make the file some megabytes."""
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(f"""
                create schema if not exists intermediate;
                create schema if not exists marts;
                create schema if not exists reference;
                create or replace table intermediate.unpassed_nodes (node_id text, status text, invocation_id text);
                create or replace table marts.fct_usage_daily as
                    select i as day, {generations} as generations, uuid() as noise from range(100000) as days (i);
                create or replace table marts.rpt_load_summary as
                    select {generations}::bigint as raw_rows, {generations} * 100000::bigint as generations;
                create or replace table reference.models as select i from range({generations}) as models (i);
                comment on table reference.models is 'The author''s models';
                comment on column reference.models.i is 'A "number"';
            """)

    def publish(self, keep: int = 3) -> publish.Version:
        return publish.publish(self.warehouse, self.published, keep=keep)

    def build_and_publish(self, generations: int, keep: int = 3) -> str:
        self.build(generations)
        return self.publish(keep).version_id

    def run(self, *arguments: str, program: str = MAIN, **environment: str) -> subprocess.CompletedProcess:
        """The command line, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=PROJECT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
        )

    def read(self) -> dict:
        """What a reader sees, having checked that it is of one version."""
        with duckdb.connect(str(self.published), read_only=True) as connection:
            seen = polling_reader.read(connection)
        _assert_whole(seen)
        return seen

    def listed(self) -> list[str]:
        return [version.version_id for version in publish.list_versions(self.published)]

    def current(self) -> list[str]:
        return [version.version_id for version in publish.list_versions(self.published) if version.is_current]

    def leftovers(self) -> list[str]:
        """Everything beside the serving file that is neither a version nor the lock."""
        expected = {self.versions / ".lock"} | {file.parent for file in self.versions.glob("[0-9]*/warehouse.duckdb")}
        beside = [file for file in self.published.parent.glob("*warehouse*") if file != self.published]
        return [str(file) for file in [*self.versions.iterdir(), *beside] if file not in expected | {self.versions}]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def _assert_whole(seen: dict) -> None:
    assert "error" not in seen, seen["error"]
    for name in ("row_count", "raw_rows", "generations"):
        one, other = seen[name]
        assert one == other, f"mixed versions: {seen}"


@contextlib.contextmanager
def polling(published: Path, *options: str) -> Iterator[list[dict]]:
    """A polling reader, started before and ended after the block; then, what it has seen."""
    output = published.with_name(f"seen{''.join(options)}.jsonl")
    seen: list[dict] = []
    with output.open("w") as lines:
        command = [sys.executable, str(READER), str(published), "0.05", *options]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=lines) as reader:
            try:
                _wait_until(lambda: output.stat().st_size > 0)
                yield seen
            finally:
                reader.stdin.close()
                assert reader.wait(30) == 0
    seen.extend(json.loads(line) for line in output.read_text().splitlines())


def _wait_until(happened) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline, "waited for 30 seconds"
        time.sleep(0.02)


@pytest.mark.slow
def test_readers_of_other_processes_see_one_version_each_time(warehouse: Warehouse):
    """Builds of a growing landing, each published. One reader opens anew every 50 ms, one keeps its connection open."""
    # Small, for many builds in little time; what is published with it are the seeds.
    warehouse.selection = ("+rpt_load_summary",)
    warehouse.land_and_build(land_two_weeks)
    published = [publish.publish(warehouse.path, warehouse.published).version_id]
    expected = [6]
    with polling(warehouse.published) as polled, polling(warehouse.published, "--hold") as held:
        for number in range(BUILDS):
            warehouse.land(
                f"openrouter/generations/ingest_date=2025-06-20/part-{number}.parquet",
                generations([generation(50 + number, "2025-06-20", 1000, 0)]),
            )
            warehouse.build()
            with warehouse.published.open("rb") as opened:
                before = opened.read()
                published.append(publish.publish(warehouse.path, warehouse.published, keep=1).version_id)
                # Writing in place would be over too soon for a reader to meet it every time.
                opened.seek(0)
                unchanged = opened.read() == before
                assert unchanged, "the file that readers have open has changed"
            expected.append(expected[-1] + 1)
            time.sleep(0.2)
    for seen in (*polled, *held):
        _assert_whole(seen)
    # Every version in its turn, none twice; whoever holds a connection keeps the version of the beginning.
    changes = [
        seen
        for before, seen in zip([None, *polled], polled, strict=False)
        if before is None or before["version_id"] != seen["version_id"]
    ]
    assert [seen["version_id"] for seen in changes] == published
    assert [seen["generations"][0] for seen in changes] == expected
    assert {seen["version_id"] for seen in held} == {published[0]}
    # Though it was pruned at once.
    assert [version.version_id for version in publish.list_versions(warehouse.published)] == published[-1:]
    print(f"{len(polled)} reads by a poller and {len(held)} by an open connection, {BUILDS} builds")


def test_only_what_has_passed_is_published(warehouse: Warehouse):
    publish.check_passed(warehouse.path)
    # Killed half way: begun and never ended.
    warehouse.execute("insert into intermediate.unpassed_nodes values ('invocation', 'begun and not ended', 'killed')")
    with pytest.raises(publish.NotPublishable, match="begun and not ended"):
        publish.check_passed(warehouse.path)
    warehouse.execute("delete from intermediate.unpassed_nodes")
    warehouse.execute("insert into intermediate.unpassed_nodes values ('test.a', 'fail', 'failed')")
    with pytest.raises(publish.NotPublishable, match="is fail"):
        publish.check_passed(warehouse.path)
    with pytest.raises(publish.NotPublishable, match="is fail"):
        publish.publish(warehouse.path, warehouse.published, only_passed=True)
    assert not warehouse.published.exists()


def test_the_published_file_has_public_schemas_and_comments_only(warehouse: Warehouse):
    warehouse.land_and_build(land_two_weeks)
    version = publish.publish(warehouse.path, warehouse.published)
    assert version.table_count == len(warehouse.tables())
    with duckdb.connect(str(warehouse.published), read_only=True) as connection:
        assert connection.execute("select distinct schema_name from duckdb_tables() order by all").fetchall() == [
            ("marts",),
            ("publication",),
            ("reference",),
        ]
        assert (
            connection.execute(
                "select table_name, column_name from duckdb_columns() where not internal and comment is null"
            ).fetchall()
            == []
        )


def test_comments_and_the_version_are_in_the_file(place: Place):
    version = place.publish()
    with duckdb.connect(str(place.published), read_only=True) as connection:
        assert connection.execute(
            "select comment from duckdb_tables() where table_name = 'models'"
            " union all select comment from duckdb_columns() where table_name = 'models'"
        ).fetchall() == [("The author's models",), ('A "number"',)]
        assert connection.execute("from publication.version").fetchall() == [
            (version.version_id, version.published_at, 3, 100_002, 1)
        ]
    assert version.version_id == f"{version.published_at:%Y%m%dT%H%M%S}.{version.published_at.microsecond // 1000:03d}Z"


def test_the_last_versions_are_kept_and_take_their_size_once(place: Place):
    versions = [place.build_and_publish(number) for number in range(1, 6)]
    assert place.listed() == versions[:1:-1] and place.current() == versions[-1:]
    status = place.published.stat()
    assert status.st_nlink == 2 and place.published.samefile(place.versions / versions[-1] / "warehouse.duckdb")
    # Nobody can open it for writing and so shut others out (but root, whom no mode stops).
    assert status.st_mode & 0o222 == 0
    for number, version in zip((3, 4, 5), versions[2:], strict=True):
        # Same file name, hence the same catalog name as the serving file.
        with duckdb.connect(str(place.versions / version / "warehouse.duckdb"), read_only=True) as connection:
            assert connection.execute("select raw_rows from warehouse.marts.rpt_load_summary").fetchall() == [(number,)]
    # Fewer from now on.
    last = place.build_and_publish(6, keep=1)
    assert place.listed() == [last] and place.read()["raw_rows"] == [6, 6]
    assert not place.leftovers()


def test_the_way_back(place: Place):
    first, second, third = (place.build_and_publish(number) for number in (1, 2, 3))
    assert publish.restore(first, place.published).version_id == first
    assert place.read()["raw_rows"] == [1, 1] and place.current() == [first]
    assert place.listed() == [third, second, first]
    publish.restore(first, place.published)
    assert place.read()["raw_rows"] == [1, 1] and not place.leftovers()
    # The next publication carries on, and keeps what readers had last, not what is newest.
    fourth = place.build_and_publish(4)
    assert place.listed() == [fourth, third, first] and place.current() == [fourth]
    publish.restore(first, place.published)
    fifth = place.build_and_publish(5, keep=2)
    assert place.listed() == [fifth, first] and place.read()["raw_rows"] == [5, 5]


def test_readers_are_not_refused_while_versions_go_back_and_forth(place: Place):
    first, second = place.build_and_publish(1), place.build_and_publish(2)
    with polling(place.published) as polled:
        for version in [first, second] * 10:
            publish.restore(version, place.published)
            time.sleep(0.07)
    for seen in polled:
        _assert_whole(seen)
    assert {seen["version_id"] for seen in polled} == {first, second}


def test_the_command_line(place: Place):
    nothing = place.run("--list")
    assert nothing.returncode == 1 and "scripts.publish` makes the first one" in nothing.stderr
    nothing = place.run("--restore", "x")
    assert nothing.returncode == 1 and "makes the first one" in nothing.stderr
    versions = []
    for number in (1, 2):
        place.build(number)
        done = place.run()
        assert done.returncode == 0 and "Published 3 tables" in done.stdout, done.stderr
        versions += place.current()
    listed = place.run("--list").stdout.splitlines()
    assert (
        len(listed) == 3 and listed[1].startswith(versions[1]) and listed[1].endswith("100,003            2  current")
    )
    unknown = place.run("--restore", "x")
    assert unknown.returncode == 1 and f"There are: {versions[1]}, {versions[0]}." in unknown.stderr
    done = place.run("--restore", versions[0])
    assert done.returncode == 0 and versions[0] in done.stdout and place.current() == versions[:1]
    for setting in ("0", "-1", "many", "1.5"):
        wrong = place.run(PUBLISHED_VERSIONS=setting)
        assert wrong.returncode == 2 and "PUBLISHED_VERSIONS" in wrong.stderr and "from 1 on" in wrong.stderr
    assert place.run(PUBLISHED_VERSIONS="1").returncode == 0 and len(place.listed()) == 1


def test_a_damaged_version_is_said_to_be_and_not_put_in_place(place: Place):
    first, second = place.build_and_publish(1), place.build_and_publish(2)
    file = place.versions / first / "warehouse.duckdb"
    file.chmod(0o644)
    file.write_bytes(b"damaged")
    assert place.run("--list").stdout.splitlines()[-1].endswith("damaged")
    with pytest.raises(publish.NotPublishable, match="damaged"):
        publish.restore(first, place.published)
    assert place.current() == [second] and place.read()["raw_rows"] == [2, 2]


def test_a_serving_file_from_before_versions_were_kept_is_one_of_them(place: Place):
    place.publish()
    with duckdb.connect() as connection:
        place.published.unlink()
        connection.execute(
            f"attach '{place.published}' as old; create schema old.marts; create table old.marts.a as select 1"
        )
    shutil.rmtree(place.versions)
    (old,) = place.current()
    new = place.build_and_publish(2)
    assert place.listed() == [new, old]
    publish.restore(old, place.published)
    with duckdb.connect(str(place.published), read_only=True) as connection:
        assert connection.execute("from marts.a").fetchall() == [(1,)]
    assert place.run("--list").returncode == 0


def test_a_file_system_without_hard_links_takes_copies(place: Place, monkeypatch: pytest.MonkeyPatch):
    def refused(link: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(link))

    monkeypatch.setattr(Path, "hardlink_to", refused)
    first, second = place.build_and_publish(1), place.build_and_publish(2)
    assert place.published.stat().st_nlink == 1
    publish.restore(first, place.published)
    assert place.current() == [first] and place.listed() == [second, first] and place.read()["raw_rows"] == [1, 1]
    third = place.build_and_publish(3, keep=2)
    assert place.current() == [third] and place.listed() == [third, first] and not place.leftovers()


def test_one_publication_at_a_time(place: Place):
    version = place.publish().version_id
    with (place.versions / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for arguments in ((), ("--restore", version)):
            refused = place.run(*arguments)
            assert refused.returncode == 3 and "another publication or restoration is running" in refused.stderr
        # Looking is always allowed.
        assert place.run("--list").returncode == 0
    assert place.listed() == [version]
    assert place.run().returncode == 0


def test_nothing_is_published_while_a_build_writes(place: Place):
    before = place.publish().version_id
    writer = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", writer, str(place.warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        refused = place.run()
        process.stdin.close()
    assert refused.returncode == 3 and "is being written. Publish when the build has ended" in refused.stderr
    assert place.current() == [before]


def test_the_log_of_somebody_who_wrote_to_the_serving_file_does_not_get_into_the_next_one(place: Place):
    place.publish()
    place.published.chmod(0o644)
    program = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('create table mine as select 1'); os._exit(0)"
    subprocess.run([sys.executable, "-c", program, str(place.published)], check=True)
    assert place.published.with_name("warehouse.duckdb.wal").exists()
    place.build_and_publish(2)
    with duckdb.connect(str(place.published), read_only=True) as connection:
        assert connection.execute("select count(*) from duckdb_tables() where table_name = 'mine'").fetchall() == [(0,)]
    assert place.read()["raw_rows"] == [2, 2] and not place.leftovers()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["publish", "restore"])
def test_killed_before_any_change_of_a_name(place: Place, what: str):
    """Each step in its turn: whole versions for readers, and the next publication carries on and tidies up."""
    old = place.publish().version_id
    for step in range(100):
        # The list is full, so that there is something to prune and something to go back to.
        before = place.build_and_publish(2 * step + 2, keep=2)
        place.build(2 * step + 3)
        arguments = ("--restore", old) if what == "restore" else ()
        result = place.run(str(step), *arguments, program=KILLED_BEFORE_CHANGE, PUBLISHED_VERSIONS="2")
        assert result.returncode in (0, -9), result.stderr
        assert place.current() == [place.read()["version_id"]]
        assert before in place.listed() and (old in place.listed() or what == "publish")
        if result.returncode == 0:
            break
        # What readers had is what can be gone back to, even if it had been put in place and not in the list.
        (served,) = place.current()
        old = place.publish(keep=2).version_id
        assert place.current() == [old] and place.listed() == sorted([old, served], reverse=True)
        assert not place.leftovers()
    # As many steps as there are changes: make, link, rename, and for a publication chmod, rename, prune.
    assert step >= (8 if what == "publish" else 4)
    after = place.build_and_publish(0, keep=2)
    assert place.current() == [after] and len(place.listed()) == 2 and not place.leftovers()


@pytest.mark.slow
def test_killed_at_any_moment(place: Place):
    """Fifteen kills at random moments of a publication, most of which is the copying."""
    place.publish()
    start = time.monotonic()
    assert place.run().returncode == 0
    duration = time.monotonic() - start
    seed = random.randrange(10**6)
    print(f"seed {seed}, a publication takes {duration:.1f} s")
    moments = random.Random(seed)
    cut_off = 0
    for number in range(2, 17):
        before = place.read()["version_id"]
        place.build(number)
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN],
            cwd=PROJECT,
            env=place.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(0.3, 1) * duration)
        process.kill()
        cut_off += process.wait() == -9
        seen = place.read()
        assert seen["version_id"] == before or seen["raw_rows"] == [number, number]
        assert place.current() == [seen["version_id"]]
    assert cut_off
    last = place.build_and_publish(17)
    assert place.current() == [last] and len(place.listed()) == 3 and not place.leftovers()


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.95])
def test_a_file_that_may_not_grow_is_not_published(place: Place, share: float):
    """As on a full disk: at its beginning, in the middle, or with the last block."""
    before = place.publish()
    place.build(2)
    limit = int(before.size * share)
    result = place.run(str(limit), program=FILE_SIZE_LIMITED)
    assert result.returncode == 3, (result.stdout, result.stderr)
    assert "Not published: " in result.stderr and "readers keep what they have" in result.stderr
    assert "File too large" in result.stderr and "Traceback" not in result.stderr
    assert place.current() == [before.version_id] and place.read()["raw_rows"] == [1, 1] and not place.leftovers()
    assert place.run().returncode == 0 and place.read()["raw_rows"] == [2, 2]


def test_a_full_disk(place: Place):
    """On a file system of a few megabytes, in a mount namespace of its own, which ends with its process."""
    size = place.publish().size
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    full = place.published.parent / "full"
    full.mkdir()
    mount = f"mount -t tmpfs -o size={int(size * 1.5)} none {full}"
    if not shutil.which("unshare") or subprocess.run([*namespace, "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("needs unshare(1) and user namespaces: without them no file system of its own can be mounted")
    command = f'{sys.executable} -c "{MAIN}"'
    steps = [mount, command, f"({command}; echo code $?)", f"find {full} -type f", f"({command} --list)"]
    result = subprocess.run(
        [*namespace, "sh", "-c", " && ".join(steps)],
        cwd=PROJECT,
        env=place.environment | {"PUBLISHED_PATH": str(full / "warehouse.duckdb")},
        capture_output=True,
        text=True,
    )
    assert "code 3" in result.stdout and "No space left on device" in result.stderr, result
    assert "Not published: readers keep what they have" in result.stderr and "Traceback" not in result.stderr
    assert ".unfinished" not in result.stdout and result.stdout.count("warehouse.duckdb") == 3
    assert result.stdout.splitlines()[-1].endswith("current")


def test_settings_are_read_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PUBLISHED_VERSIONS", raising=False)
    assert _paths.published_versions() == 3
    monkeypatch.setenv("PUBLISHED_VERSIONS", "12")
    assert _paths.published_versions() == 12
