"""Publish the tested marts: copy the public schemas into a new serving file and put it in place by an atomic rename.

A DuckDB file has one writer, and a writer shuts readers out. So nobody opens the file that dbt writes: readers open the
serving copy, keep the version that they have open, and see the new one when they open it next. A failed build changes
nothing that readers see.

The last versions stay in a folder beside the serving file, as whole files of the same name, and the serving file is a
hard link to one of them: a version takes its size on disk once, and going back to one is a link and a rename.

    data/warehouse.duckdb                                       what readers open
    data/warehouse.versions/20251130T060000.000Z/warehouse.duckdb

Exit codes: 0 done; 1 not done, because something in the warehouse has not passed its tests, there is nothing to
publish, or no such version; 2 wrong arguments or settings; 3 not done, or not to the end, but nothing is wrong with the
data: the disk is full, a build is writing, another publication is running.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from scripts import _paths

PUBLIC_SCHEMAS = ("marts", "reference")
# What is under construction or about to be removed; whatever is left of it was cut off.
UNFINISHED = ".unfinished-"


class NotPublishable(Exception):
    """Readers must not, or cannot, be given what was asked for; the message says why and what to do."""

    exit_code = 1
    happened = False
    """Whether readers have what was asked for all the same."""


class NotNow(NotPublishable):
    """The machine is in the way, not the data: the same command can succeed later."""

    exit_code = 3


class ListNotKept(NotNow):
    """Readers have what was asked for, but the list of versions is not in order; the next publication sees to it."""

    happened = True


@dataclass(frozen=True)
class Version:
    """One published version: a DuckDB file that says which version it is, in its table publication.version.

    What cannot be found out is None: the file was published before versions were kept, or is damaged.
    """

    version_id: str
    """UTC time of publication, e.g. 20251130T060000.000Z: sorts by time, and names the version's folder."""
    file: Path
    published_at: datetime.datetime
    """UTC."""
    size: int
    """Bytes on disk."""
    table_count: int | None
    row_count: int | None
    """Rows of all its tables together."""
    raw_rows: int | None
    """Raw records loaded, as marts.rpt_load_summary counts them."""
    is_current: bool
    """Whether it is what readers get."""


def versions_path(published: Path) -> Path:
    """Folder of the published versions: beside the serving file, since a rename stays on one file system."""
    return published.with_suffix(".versions")


def check_passed(warehouse: Path) -> None:
    """Raise NotPublishable unless every node has passed since it was last built, and no build was cut off.

    Args:
        warehouse: the file that dbt writes; dbt's on-run hooks (macros/build_state.sql) keep the account in it.
    """
    with _opened(warehouse) as connection:
        _check_passed(connection, warehouse)


def publish(warehouse: Path, published: Path, *, keep: int | None = None, only_passed: bool = False) -> Version:
    """Copy the public schemas of the warehouse, comments included, and replace the serving file atomically.

    Whatever happens, a kill included, readers have the version before or the new one, whole; what was cut off is
    removed by the next call.

    Args:
        warehouse: the file that dbt writes; opened read-only, and no build can write to it meanwhile.
        published: the file that readers open; replaced as a whole, never changed.
        keep: versions to keep, the current one included; default PUBLISHED_VERSIONS.
        only_passed: check_passed first, on the very state that is copied.

    Raises:
        NotPublishable: the warehouse has none of the public schemas, or has not passed.
        NotNow: the disk is full, a build is writing, another publication is running.
    """
    keep = _paths.published_versions() if keep is None else keep
    versions = versions_path(published)
    with _opened(warehouse) as connection:
        if only_passed:
            _check_passed(connection, warehouse)
        with _alone(versions):
            _register_current(published)
            with _unfinished(versions) as work:
                copy = work / published.name
                version_id, published_at = _next_version_id(versions)
                try:
                    _copy(connection, warehouse, copy, version_id, published_at)
                except duckdb.Error as error:
                    reason = f"readers keep what they have, since writing {copy} failed: {_first_line(error)}"
                    raise NotNow(reason) from None
                # Nobody writes to a version, and who opened the serving file for writing would shut all others out.
                copy.chmod(copy.stat().st_mode & 0o444)
                _sync(copy)
                _serve(copy, published, work)
                try:
                    _keep_as(copy, versions / version_id)
                    _prune(published, versions / version_id, keep)
                except OSError as error:
                    raise ListNotKept(f"readers have version {version_id}, but {_disk_error(error)}") from None
    return _describe(versions / version_id / published.name, version_id)


