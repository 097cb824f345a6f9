"""scripts/forget_account.py on landed files of every kind, without a warehouse; with one: test_runbook.py."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import uuid
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scripts import forget_account

GONE = "acc-to-forget"
TABLES = "openrouter/generations", "openrouter/accounts", "openrouter/classifications"


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LANDING_PATH", str(tmp_path / "landing"))
    monkeypatch.setenv("PSEUDONYM_KEY", "a key for tests")
    return tmp_path / "landing"


def put(landing: Path, path: str, content: str | bytes) -> Path:
    file = landing / path
    file.parent.mkdir(parents=True, exist_ok=True)
    content = content.encode() if isinstance(content, str) else content
    file.write_bytes(gzip.compress(content) if path.endswith(".gz") else content)
    return file


def content(file: Path) -> str:
    return (gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()).decode()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, accounts: str = GONE) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(accounts))
    return forget_account.main(["--accounts", "-", *arguments])


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_text_keeps_every_other_byte(landing: Path, monkeypatch: pytest.MonkeyPatch, suffix: str):
    header = "\ufeffmodel,ID,Account_ID,note\r\n"
    kept = ['m,g1,"other",\r\n', 'm,g2,acc-to-forget-2,"two\nlines, ""quoted"""\r\n', "\r\n", "m,g3,,x\r\n", "m,g5,x,"]
    gone = ['m,g4,acc-to-forget,"of\nthe account"\r\n', 'm,g6," acc-to-forget ",\r\n', "m,g4,,no account\r\n"]
    csv = put(
        landing,
        f"{TABLES[0]}/ingest_date=2025-06-01/a.csv{suffix}",
        header + kept[0] + gone[0] + kept[1] + gone[1] + kept[2] + gone[2] + kept[3] + kept[4],
    )
    stays = ['{"account_id": "other", "id": "g1", "total_cost": 1.10}\n', '{"account_id": 7, "id": "g9"}\n', "\n"]
    goes = ['{"id":"g7","account_id":"acc-to-forget"}\n', '{"account_id": 7.50, "id": "g8"}\n', '{"id": "g8"}']
    jsonl = put(
        landing,
        f"{TABLES[0]}/ingest_date=2025-06-02/b.jsonl{suffix}",
        stays[0] + goes[0] + stays[1] + goes[1] + stays[2] + goes[2],
    )
    labels = put(
        landing,
        f"{TABLES[2]}/ingest_date=2025-06-03/c.ndjson{suffix}",
        "".join(json.dumps({"generation_id": f"g{number}", "path": "/A"}) + "\n" for number in range(1, 10)),
    )
    before = {file: file.read_bytes() for file in (csv, jsonl, labels)}
    accounts = f"{GONE}\n\n 7.50 \n"
    assert run(monkeypatch, accounts=accounts) == 0
    assert {file: file.read_bytes() for file in before} == before

    assert run(monkeypatch, "--rewrite", accounts=accounts) == 0
    assert content(csv) == header + "".join(kept)
    assert content(jsonl) == "".join(stays)
    left = [json.loads(line)["generation_id"] for line in content(labels).splitlines()]
    assert left == ["g1", "g2", "g3", "g5", "g9"]
    assert not list(landing.rglob(".forgetting-*"))
    # Nothing to do any more, and nothing is written.
    times = {file: file.stat().st_mtime_ns for file in before}
    assert run(monkeypatch, "--rewrite", accounts=accounts) == 0
    assert {file: file.stat().st_mtime_ns for file in before} == times


