"""Every command block of docs/runbook.md, as it stands there, on a small landing: it does what the page says."""

from __future__ import annotations

import datetime
import gzip
import hashlib
import json
import os
import re
import shlex
import subprocess
import uuid
from pathlib import Path

import duckdb
import pytest
from conftest import CORE, PROJECT, Warehouse, failures
from landings import generation, generations, land_two_weeks

from scripts import forget_account, rewrite_warehouse

PAGE = (PROJECT / "docs" / "runbook.md").read_text()
# Tests and seeds are dbt's part, and have tests of their own; the procedures are about records.
RECORDS_ONLY = (
    "--exclude-resource-type",
    "test",
    "--exclude-resource-type",
    "unit_test",
    "--exclude-resource-type",
    "seed",
)
GONE, GONE_KEY, STAYS = "acct-7f3a9c-to-forget", 'key "of 7f3a9c", to forget', "acct-that-stays"


def blocks(heading: str) -> list[str]:
    """The shell blocks of a section of the page."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found
    return found


def follow(warehouse: Warehouse, block: str, **variables: str) -> list[int]:
    """Run a block, dbt in this process and the rest in a shell; returns the exit codes of its scripts and of dbt."""
    codes = []
    environment = os.environ | warehouse.environment | variables
    script = r"(?:[A-Z_]+=\S+ )?\.venv/bin/python -m scripts"
    for part in re.split(rf"^(\.venv/bin/dbt .*|{script}.*)\n", block, flags=re.MULTILINE):
        if part.startswith(".venv/bin/dbt"):
            codes.append(dbt(warehouse, *shlex.split(part)[1:]))
        elif part.strip():
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", part], cwd=PROJECT, env=environment, capture_output=True, text=True
            )
            if re.match(script, part):
                codes.append(done.returncode)
                print(done.stdout, done.stderr)
            else:
                assert done.returncode == 0, done.stderr
    return codes


def dbt(warehouse: Warehouse, command: str, *arguments: str) -> int:
    if warehouse.manifest is None:
        warehouse.manifest = warehouse.dbt("parse").result
    extra: tuple[str, ...] = ()
    if command == "build":
        selected = [f"{arguments[-1]},{name}" for name in CORE] if "--select" in arguments else list(CORE)
        arguments = tuple(a for a in arguments if a != "--select" and not a.startswith("path:"))
        extra = ("--select", *selected, *RECORDS_ONLY)
    result = warehouse.dbt("--write-json", command, *arguments, *extra, manifest=warehouse.manifest)
    assert result.exception is None, failures(result)
    return 0 if result.success else 1


def published(warehouse: Warehouse, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse.published), read_only=True) as connection:
        return connection.execute(sql).fetchall()


TOTALS = "select sum(total_tokens)::int, round(sum(spend_usd), 6) from marts.fct_usage_daily"


@pytest.mark.slow
def test_the_ordinary_run(warehouse: Warehouse):
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    warehouse.land(
        f"openrouter/generations/ingest_date={now.date()}/part-0.parquet",
        generations([generation(1, "", 10, 10) | {"created_at": now}, generation(2, "", -1, 1) | {"created_at": now}]),
    )
    (block,) = blocks("The ordinary run")
    report = warehouse.root / "reports" / "builds.jsonl"
    report.unlink(missing_ok=True)
    block = block.replace("scripts.build_report", f"scripts.build_report --append {report}")
    assert follow(warehouse, block) == [0, 0, 0, 0, 0]
    first = json.loads(report.read_text())
    assert first["status"] == "ok" and first["published"] and first["unpassed"] == []
    assert first["check"]["exit_code"] == 0
    assert first["nodes"].keys() == {"success", "no-op"} or first["nodes"].keys() == {"success"}
    assert first["freshness"]["openrouter.generations"]["status"] == "pass"
    assert first["records"] == {
        "raw": 2, "accepted": 1, "duplicate": 0, "quarantined": 1, "new_raw": None, "new_quarantined": None
    }  # fmt: skip
    assert len(first["slowest"]) == 5 and first["duration_s"] > 0

    # A day later nothing has arrived, and a test fails.
    warehouse.land(
        f"openrouter/generations/ingest_date={now.date()}/part-0.parquet",
        generations([generation(1, "2025-06-02", 10, 10)]),
    )
    assert dbt(warehouse, "source", "freshness") == 1
    assert dbt(warehouse, "build") == 0
    command = f".venv/bin/python -m scripts.build_report --append {report}\n"
    assert follow(warehouse, command) == [1]
    stale = json.loads(report.read_text().splitlines()[-1])
    assert stale["status"] == "stale" and not stale["published"] and stale["invocation_id"] != first["invocation_id"]
    assert (stale["records"]["new_raw"], stale["records"]["new_quarantined"]) == (-1, -1)
    warehouse.execute("insert into intermediate.unpassed_nodes values ('test.a', 'fail', 'failed')")
    assert follow(warehouse, command) == [1]
    failed = json.loads(report.read_text().splitlines()[-1])
    assert failed["status"] == "failed" and failed["unpassed"] == ["test.a"]
    warehouse.execute("delete from intermediate.unpassed_nodes")
    # What is there is of an earlier run.
    assert follow(warehouse, command.replace("\n", " --since 2999-01-01\n")) == [1]
    absent = json.loads(report.read_text().splitlines()[-1])
    assert (absent["status"], absent["invocation_id"], absent["freshness"]) == ("not run", None, None)


@pytest.mark.slow
def test_reload_a_day(warehouse: Warehouse, tmp_path: Path):
    land_two_weeks(warehouse)
    dbt(warehouse, "build")
    delivery = warehouse.land(
        "openrouter/generations/.delivery/part-1.parquet",
        generations([generation(5, "2025-06-09", 1000, 0, model="deepseek/deepseek-chat", total_cost=0.5)]),
    ).rename(tmp_path / "part-1.parquet")
    (block,) = blocks("Reload a day")
    assert follow(warehouse, block, DAY="2025-06-15", DELIVERY=str(delivery.parent)) == [0, 0, 0]
    # Of that arrival day there is the new record alone; what arrived earlier is untouched, the late copy has gone.
    assert published(warehouse, TOTALS) == [(1000 + 1000, 0.54)]
    assert published(
        warehouse,
        "select raw_rows, accepted_rows from marts.rpt_source_reconciliation"
        " where source_name = 'openrouter.generations' and ingest_date = '2025-06-15'",
    ) == [(1, 1)]


@pytest.mark.slow
def test_replay_a_partition(warehouse: Warehouse):
    land_two_weeks(warehouse)
    dbt(warehouse, "build")
    right = warehouse.contents(("marts",))
    totals = warehouse.query(TOTALS)
    again, facts = blocks("Replay a partition")

    # In doubt: what was read.
    damage = "update intermediate.int_generations_checked set prompt_tokens_native = 1 where ingest_date = '2025-06-15'"
    warehouse.execute(damage)
    dbt(warehouse, "run", "--full-refresh", "--select", "fct_usage_daily")
    assert warehouse.query(TOTALS) != totals
    assert follow(warehouse, again, DAY="2025-06-15") == [0, 0]
    assert warehouse.contents(("marts",)) == right and published(warehouse, TOTALS) == totals

    # In doubt: what was made of it.
    warehouse.execute("update marts.fct_usage_daily set total_tokens = 1, spend_usd = 1")
    dbt(warehouse, "build")
    assert warehouse.query(TOTALS) != totals
    assert follow(warehouse, facts) == [0, 0]
    assert warehouse.contents(("marts",)) == right and published(warehouse, TOTALS) == totals


@pytest.mark.slow
def test_restate_prices(warehouse: Warehouse):
    land_two_weeks(warehouse)
    # A later copy that is quarantined: not the record that counts, so not the one to restate.
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-18/part-0.parquet",
        generations([generation(1, "2025-06-02", -1, 10, model="openai/gpt-4o-mini", total_cost=70)]),
    )
    dbt(warehouse, "build")
    spend = "select event_date, round(spend_usd, 6) from marts.fct_usage_daily where model_slug = 'openai/gpt-4o-mini'"
    assert warehouse.query(spend) == [(datetime.date(2025, 6, 2), 0.01)]
    before = warehouse.query("select sum(raw_rows)::int, sum(accepted_rows)::int from marts.rpt_source_reconciliation")
    block = blocks("Restate prices")[-1]
    variables = {
        "MODEL": "openai/gpt-4o-mini",
        "FIRST_DAY": "2025-06-01",
        "LAST_DAY": "2025-06-02",
        "TODAY": "2025-06-20",
    }
    assert follow(warehouse, block, **variables) == [0, 0]
    assert published(warehouse, spend) == [(datetime.date(2025, 6, 2), 0.009)]
    # One more record arrived, and it took the place of the others.
    ((raw, accepted),) = before
    assert published(
        warehouse, "select sum(raw_rows)::int, sum(accepted_rows)::int from marts.rpt_source_reconciliation"
    ) == [(raw + 1, accepted)]
    assert published(warehouse, "select sum(total_tokens)::int from marts.fct_usage_daily") == [(2000,)]


def everywhere(root: Path, needles: dict[str, str]) -> set[str]:
    """Files below a folder that hold a text in their bytes, decompressed if need be."""
    found = set()
    for file in root.rglob("*"):
        if file.is_file():
            content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            if any(needle.encode() in content for needle in needles):
                found.add(str(file.relative_to(root)))
    return found


@pytest.mark.slow
def test_remove_an_account(warehouse: Warehouse, tmp_path: Path):
    own, others = {"account_id": GONE}, {"account_id": STAYS}
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-08/part-0.parquet",
        generations(
            [
                generation(1, "2025-06-02", 90, 10, **own),
                generation(2, "2025-06-03", 60, 40, **others),
                # The only record of a day and a month, a quarantined one, one from the future, one without an account.
                generation(3, "2025-05-20", 250, 50, **own),
                generation(4, "2025-06-08", 10, 5, native_tokens_reasoning=6, **own),
                generation(5, "2025-08-08", 10, 5, **own),
                generation(1, "2025-06-02", 90, 10, account_id=None),
            ]
        ),
    )
    warehouse.land(
        "openrouter/generations/ingest_date=2025-06-09/part-0.parquet",
        generations([generation(1, "2025-06-02", 90, 10, **own)]),
    )
    warehouse.land(
        "openrouter/accounts/ingest_date=2025-06-08/part-0.parquet",
        f"select '{GONE}' as account_id, 'DE' as billing_country_code, timestamp '2025-06-01 00:00:00' as updated_at"
        f" union all select '{STAYS}', 'FR', timestamp '2025-06-01 00:00:00'"
        f" union all select '{GONE}', 'FR', timestamp '2019-06-01 00:00:00'",
    )
    labels = " union all ".join(
        f"select '{generation(number, '', 0, 0)['id']}' as generation_id, '/Adult' as path, {confidence} as confidence,"
        " timestamp '2025-06-08 00:00:00' as classified_at"
        for number, confidence in ((1, 0.9), (2, 0.9), (3, 7))
    )
    warehouse.land("openrouter/classifications/ingest_date=2025-06-09/part-0.parquet", labels)
    (warehouse.landing / "openrouter_export").mkdir()
    key = GONE_KEY.replace('"', '""')
    (warehouse.landing / "openrouter_export" / "activity.csv").write_text(
        "generation_id,created_at,cost_total,tokens_prompt,tokens_completion,model_permaslug,api_key_name\n"
        f'gen-export-own,2025-06-03 10:00:00,0.1,100,10,openai/gpt-4o-mini,"{key}"\n'
        "gen-export-other,2025-06-03 11:00:00,0.1,200,20,openai/gpt-4o-mini,other key\n"
    )
    for folder in (warehouse.target, warehouse.root / "logs", warehouse.root / "checks"):
        folder.mkdir(exist_ok=True)
    ordinary = blocks("The ordinary run")[0].replace(".venv/bin/dbt source freshness\n", "")
    assert follow(warehouse, ordinary)[1:3] == [0, 0]

    secret = warehouse.environment["PSEUDONYM_KEY"]
    digests = [hashlib.sha256(f"{secret}:{account}".encode()).hexdigest()[:32] for account in (GONE, GONE_KEY)]
    pseudonyms = {spelling: "" for digest in digests for spelling in (digest, str(uuid.UUID(digest)))}
    wanted = {GONE: "", GONE_KEY: "", key: "", "gen-export-own": ""} | pseudonyms
    wanted |= {generation(number, "", 0, 0)["id"]: "" for number in (1, 3, 4, 5)}
    # It is really looked at: before, ids are in the landing and pseudonyms in both DuckDB files.
    for file in (warehouse.path, warehouse.published):
        assert "fct_account_model_months" in str(forget_account.verify([file], pseudonyms))
    landed = {path for path in everywhere(warehouse.root, wanted) if path.startswith("landing/")}
    assert "landing/openrouter_export/activity.csv" in landed

    accounts = tmp_path / "accounts"
    accounts.write_text(f"{GONE}\n{GONE_KEY}\n")
    dry, take_out, verify = blocks("Remove an account's records on request")
    verify_only = verify.split("\n")[0] + "\n"
    assert follow(warehouse, verify_only, ACCOUNTS=str(accounts)) == [1]
    assert follow(warehouse, dry, ACCOUNTS=str(accounts)) == [0]
    assert {path for path in everywhere(warehouse.root, wanted) if path.startswith("landing/")} == landed
    assert follow(warehouse, take_out, ACCOUNTS=str(accounts)) == [0, 0, 0, 0]
    assert follow(warehouse, verify, ACCOUNTS=str(accounts)) == [0]

    assert not accounts.exists()
    assert everywhere(warehouse.root, wanted) == set()
    assert forget_account.verify([warehouse.root], wanted) == []
    # The others are as they were, and the two ends still meet.
    assert published(warehouse, "select sum(total_tokens)::int from marts.fct_usage_daily") == [(100 + 220,)]
    assert published(
        warehouse,
        "select source_name, sum(raw_rows)::int, sum(accepted_rows)::int from marts.rpt_source_reconciliation group by 1"
        " order by 1",
    ) == [
        ("openrouter.accounts", 1, 1),
        ("openrouter.classifications", 1, 1),
        ("openrouter.generations", 1, 1),
        ("openrouter_export.generations", 1, 1),
    ]
    increment = warehouse.contents(("intermediate", "marts"))
    assert dbt(warehouse, "build", "--full-refresh") == 0
    assert warehouse.contents(("intermediate", "marts")) == increment


def test_deleted_records_stay_in_a_file_that_is_not_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Why scripts/rewrite_warehouse.py is there. If DuckDB cleans up by itself one day, it can go."""
    file = tmp_path / "warehouse.duckdb"
    monkeypatch.setenv("WAREHOUSE_PATH", str(file))
    with duckdb.connect(str(file)) as connection:
        connection.execute("create table u as select 'account-to-forget' as text; checkpoint")
        connection.execute("create table t as select 'row ' || uuid() as text, i from range(200000) as r(i)")
        connection.execute("comment on table t is 'a comment'; create view v as select * from t")
    with duckdb.connect(str(file)) as connection:
        connection.execute("delete from u; checkpoint; vacuum")
    assert b"account-to-forget" in file.read_bytes()
    monkeypatch.setattr("sys.argv", ["rewrite_warehouse"])
    # A build that is running holds the file.
    with duckdb.connect(str(file)) as connection:
        holder = subprocess.run(
            [PROJECT / ".venv/bin/python", "-m", "scripts.rewrite_warehouse"], cwd=PROJECT, capture_output=True
        )
        assert holder.returncode == 1
    assert rewrite_warehouse.main() == 0
    assert b"account-to-forget" not in file.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["warehouse.duckdb"]
    with duckdb.connect(str(file), read_only=True) as connection:
        assert connection.execute("select count(*), sum(i) from v").fetchall() == [(200000, 19999900000)]
        assert connection.execute("select comment from duckdb_tables() where table_name = 't'").fetchall() == [
            ("a comment",)
        ]
    file.unlink()
    assert rewrite_warehouse.main() == 1


