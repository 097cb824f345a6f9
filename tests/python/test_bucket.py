"""A landing in a bucket: read in place, through fsspec, with the same result as a folder."""

from __future__ import annotations

import io

import fsspec
import pytest
from conftest import Warehouse
from landings import land_two_weeks

from scripts import _paths, check_sources, forget_account

# fsspec's bucket in this process's memory; only its name is another one's.
BUCKET = "memory:///landing"
TABLES = ("fct_usage_daily", "fct_tag_usage_daily", "fct_account_model_months", "rpt_source_reconciliation")


def contents(warehouse: Warehouse) -> dict[str, list[tuple]]:
    return {table: warehouse.query(f"select * from marts.{table} order by all") for table in TABLES}


@pytest.fixture
def bucket(warehouse: Warehouse):
    """The bucket's filesystem; the warehouse is told of the bucket instead of its folder."""
    filesystem = fsspec.filesystem("memory")
    before = {name: warehouse.environment[name] for name in ("LANDING_PATH", "DBT_TARGET")}
    warehouse.environment |= {"LANDING_PATH": BUCKET, "DBT_TARGET": "bucket"}
    manifest, warehouse.manifest = warehouse.manifest, None
    yield filesystem
    warehouse.environment |= before
    warehouse.manifest = manifest
    filesystem.rm(BUCKET, recursive=True)


def test_a_bucket_gives_what_a_folder_gives(warehouse: Warehouse, bucket: fsspec.AbstractFileSystem):
    land_two_weeks(warehouse)
    for file in warehouse.landing.rglob("*.parquet"):
        bucket.pipe(f"{BUCKET}/{file.relative_to(warehouse.landing)}", file.read_bytes())
    bucket.pipe(f"{BUCKET}/openrouter/generations/_SUCCESS", b"")
    warehouse.build()
    from_bucket = contents(warehouse)
    assert all(from_bucket.values())

    # Nothing new, and a file that goes.
    warehouse.build()
    assert contents(warehouse) == from_bucket
    bucket.rm(f"{BUCKET}/openrouter/generations/ingest_date=2025-06-15/part-0.parquet")
    warehouse.build()
    assert len(contents(warehouse)["fct_usage_daily"]) < len(from_bucket["fct_usage_daily"])

    warehouse.environment |= {"LANDING_PATH": str(warehouse.landing), "DBT_TARGET": "dev"}
    warehouse.manifest = None
    warehouse.build()
    assert contents(warehouse) == from_bucket


def test_scripts_say_that_they_work_on_folders(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("LANDING_PATH", "s3://bucket/prefix")
    assert check_sources.main([]) == check_sources.EXIT_CLEAN
    assert "not checked" in capsys.readouterr().out
    with pytest.raises(ValueError, match="bucket"):
        _paths.landing_path()
    monkeypatch.setattr("sys.stdin", io.StringIO("acc_a"))
    assert forget_account.main(["--accounts", "-"]) == forget_account.EXIT_FAILED
    assert "bucket" in capsys.readouterr().err