def restore(version_id: str, published: Path) -> Version:
    """Give readers an old version again, by an atomic rename; the one they have now stays in the list.

    Nothing is copied, and the warehouse is not touched: the next publication replaces it by what the warehouse holds
    then.

    Args:
        version_id: as listed.
        published: the file that readers open.

    Raises:
        NotPublishable: there is no such version, or its file cannot be read.
        NotNow: the disk is full, or another publication is running.
    """
    versions = versions_path(published)
    if not versions.is_dir():
        raise NotPublishable(f"No version is kept in {versions}. `python -m scripts.publish` makes the first one.")
    with _alone(versions):
        _register_current(published)
        listed = {version.version_id: version for version in list_versions(published)}
        if version_id not in listed:
            raise NotPublishable(f"there is no version {version_id}. There are: {', '.join(listed) or 'none'}.")
        version = listed[version_id]
        if version.table_count is None:
            raise NotPublishable(f"{version.file} is damaged. Restore another version, or publish.")
        if not version.is_current:
            with _unfinished(versions) as work:
                _serve(version.file, published, work)
    return replace(version, is_current=True)


def list_versions(published: Path) -> list[Version]:
    """Versions that are kept, the newest first, with the one that readers get. Takes no lock and changes nothing.

    Args:
        published: the file that readers open.
    """
    listed = []
    current = _current_folder(published)
    if current is None and published.exists():
        # Published before versions were kept, or cut off right after its rename; the next publication registers it.
        listed.append(_describe(published))
    for folder in _folders(published):
        # One that is pruned while we look is no longer there.
        with contextlib.suppress(FileNotFoundError):
            listed.append(_describe(folder / published.name, folder.name, is_current=folder == current))
    return sorted(listed, key=lambda version: version.version_id, reverse=True)