def test_parquet_keeps_its_schema_and_forgets_its_dictionary(landing: Path, monkeypatch: pytest.MonkeyPatch):
    rows = 100
    accounts = pa.array([GONE if number % 10 == 0 else f"acc-{number}" for number in range(rows)])
    table = pa.table(
        {
            "id": pa.array([f"g{number}" for number in range(rows)]),
            "account_id": accounts.dictionary_encode(),
            "created_at": pa.array(range(rows), pa.timestamp("us", tz="UTC")),
            "native_tokens_prompt": pa.array(range(rows), pa.uint32()),
            "extra": pa.array([{"tags": ["a", None]}] * rows),
        }
    )
    file = landing / TABLES[0] / "ingest_date=2025-06-01" / "odd [name]*?.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(table, file, compression="zstd", row_group_size=30)
    file.chmod(0o640)
    os.utime(file, (1_700_000_000, 1_700_000_000))
    assert GONE.encode() in file.read_bytes()

    assert run(monkeypatch, "--rewrite") == 0
    left = pq.read_table(file)
    assert left.num_rows == 90
    assert left.drop(["account_id"]).equals(table.filter(pa.compute.not_equal(accounts, GONE)).drop(["account_id"])), (
        "other columns are as they were"
    )
    assert left.schema.field("account_id").type == pa.string()
    assert pq.ParquetFile(file).metadata.row_group(0).column(0).compression == "ZSTD"
    assert GONE.encode() not in file.read_bytes()
    # A build has to see that the file is another one.
    assert file.stat().st_mtime > 1_700_000_000 and file.stat().st_mode & 0o777 == 0o640


def test_a_file_without_any_other_record_stays_and_is_empty(landing: Path, monkeypatch: pytest.MonkeyPatch):
    folder = landing / TABLES[1] / "ingest_date=2025-06-01"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"account_id": [GONE], "billing_country_code": ["DE"]}), folder / "a.parquet")
    csv = put(folder, "b.csv", f"account_id,billing_country_code\n{GONE},DE\n")
    jsonl = put(folder, "c.jsonl", json.dumps({"account_id": GONE}))
    assert run(monkeypatch, "--rewrite") == 0
    left = pq.read_table(folder / "a.parquet")
    assert left.num_rows == 0 and left.column_names == ["account_id", "billing_country_code"]
    assert csv.read_text() == "account_id,billing_country_code\n" and jsonl.read_text() == ""


def test_a_generation_that_another_account_has_too_keeps_its_labels(landing: Path, monkeypatch: pytest.MonkeyPatch):
    put(landing, f"{TABLES[0]}/ingest_date=2025-06-01/a.csv", f"id,account_id\ng1,{GONE}\ng2,{GONE}\n")
    put(landing, f"{TABLES[0]}/ingest_date=2025-06-02/a.csv", "id,account_id\ng1,other\n")
    labels = put(landing, f"{TABLES[2]}/ingest_date=2025-06-01/a.csv", "generation_id,path\ng1,/A\ng2,/A\n")
    export = put(landing, "openrouter_export/x.csv", f"generation_id,user,api_key_name\ng3,{GONE}x,{GONE}\ng4,a,b\n")
    assert run(monkeypatch, "--rewrite") == 0
    assert labels.read_text() == "generation_id,path\ng1,/A\n"
    assert export.read_text() == "generation_id,user,api_key_name\ng4,a,b\n"


def test_a_run_that_was_cut_off_can_be_finished(landing: Path, monkeypatch: pytest.MonkeyPatch):
    put(landing, f"{TABLES[0]}/ingest_date=2025-06-01/a.csv", f"id,account_id\ng1,{GONE}\ng2,other\n")
    put(landing, f"{TABLES[2]}/ingest_date=2025-06-01/a.csv", "generation_id,path\ng1,/A\n")
    put(landing, f"{TABLES[2]}/ingest_date=2025-06-02/a.csv", "generation_id,path\ng1,/A\n")
    whole, calls = forget_account.LandedFile.rewrite, []

    def rewrite(self: forget_account.LandedFile, is_kept: list[bool]) -> None:
        calls.append(self.path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        whole(self, is_kept)

    monkeypatch.setattr(forget_account.LandedFile, "rewrite", rewrite)
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, "--rewrite")
    assert run(monkeypatch, "--rewrite") == 0
    assert all("g1" not in content(file) for file in landing.rglob("*.csv"))


