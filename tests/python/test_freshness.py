"""`dbt source freshness` on a landing that is fed, one whose deliveries have stopped, and one that only looks fed."""

from __future__ import annotations

import datetime
import json

import pytest
from conftest import Warehouse, failures, slow
from landings import generation, generations

NOW = datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)
GENERATIONS, LABELS = "openrouter.generations", "openrouter.classifications"


def hours_ago(hours: float) -> datetime.datetime:
    return NOW - datetime.timedelta(hours=hours)


def land(warehouse: Warehouse, *hours: float, folder: datetime.date | None = None, extension: str = "parquet") -> None:
    """Generations of so many hours ago, in the folder of the day of the latest, or in another."""
    times = [hours_ago(number) for number in hours]
    day = folder or max(times).date()
    rows = [
        generation(int(number * 10) % 10**9, "", 10, 10) | {"created_at": times[i]} for i, number in enumerate(hours)
    ]
    warehouse.land(f"openrouter/generations/ingest_date={day}/part-0.{extension}", generations(rows))


def freshness(warehouse: Warehouse, *arguments: str) -> dict[str, tuple[str, datetime.datetime]]:
    """Status and latest event by landed table, from the artifact that dbt writes; the exit status must agree with it."""
    manifest = None
    if not arguments:
        warehouse.manifest = manifest = warehouse.manifest or warehouse.dbt("parse").result
    result = warehouse.dbt("source", "freshness", *arguments, manifest=manifest)
    assert result.exception is None, failures(result)
    found = {}
    for row in json.loads((warehouse.target_of(*arguments) / "sources.json").read_text())["results"]:
        assert row["status"] != "runtime error", row["error"]
        latest = datetime.datetime.fromisoformat(row["max_loaded_at"]).replace(tzinfo=None)
        found[row["unique_id"].split(".", 2)[2]] = (row["status"], latest)
    assert result.success == all(status != "error" for status, _ in found.values())
    return found


@pytest.mark.parametrize("extension", ["parquet", *slow("csv", "jsonl")])
def test_fresh_then_late_then_stale(warehouse: Warehouse, extension: str):
    warehouse.environment["LANDING_FORMAT"] = "json" if extension == "jsonl" else extension
    land(warehouse, 80, 90, extension=extension)
    assert freshness(warehouse)[GENERATIONS] == ("error", hours_ago(80))
    land(warehouse, 40, 60, extension=extension)
    assert freshness(warehouse)[GENERATIONS] == ("warn", hours_ago(40))
    land(warehouse, 1, 2, extension=extension)
    assert freshness(warehouse)[GENERATIONS] == ("pass", hours_ago(1))


def test_a_delivery_that_only_looks_fed_is_stale(warehouse: Warehouse):
    land(warehouse, 100)
    # Late records and clocks that are ahead arrive today.
    ahead = [-24.0 * days for days in (2, 30, 365)]
    land(warehouse, 120, 300, *ahead, folder=NOW.date())
    for days in range(5, 15):
        land(warehouse, *ahead, folder=NOW.date() + datetime.timedelta(days=days))
    assert freshness(warehouse)[GENERATIONS] == ("error", hours_ago(100))


@pytest.mark.slow
def test_thresholds_are_vars_and_null_is_none(warehouse: Warehouse):
    land(warehouse, 3)
    assert set(freshness(warehouse)) == {GENERATIONS, LABELS}
    # An export is dated by its events, since nobody says when it arrived.
    (warehouse.landing / "openrouter_export").mkdir()
    rows = "\n".join(f"gen-{hours},{hours_ago(hours)},0.1,1,1,a/b,key" for hours in (5, 50))
    (warehouse.landing / "openrouter_export" / "activity.csv").write_text(
        f"generation_id,created_at,cost_total,tokens_prompt,tokens_completion,model_permaslug,api_key_name\n{rows}\n"
    )
    thresholds = {
        "generations_error_after_hours": 2,
        "classifications_warn_after_hours": None,
        "classifications_error_after_hours": None,
        "accounts_warn_after_hours": 1,
        "export_warn_after_hours": 4,
        "export_error_after_hours": 48,
    }
    found = freshness(warehouse, "--vars", json.dumps(thresholds))
    # Accounts have never landed: that table is not in use.
    assert found.pop("openrouter.accounts")[0] == "pass"
    assert found == {GENERATIONS: ("error", hours_ago(3)), "openrouter_export.generations": ("warn", hours_ago(5))}


def test_a_landing_that_is_not_there_is_stale(warehouse: Warehouse):
    assert {status for status, _ in freshness(warehouse).values()} == {"error"}


def test_only_the_last_arrival_days_are_read(warehouse: Warehouse):
    for days in range(1, 9):
        land(warehouse, 24 * days)
    oldest = min((warehouse.landing / "openrouter/generations").iterdir())
    (oldest / "part-0.parquet").write_text("no Parquet file")
    assert freshness(warehouse)[GENERATIONS] == ("pass", hours_ago(24))


def test_every_landed_table_can_be_asked(warehouse: Warehouse):
    warehouse.manifest = warehouse.manifest or warehouse.dbt("parse").result
    for source in warehouse.manifest.sources.values():
        assert source.meta.get("event_time") in source.columns, source.unique_id
        assert source.loaded_at_query and source.freshness is not None, source.unique_id
