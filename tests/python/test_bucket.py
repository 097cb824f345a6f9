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


@pytest.mark.slow
def test_a_bucket_gives_what_a_folder_gives(warehouse: Warehouse):
    warehouse.land_and_build(land_two_weeks)
    from_folder = contents(warehouse)
    assert all(from_folder.values())

    bucket = fsspec.filesystem("memory")
    for file in warehouse.landing.rglob("*.parquet"):
        bucket.pipe(f"{BUCKET}/{file.relative_to(warehouse.landing)}", file.read_bytes())
    # Neither a marker nor a folder, which this filesystem lists, is data.
    bucket.pipe(f"{BUCKET}/openrouter/generations/_SUCCESS", b"")
    before = {name: warehouse.environment[name] for name in ("LANDING_PATH", "DBT_TARGET")}
    manifest, warehouse.manifest = warehouse.manifest, None
    warehouse.environment |= {"LANDING_PATH": BUCKET, "DBT_TARGET": "bucket"}
    try:
        # Other files than before as far as the warehouse is concerned: all of it is built anew.
        warehouse.build()
        files = warehouse.query("select file_name from intermediate.int_landed_files")
    finally:
        warehouse.environment |= before
        warehouse.manifest = manifest
        bucket.rm(BUCKET, recursive=True)
    assert files and all(name.startswith(BUCKET) for (name,) in files)
    assert contents(warehouse) == from_folder


def test_scripts_say_that_they_work_on_folders(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("LANDING_PATH", "s3://bucket/prefix")
    assert check_sources.main([]) == check_sources.EXIT_CLEAN
    assert "not checked" in capsys.readouterr().out
    with pytest.raises(ValueError, match="bucket"):
        _paths.landing_path()
    monkeypatch.setattr("sys.stdin", io.StringIO("acc_a"))
    assert forget_account.main(["--accounts", "-"]) == forget_account.EXIT_FAILED
    assert "bucket" in capsys.readouterr().err