def test_links_and_what_is_not_read(landing: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    """A link's target is rewritten; files that the warehouse does not read are told of, without showing the id."""
    elsewhere = put(landing.parent, "elsewhere/a.csv", f"id,account_id\ng1,{GONE}\n")
    link = landing / TABLES[0] / "ingest_date=2025-06-01" / "a.csv"
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    put(landing, f"{TABLES[0]}/_rejected/a.csv.gz", f"id,account_id\ng1,{GONE}\n")
    put(landing, f"{TABLES[0]}/notes.txt", "nothing")
    assert run(monkeypatch, "--rewrite") == 1
    assert link.is_symlink() and elsewhere.read_text() == "id,account_id\n"
    output = capsys.readouterr().out
    assert "_rejected/a.csv.gz" in output and "notes.txt" not in output and GONE not in output


def test_exit_codes_and_no_id_in_messages(
    landing: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    assert run(monkeypatch, "--rewrite") == 3  # no landing
    file = put(landing, f"{TABLES[0]}/ingest_date=2025-06-01/a.jsonl", f'{{"account_id": "{GONE}", broken')
    assert run(monkeypatch, "--rewrite") == 3
    message = capsys.readouterr()
    assert "a.jsonl" in message.err and GONE not in message.out + message.err
    file.with_name("b.parquet").write_text(f"{GONE} is no Parquet")
    file.unlink()
    assert run(monkeypatch) == 3
    unclosed = put(
        landing, f"{TABLES[0]}/ingest_date=2025-06-02/a.csv", f'account_id,id,note\n{GONE},g1,"x\nother,g2,y\n'
    )
    unclosed.parent.with_name("ingest_date=2025-06-01").joinpath("b.parquet").unlink()
    before = unclosed.read_bytes()
    assert run(monkeypatch, "--rewrite") == 3 and unclosed.read_bytes() == before
    for wrong in ([], ["--verify", str(landing / "absent")]):
        with pytest.raises(SystemExit) as stopped:
            run(monkeypatch, *wrong, accounts="" if not wrong else GONE)
        assert stopped.value.code == 2


def test_what_is_left_is_found_however_it_is_written(landing: Path, monkeypatch: pytest.MonkeyPatch):
    account = 'the "key" of \u00e9mile'
    digest = hashlib.sha256(f"a key for tests:{account}".encode()).hexdigest()[:32]
    folder = landing.parent / "elsewhere"
    for name, text in {
        "a.csv.gz": '"the ""key"" of \u00e9mile"',
        "b.json": json.dumps({"user": account}),
        "c.log": f"... {digest} ...",
        "c2.log": f"... {uuid.UUID(digest)} ...",
    }.items():
        file = put(folder, name, text)
        assert run(monkeypatch, "--verify", str(file), accounts=account) == 1, name
        assert run(monkeypatch, "--verify", str(file), accounts="another") == 0, name
        file.unlink()
    # Compressed strings do not show in the bytes.
    names = [account if number % 1000 == 7 else f"the account {number}" for number in range(20_000)]
    pq.write_table(
        pa.table({"x": pa.array([{"user": [name]} for name in names])}), folder / "d.parquet", compression="zstd"
    )
    with duckdb.connect(str(folder / "e.duckdb")) as connection:
        connection.execute(
            "create schema s; create table s.t as select * from read_parquet(?)", [str(folder / "d.parquet")]
        )
        connection.execute("create table u as select md5(i::text) as x from range(200000) as r(i)")
        connection.execute("insert into u values (?)", [digest])
    for file in folder.iterdir():
        assert run(monkeypatch, "--verify", str(file), accounts=account) == 1, file.name
        assert run(monkeypatch, "--verify", str(file), accounts="another") == 0, file.name
    assert {
        line.split(": ")[1] for line in forget_account.verify([folder / "e.duckdb"], {digest: "it", account: "that"})
    } >= {
        "it is in main.u",
        "that is in s.t",
    }


def test_every_landed_table_can_be_searched():
    """A new source has to say by which columns an account's records are found in it."""
    for table in forget_account.landed_tables():
        assert table.columns["account"] or table.columns["generation"], table.folder


def test_pseudonyms_are_found_as_the_number_that_the_warehouse_keeps(landing: Path, monkeypatch: pytest.MonkeyPatch):
    digest = hashlib.sha256(f"a key for tests:{GONE}".encode()).hexdigest()[:32]
    file = landing.parent / "kept.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            f"create table kept as select case when i % 1000 = 7 then cast('{digest}' as uuid) else uuid() end as account_key"
            " from range(20000) as numbers (i)"
        )
    assert run(monkeypatch, "--verify", str(file)) == 1
    # In the bytes, too, of a file that is no database any more.
    kept = file.read_bytes()
    file.write_bytes(b"x" + kept[12:])
    assert run(monkeypatch, "--verify", str(file)) == 1
    assert run(monkeypatch, "--verify", str(file), accounts="another") == 0