def test_the_log_can_be_read_by_a_machine(warehouse: Warehouse):
    log = warehouse.root / "logs" / "dbt.log"
    log.unlink(missing_ok=True)
    warehouse.manifest = warehouse.manifest or warehouse.dbt("parse").result
    warehouse.environment["DBT_LOG_FORMAT_FILE"] = "json"
    try:
        # The tests' own dbt writes no log.
        arguments = ("--log-level-file", "debug", "compile", "--select", "stg_openrouter__accounts")
        result = warehouse.dbt(*arguments, manifest=warehouse.manifest)
    finally:
        del warehouse.environment["DBT_LOG_FORMAT_FILE"]
    assert result.success, failures(result)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["info"]["level"] for line in lines} >= {"debug", "info"}
    assert len({line["info"]["invocation_id"] for line in lines}) == 1
    assert {"MainReportVersion", "CommandCompleted"} <= {line["info"]["name"] for line in lines}
    log.unlink()


def test_every_command_that_is_named_exists():
    for page in ("docs/runbook.md", "CONTRIBUTING.md", "README.md", "examples/README.md"):
        for module in set(re.findall(r"scripts\.([a-z_]+)", (PROJECT / page).read_text())):
            assert (PROJECT / "scripts" / f"{module}.py").exists(), (page, module)