@contextlib.contextmanager
def _opened(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that has the warehouse attached read-only, within the resources of the profile.

    It is attached by its own name, which is the one that its views look for their tables under.
    """
    if not warehouse.exists():
        raise NotPublishable(f"{warehouse} does not exist. Run `dbt build` first.")
    # Insertion order is kept, unlike in the profile: as measured the copy is no slower, and tables stay sorted as dbt
    # wrote them, which makes them smaller and lets queries skip row groups.
    config = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": _paths.duckdb_memory_limit(),
        "temp_directory": str(_paths.duckdb_temp_directory()),
    }
    with duckdb.connect(config=config) as connection:
        try:
            connection.execute(f"attach {_literal(str(warehouse))} as {_name(warehouse)} (read_only)")
        except duckdb.IOException as error:
            if "Could not set lock" in str(error):
                raise NotNow(f"{warehouse} is being written. Publish when the build has ended.") from None
            raise NotPublishable(f"{warehouse} cannot be read: {_first_line(error)}") from None
        yield connection


def _check_passed(connection: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    try:
        unpassed = connection.execute(
            f"select node_id, status from {_name(warehouse)}.intermediate.unpassed_nodes order by all"
        ).fetchall()
    except duckdb.CatalogException:
        raise NotPublishable(f"{warehouse} was not built by this project. Run `dbt build` first.") from None
    if unpassed:
        (node, status), others = unpassed[0], len(unpassed) - 1
        raise NotPublishable(
            f"{node} is {status}" + (f", and {others} more like it" if others else "") + ". Readers keep the last good"
            " version. Repair it and run `dbt build`; `select * from intermediate.unpassed_nodes` lists what is open."
        )


def _copy(
    connection: duckdb.DuckDBPyConnection, warehouse: Path, copy: Path, version_id: str, published_at: datetime.datetime
) -> None:
    """Write the public tables, their comments and the version to a new file, checkpointed and closed.

    Public views become tables: as views they would send readers to schemas that are not published.
    """
    tables = connection.execute(
        """
        select schema_name, table_name, comment
        from (
            select database_name, schema_name, table_name, comment from duckdb_tables()
            union all
            select database_name, schema_name, view_name, comment from duckdb_views()
        )
        where database_name = ? and list_contains(?, schema_name)
        order by all
        """,
        [warehouse.stem, list(PUBLIC_SCHEMAS)],
    ).fetchall()
    if not tables:
        raise NotPublishable(f"{warehouse} has no tables in {' or '.join(PUBLIC_SCHEMAS)}. Run `dbt build` first.")
    columns = connection.execute(
        """
        select schema_name, table_name, column_name, comment
        from duckdb_columns()
        where database_name = ? and list_contains(?, schema_name) and comment is not null
        """,
        [warehouse.stem, list(PUBLIC_SCHEMAS)],
    ).fetchall()
    # Without a log, which would need more disk: a copy that is cut off is thrown away.
    connection.execute(f"attach {_literal(str(copy))} as serving (recovery_mode no_wal_writes)")
    # One transaction: a thousand comments would otherwise be a thousand commits, each with its fsync.
    connection.execute("begin")
    for schema in PUBLIC_SCHEMAS:
        connection.execute(f"create schema serving.{schema}")
    row_count = 0
    for schema, table, comment in tables:
        name = f'{schema}."{table}"'
        row_count += connection.execute(f"create table serving.{name} as from {_name(warehouse)}.{name}").fetchone()[0]
        if comment:
            connection.execute(f"comment on table serving.{name} is {_literal(comment)}")
    for schema, table, column, comment in columns:
        connection.execute(f'comment on column serving.{schema}."{table}"."{column}" is {_literal(comment)}')
    raw_rows = None
    if ("marts", "rpt_load_summary") in [(schema, table) for schema, table, _ in tables]:
        (raw_rows,) = connection.execute("select max(raw_rows) from serving.marts.rpt_load_summary").fetchone()
    _write_version(
        connection,
        {
            "version_id": ("text", version_id, "Version of this file, named by its UTC time of publication."),
            "published_at": ("timestamp", published_at, "When publication began, UTC."),
            "table_count": ("bigint", len(tables), "Tables of the schemas marts and reference."),
            "row_count": ("bigint", row_count, "Rows of all those tables together."),
            "raw_rows": ("bigint", raw_rows, "Raw records loaded, as marts.rpt_load_summary has them."),
        },
    )
    connection.execute("commit")
    connection.execute("checkpoint serving")
    connection.execute("detach serving")


def _write_version(connection: duckdb.DuckDBPyConnection, columns: dict[str, tuple[str, object, str]]) -> None:
    """The table by which a reader knows what it reads, in a schema of its own: what marts holds is dbt's to say."""
    connection.execute("create schema serving.publication")
    connection.execute(
        "create table serving.publication.version as select "
        + ", ".join(f"cast(? as {kind}) as {name}" for name, (kind, _, _) in columns.items()),
        [value for _, value, _ in columns.values()],
    )
    connection.execute(
        "comment on table serving.publication.version is 'One row: which published version this file is.'"
    )
    for name, (_, _, comment) in columns.items():
        connection.execute(f"comment on column serving.publication.version.{name} is {_literal(comment)}")


@contextlib.contextmanager
def _alone(versions: Path) -> Iterator[None]:
    """Hold the lock of these versions, begin by removing what was cut off, and say in words what the disk refuses.

    The lock is the kernel's, so that a kill frees it.
    """
    try:
        versions.mkdir(parents=True, exist_ok=True)
        with (versions / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise NotNow(f"another publication or restoration is running, and holds {lock.name}.") from None
            for leftover in versions.glob(f"{UNFINISHED}*"):
                shutil.rmtree(leftover)
            yield
    except OSError as error:
        raise NotNow(_disk_error(error)) from None


@contextlib.contextmanager
def _unfinished(versions: Path) -> Iterator[Path]:
    """A folder to work in, on the same file system, removed whatever happens."""
    work = versions / f"{UNFINISHED}work"
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _disk_error(error: OSError) -> str:
    return ": ".join(str(part) for part in (error.filename, error.strerror) if part) or str(error)


def _serve(file: Path, published: Path, work: Path) -> None:
    """Put a finished file where readers look, by rename, so that there always is one and it is whole."""
    link = work / "serving"
    _link(file, link)
    # The log of somebody who wrote to the old file, against the rules: DuckDB would replay it into the new one.
    published.with_name(published.name + ".wal").unlink(missing_ok=True)
    link.replace(published)
    _sync(published.parent)


def _keep_as(file: Path, folder: Path) -> None:
    """Make a finished file a version of its own: one rename of the folder that it lies in."""
    _sync(file.parent)
    file.parent.rename(folder)
    _sync(folder.parent)


def _register_current(published: Path) -> None:
    """See to it that what readers have now is in the list, as the version that was last in use.

    It is not there if publication was killed between its two renames, or if the file is older than the list. The time
    of a version's folder says until when it was in use, since the way back is to what was good, not to what is newest.
    """
    if not published.exists():
        return
    folder = _current_folder(published)
    if folder is None:
        folder = versions_path(published) / _describe(published).version_id
        with _unfinished(folder.parent) as work:
            _link(published, work / published.name)
            _keep_as(work / published.name, folder)
    os.utime(folder)


def _prune(published: Path, current: Path, keep: int) -> None:
    """Remove all but the current version and those that were last in use, `keep` together."""
    others = [folder for folder in _folders(published) if folder != current]
    others.sort(key=lambda folder: (folder.stat().st_mtime_ns, folder.name), reverse=True)
    for folder in others[keep - 1 :]:
        # Out of the list first and at once: a version in the list is whole.
        removed = folder.rename(folder.with_name(UNFINISHED + folder.name))
        shutil.rmtree(removed)


def _folders(published: Path) -> list[Path]:
    """Folders of the versions that are kept."""
    return [file.parent for file in versions_path(published).glob(f"*/{published.name}") if file.parent.name[0] != "."]


def _current_folder(published: Path) -> Path | None:
    """Folder of the version that readers get, or None if that is not in the list."""
    if not published.exists():
        return None
    folders = _folders(published)
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):
            if (folder / published.name).samefile(published):
                return folder
    # Without hard links the serving file is a copy, and says itself what it is a copy of.
    version_id = _describe(published).version_id
    return next((folder for folder in folders if folder.name == version_id), None)


def _describe(file: Path, version_id: str | None = None, *, is_current: bool = True) -> Version:
    """What a published file says of itself; one from before versions were kept is named by its modification time."""
    status = file.stat()
    published_at = datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC).replace(tzinfo=None)
    said, table_count, row_count, raw_rows = None, None, None, None
    with contextlib.suppress(duckdb.Error), duckdb.connect(str(file), read_only=True) as connection:
        (table_count,) = connection.execute(
            "select count(*) from duckdb_tables() where list_contains(?, schema_name)", [list(PUBLIC_SCHEMAS)]
        ).fetchone()
        said, published_at, row_count, raw_rows = connection.execute(
            "select version_id, published_at, row_count, raw_rows from publication.version"
        ).fetchone()
    version_id = version_id or said or _version_id(published_at)
    return Version(version_id, file, published_at, status.st_size, table_count, row_count, raw_rows, is_current)


