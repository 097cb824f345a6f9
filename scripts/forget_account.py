"""Take the records of accounts out of the landed files: every generation of theirs, its labels, their account rows.

    python -m scripts.forget_account --accounts FILE             says what would go, and changes nothing
    python -m scripts.forget_account --accounts FILE --rewrite   rewrites the files
    python -m scripts.forget_account --accounts FILE --verify PATH [PATH ...]   looks for what is left

FILE holds one account id a line, as the landed files have it (for an activity export: the name of the API key); `-` is
standard input. Never on the command line: the list of processes shows that to everybody on the machine.

What belongs to an account: records with its id; records without any account whose generation is one of its own (a
first delivery that lacked the account, say); labels of its generations, unless another account has a record of one.
`meta.identifies` in the source YAML says which columns these are. Values are compared as staging compares them:
trimmed, a number by its digits.

Every file below the landed tables' folders is looked at, whatever its format and LANDING_FORMAT. A rewritten file
takes the place of the old one in one step, with all other records as they were: byte by byte in CSV and JSON lines,
in Parquet with the same schema and compression. A file that is left without a record stays, empty. The next `dbt
build` takes a rewritten file for a changed one. Files that the warehouse does not read (markers, other folders) are
not rewritten: those that hold such an id are listed. docs/runbook.md says what else has to be done: warehouse,
serving file, logs, backups.

--verify needs PSEUDONYM_KEY, and looks for ids and pseudonyms in every column of every table of DuckDB files, in
Parquet files, and in the bytes of everything else below the paths. A very short id is found in the bytes of anything.

Exit codes: 0 done (or nothing to do); 1 something is left: by --rewrite, in files that it must not rewrite, by
--verify, anywhere; 2 wrong arguments; 3 a file could not be read or written, and is named: what was rewritten before
it stays so, run the command again when the file is repaired.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from scripts import _paths

PROJECT = Path(__file__).resolve().parents[1]
TEXT = {".csv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json"}
BLANKS = " \t\n\r"  # what staging trims
ACCOUNT, GENERATION = "account", "generation"
EXIT_DONE, EXIT_LEFT, EXIT_USAGE, EXIT_FAILED = 0, 1, 2, 3


# What readers raise about content, and what they say may quote it.
UNREADABLE = (OSError, EOFError, ValueError, AttributeError, csv.Error, zlib.error, duckdb.Error, pa.ArrowException)


class Unusable(Exception):
    """A file could not be read or written; the message names it, and quotes nothing from it."""

    def __init__(self, path: Path, error: BaseException):
        super().__init__(f"{path}: {type(error).__name__} {getattr(error, 'strerror', None) or ''}".rstrip())


@dataclass
class Table:
    """A landed table: its folder below the landing, and the columns by what they identify, in lower case."""

    folder: str
    columns: dict[str, list[str]]


@dataclass
class LandedFile:
    """A landed file, and the (account, generation) of each of its records, both as staging would have them."""

    path: Path
    table: Table

    @property
    def kind(self) -> str | None:
        """`parquet`, `csv`, `json`, or None for what no reader knows."""
        name = self.path.name.removesuffix(".gz")
        suffix = Path(name).suffix
        return "parquet" if suffix == ".parquet" and name == self.path.name else TEXT.get(suffix)

    def identities(self) -> Iterator[tuple[str | None, str | None]]:
        """Yield the account and the generation of each record, in the file's order; None where there is none."""
        try:
            if self.kind == "parquet":
                yield from self._parquet_identities()
            else:
                with _open(self.path, "r") as stream:
                    for record in _records(stream, self.kind, self.table.columns):
                        if record.keys is not None:
                            yield record.keys
        except UNREADABLE as error:
            raise Unusable(self.path, error) from None

    def _parquet_identities(self) -> Iterator[tuple[str | None, str | None]]:
        """Asked of DuckDB, which staging reads with: a number or a binary as text is a matter of the reader."""
        with duckdb.connect() as connection:
            reader = f"read_parquet([{_literal(_pattern(str(self.path)))}], hive_partitioning = false)"
            landed = {
                row[0].lower(): row[0] for row in connection.execute(f"describe select * from {reader}").fetchall()
            }
            values = []
            for kind in (ACCOUNT, GENERATION):
                names = [landed[name] for name in self.table.columns[kind] if name in landed]
                quoted = _quoted(names[0]) if names else "null"
                values.append(f"nullif(trim(cast({quoted} as varchar), ' ' || chr(9) || chr(10) || chr(13)), '')")
            # The order of rows is that of the file: it is what tells the rewriter which rows to leave out.
            connection.execute("set preserve_insertion_order = true")
            result = connection.execute(f"select {', '.join(values)} from {reader}")
            while rows := result.fetchmany(10_000):
                yield from rows

    def rewrite(self, is_kept: Sequence[bool]) -> None:
        """Replace the file by itself without the records that are not kept, atomically.

        Args:
            is_kept: one truth value a record, in the order of `identities`.
        """
        # A name that begins with a point is a marker: a build that starts now does not take it for a landed file.
        # The file itself and not a link to it, so that the records are gone and not merely hidden.
        file = self.path.resolve()
        before = file.stat()
        handle, name = tempfile.mkstemp(prefix=".forgetting-", suffix=f"-{file.name}", dir=file.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            if self.kind == "parquet":
                _rewrite_parquet(file, temporary, is_kept)
            else:
                _rewrite_text(file, temporary, self.kind, self.table.columns, is_kept)
            shutil.copystat(file, temporary)
            os.utime(temporary)
            after = temporary.stat()
            if (after.st_size, int(after.st_mtime)) == (before.st_size, int(before.st_mtime)):
                # What the warehouse knows a file by is its size and the second of its change.
                os.utime(temporary, (after.st_atime, after.st_mtime + 1))
            if os.geteuid() == 0:
                os.chown(temporary, before.st_uid, before.st_gid)
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.replace(file)
        except UNREADABLE as error:
            raise Unusable(self.path, error) from None
        finally:
            temporary.unlink(missing_ok=True)


# What becomes of a record, one byte each.
GOES_BY_ACCOUNT, STAYS, GOES_BY_GENERATION = 0, 1, 2


@dataclass
class Count:
    """A file with records of the accounts, and what becomes of each of its records."""

    file: LandedFile
    fates: bytearray

    @property
    def forgotten(self) -> int:
        """Number of records that go."""
        return len(self.fates) - self.fates.count(STAYS)


# --- Reading and writing ---------------------------------------------------------------------------------------------


@dataclass
class Record:
    """A stretch of a text file as it stands there; keys is None for what is no record: the header, blank lines."""

    text: str
    keys: tuple[str | None, str | None] | None


def _open(path: Path, mode: str) -> io.TextIOBase:
    """Text with nothing changed: line ends as they are, and bytes that are no UTF-8 kept."""
    opened = (gzip.open if path.name.endswith(".gz") else open)(path, mode + "b")
    return io.TextIOWrapper(opened, encoding="utf-8", errors="surrogateescape", newline="")


def _records(stream: io.TextIOBase, kind: str | None, columns: dict[str, list[str]]) -> Iterator[Record]:
    if kind == "csv":
        yield from _csv_records(stream, columns)
    elif kind == "json":
        yield from _json_records(stream, columns)
    else:
        raise ValueError("no Parquet, CSV or JSON lines file by its name")


def _csv_records(stream: io.TextIOBase, columns: dict[str, list[str]]) -> Iterator[Record]:
    """The lines that the parser took for a record are the record's text, quoted line ends included."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in stream:
            taken.append(line)
            yield line

    positions: dict[str, list[int]] | None = None
    csv.field_size_limit(sys.maxsize)
    # Strict: a quote that is never closed would make all that follows one record.
    for fields in csv.reader(lines(), strict=True):
        text = "".join(taken)
        taken.clear()
        if positions is None:
            names = [name.removeprefix("\ufeff").strip(BLANKS).lower() for name in fields]
            positions = {kind: [names.index(c) for c in wanted if c in names] for kind, wanted in columns.items()}
            yield Record(text, None)
        elif not fields:
            yield Record(text, None)
        else:
            values = (_first(fields[i] for i in positions[kind] if i < len(fields)) for kind in (ACCOUNT, GENERATION))
            yield Record(text, tuple(values))  # type: ignore[arg-type]


def _json_records(stream: io.TextIOBase, columns: dict[str, list[str]]) -> Iterator[Record]:
    for line in stream:
        if not line.strip():
            yield Record(line, None)
            continue
        # Numbers as they are written: an account 007.0 is another one than 7.
        content = json.loads(line.removeprefix("\ufeff"), parse_int=str, parse_float=str)
        lower = {name.lower(): value for name, value in content.items()}
        values = (_first(lower.get(c) for c in columns[kind]) for kind in (ACCOUNT, GENERATION))
        yield Record(line, tuple(values))  # type: ignore[arg-type]


def _first(values: Iterator[object]) -> str | None:
    for value in values:
        text = json.dumps(value) if isinstance(value, bool | dict | list) else value
        return (str(text).strip(BLANKS) or None) if text is not None else None
    return None


def _rewrite_text(
    file: Path, target: Path, kind: str | None, columns: dict[str, list[str]], is_kept: Sequence[bool]
) -> None:
    kept = iter(is_kept)
    # The target's name ends like the file's, so that it is compressed like it.
    with _open(file, "r") as stream, _open(target, "w") as output:
        for record in _records(stream, kind, columns):
            if record.keys is None or next(kept):
                output.write(record.text)


def _rewrite_parquet(file: Path, target: Path, is_kept: Sequence[bool]) -> None:
    """Row group by row group. Dictionaries of Arrow are decoded: they keep values that no row has any more."""
    source = pq.ParquetFile(file, memory_map=False)
    schema = pa.schema(
        [
            pa.field(f.name, f.type.value_type, f.nullable, f.metadata) if pa.types.is_dictionary(f.type) else f
            for f in source.schema_arrow
        ],
        metadata=source.schema_arrow.metadata,
    )
    compression: dict[str, str] | str = "snappy"
    if source.num_row_groups:
        group = source.metadata.row_group(0)
        chunks = [group.column(i) for i in range(group.num_columns)]
        compression = {c.path_in_schema: "none" if c.compression == "UNCOMPRESSED" else c.compression for c in chunks}
    position = 0
    with pq.ParquetWriter(target, schema, compression=compression) as writer:
        for number in range(source.num_row_groups):
            group = source.read_row_group(number)
            kept = pa.array(is_kept[position : position + group.num_rows], pa.bool_())
            position += group.num_rows
            writer.write_table(group.cast(schema).filter(kept))
    if position != len(is_kept):
        raise ValueError("its number of rows has changed while it was read")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _pattern(path: str) -> str:
    """The path as a pattern that matches itself only."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)


# --- What belongs to the accounts ------------------------------------------------------------------------------------


def landed_tables() -> list[Table]:
    """The landed tables of the source YAML with the columns that they are searched by."""
    tables = []
    for path in sorted(PROJECT.glob("models/staging/*/_*__sources.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            for table in group["tables"]:
                folder = table.get("config", {}).get("meta", {}).get("landing_folder")
                columns: dict[str, list[str]] = {ACCOUNT: [], GENERATION: []}
                for column in table.get("columns", []):
                    identifies = column.get("config", {}).get("meta", {}).get("identifies")
                    if identifies:
                        columns[identifies].append(column["name"].lower())
                if folder:
                    tables.append(Table(folder, columns))
    return tables


def landed_files(landing: Path) -> tuple[list[LandedFile], list[Path]]:
    """Files of the landed tables, and all other files below the landing."""
    files: list[LandedFile] = []
    folders = {landing / table.folder: table for table in landed_tables()}
    others: list[Path] = []
    for parent, _, names in sorted(os.walk(landing, followlinks=True)):
        for name in sorted(names):
            path = Path(parent) / name
            table = next((folders[folder] for folder in path.parents if folder in folders), None)
            parts = path.relative_to(landing).parts
            if table is None or any(part[0] in "._" for part in parts) or LandedFile(path, table).kind is None:
                others.append(path)
            else:
                files.append(LandedFile(path, table))
    return files, others


def find(files: Sequence[LandedFile], accounts: set[str]) -> list[Count]:
    """Which records of each file belong to the accounts; files without one are left out."""
    own, shared = set(), set()
    # Which generations are theirs is known when all records have been seen once.
    for file in files:
        if file.table.columns[ACCOUNT]:
            for account, generation in file.identities():
                if account in accounts and generation is not None:
                    own.add(generation)
    for file in files:
        if file.table.columns[ACCOUNT] and own:
            for account, generation in file.identities():
                if generation in own and account is not None and account not in accounts:
                    shared.add(generation)

    def fate(account: str | None, generation: str | None) -> int:
        if account is not None:
            return GOES_BY_ACCOUNT if account in accounts else STAYS
        return GOES_BY_GENERATION if generation in own and generation not in shared else STAYS

    counts = [Count(file, bytearray(fate(*keys) for keys in file.identities())) for file in files]
    return [count for count in counts if count.forgotten]


def take_out(counts: Sequence[Count]) -> None:
    """Rewrite the files. Records that are known by their generation only go first.

    If this is cut off between two files, the records that tell which generations are the accounts' are still there, and
    the next run finds the rest.
    """
    for going in (GOES_BY_GENERATION, GOES_BY_ACCOUNT):
        for count in counts:
            if going in count.fates:
                count.file.rewrite([fate != going for fate in count.fates])
                count.fates = bytearray(fate for fate in count.fates if fate != going)


# --- What is left ----------------------------------------------------------------------------------------------------


def needles(accounts: set[str], key: str | None) -> dict[str, str]:
    """What to look for, with what it is called in messages, which must not show it."""
    found = {}
    for number, account in enumerate(sorted(accounts), 1):
        # As it is, and as CSV and JSON have it.
        for spelling in (account, account.replace('"', '""'), json.dumps(account)[1:-1]):
            found[spelling] = f"account {number}"
        if key:
            # As the macro pseudonymised does.
            digest = hashlib.sha256(f"{key}:{account}".encode()).hexdigest()[:32]
            found[digest] = f"the pseudonym of account {number}"
            # The warehouse keeps it as a number of 128 bits, which reads like this.
            found[str(uuid.UUID(digest))] = f"the pseudonym of account {number}"
    return found


def verify(paths: Sequence[Path], wanted: dict[str, str]) -> list[str]:
    """Say where the ids or pseudonyms are, below files and folders."""
    left = []
    for path in paths:
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if not file.is_file():
                continue
            try:
                left += [f"{file}: {name} is in its bytes" for name in _in_bytes(file, wanted)]
                with file.open("rb") as stream:
                    head = stream.read(12)
                # Both compress strings: what is there need not show in the bytes.
                if head[8:12] == b"DUCK":
                    left += _in_duckdb(file, wanted)
                elif head[:4] == b"PAR1":
                    left += _in_parquet(file, wanted)
            except UNREADABLE as error:
                raise Unusable(file, error) from None
    return left


def _in_bytes(file: Path, wanted: dict[str, str]) -> list[str]:
    spelled = {needle.encode(): name for needle, name in wanted.items()}
    for needle, name in wanted.items():
        if re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", needle):
            # DuckDB's order of the bytes of such a number, whose first bit is turned so that numbers sort as texts do.
            spelled[(uuid.UUID(needle).int ^ 1 << 127).to_bytes(16, "little")] = name
    longest = max(map(len, spelled))
    found, tail = set(), b""
    with gzip.open(file) if file.name.endswith(".gz") else file.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            tail += chunk
            found |= {name for needle, name in spelled.items() if needle in tail}
            tail = tail[-longest:]
    return sorted(found)


def _in_relation(connection: duckdb.DuckDBPyConnection, relation: str, wanted: dict[str, str]) -> list[str]:
    """Names of what is in any column of a relation, whatever the column's type."""
    columns = [_quoted(row[0]) for row in connection.execute(f"describe select * from {relation}").fetchall()]
    conditions = [
        " or ".join(f"contains(cast({column} as varchar), {_literal(needle)})" for column in columns)
        for needle in wanted
    ]
    found = connection.execute(f"select {', '.join(f'bool_or({c})' for c in conditions)} from {relation}").fetchone()
    return sorted({name for name, is_there in zip(wanted.values(), found or (), strict=True) if is_there})


def _in_parquet(file: Path, wanted: dict[str, str]) -> list[str]:
    reader = f"read_parquet([{_literal(_pattern(str(file)))}], hive_partitioning = false)"
    with duckdb.connect() as connection:
        return [f"{file}: {name} is in a record" for name in _in_relation(connection, reader, wanted)]


def _in_duckdb(file: Path, wanted: dict[str, str]) -> list[str]:
    left = []
    with duckdb.connect(str(file), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where not internal order by all"
        ).fetchall()
        for schema, table in tables:
            found = _in_relation(connection, f"{_quoted(schema)}.{_quoted(table)}", wanted)
            left += [f"{file}: {name} is in {schema}.{table}" for name in found]
    return left


# --- The command -----------------------------------------------------------------------------------------------------


def read_accounts(file: str) -> set[str]:
    """Ids of the accounts, one a line."""
    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    return {line.strip(BLANKS) for line in text.splitlines() if line.strip(BLANKS)}


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; see the module's docstring for exit codes."""
    parser = argparse.ArgumentParser(
        "python -m scripts.forget_account", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--accounts", required=True, metavar="FILE", help="account ids, one a line; - is standard input"
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--rewrite", action="store_true", help="rewrite the files (without it, only say what would go)")
    action.add_argument("--verify", nargs="+", type=Path, metavar="PATH", help="look for what is left, change nothing")
    arguments = parser.parse_args(argv)
    try:
        accounts = read_accounts(arguments.accounts)
    except OSError as error:
        parser.error(f"--accounts: {error}")
    if not accounts:
        parser.error("--accounts: no account id in it")
    key = os.environ.get("PSEUDONYM_KEY") or None
    if arguments.verify:
        if key is None:
            parser.error("--verify needs the PSEUDONYM_KEY that the warehouse was built with")
        missing = [str(path) for path in arguments.verify if not path.exists()]
        if missing:
            parser.error(f"--verify: there is no {', '.join(missing)}")
    try:
        if arguments.verify:
            return _say_what_is_left(verify(arguments.verify, needles(accounts, key)), "found")
        return forget(_paths.landing_path(), accounts, arguments.rewrite)
    except (Unusable, FileNotFoundError, ValueError) as error:
        print(f"Stopped: {error}", file=sys.stderr)
        return EXIT_FAILED


def forget(landing: Path, accounts: set[str], rewrite: bool) -> int:
    """Find, and with `rewrite` take out, the records of the accounts; prints a line a file, returns the exit code."""
    if not landing.is_dir():
        raise FileNotFoundError(2, "no such folder", str(landing))
    files, others = landed_files(landing)
    counts = find(files, accounts)
    for count in counts:
        print(f"{count.file.path}: {count.forgotten:,} of {len(count.fates):,} records")
        if count.file.path.stat().st_nlink > 1:
            print(f"{count.file.path} has other names (hard links), which keep the old content.", file=sys.stderr)
    total = sum(count.forgotten for count in counts)
    summary = f"{total:,} records in {len(counts):,} of {len(files):,} files"
    if not rewrite:
        print(f"{summary} would be taken out. Nothing was changed: --rewrite does it.")
        return EXIT_DONE
    take_out(counts)
    print(f"{summary} taken out.")
    return _say_what_is_left(verify(others, needles(accounts, None)), "not rewritten, look at it yourself")


def _say_what_is_left(left: Sequence[str], verdict: str) -> int:
    for line in left:
        print(f"LEFT {line} ({verdict})")
    if not left:
        print("Nothing is left.")
    return EXIT_LEFT if left else EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