def _next_version_id(versions: Path) -> tuple[str, datetime.datetime]:
    """An id that no version has, and its time, UTC to the millisecond."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    while (versions / _version_id(now)).exists():
        now += datetime.timedelta(milliseconds=1)
    return _version_id(now), now.replace(microsecond=now.microsecond // 1000 * 1000)


def _version_id(moment: datetime.datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03d}Z"


def _link(file: Path, link: Path) -> None:
    """A second name of a file; a copy where the file system has no hard links, or does not grant this one."""
    try:
        link.hardlink_to(file)
    except OSError:
        shutil.copy2(file, link)
        _sync(link)


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk: a rename must not get there before what it names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name(warehouse: Path) -> str:
    return '"' + warehouse.stem.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _table(versions: list[Version]) -> str:
    """The list as text, one line a version."""
    lines = [("version", "published (UTC)", "MB", "tables", "rows", "raw records", "")]
    for version in versions:
        numbers = (version.table_count, version.row_count, version.raw_rows)
        lines.append(
            (
                version.version_id,
                f"{version.published_at:%Y-%m-%d %H:%M:%S}",
                f"{version.size / 1e6:,.1f}",
                *("unknown" if number is None else f"{number:,}" for number in numbers),
                "current" if version.is_current else "damaged" if version.table_count is None else "",
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if 2 <= place <= 5 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def main() -> int:
    """Command line; see the module's docstring for exit codes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="show the versions that are kept, and publish nothing")
    what.add_argument("--restore", metavar="VERSION", help="give readers this version again, and publish nothing")
    arguments = parser.parse_args()
    published = _paths.published_path()
    try:
        keep = _paths.published_versions()
    except ValueError as error:
        parser.error(str(error))
    try:
        if arguments.list:
            versions = list_versions(published)
            if not versions:
                raise NotPublishable(f"{published} does not exist. `python -m scripts.publish` makes the first one.")
            print(_table(versions))
        elif arguments.restore:
            version = restore(arguments.restore, published)
            print(
                f"Readers of {published} get version {version.version_id}. The next publication replaces it by what the"
                " warehouse holds then."
            )
        else:
            version = publish(_paths.warehouse_path(), published, keep=keep, only_passed=True)
            print(
                f"Published {version.table_count} tables to {published}, version {version.version_id}"
                f" ({keep} are kept: `python -m scripts.publish --list`)."
            )
    except NotPublishable as reason:
        done = "restored" if arguments.restore else "listed" if arguments.list else "published"
        print(f"{done.capitalize() if reason.happened else f'Not {done}'}: {reason}", file=sys.stderr)
        return reason.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
