#!/usr/bin/env bash
# Runs the examples for real: installs each orchestrator into an environment of its own (data/examples), and has it check, build,
# publish and report a small simulated landing, in a warehouse of its own. Minutes, and no part of `make test`.
#   scripts/check_examples.sh [cron] [dagster] [airflow]      all three without an argument
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
project="$PWD"
root="${EXAMPLES_PATH:-$project/data/examples}"
python="${PYTHON:-python3.11}"
mkdir -p "$root"
# Nothing here may phone home.
export DO_NOT_TRACK=1 DBT_SEND_ANONYMOUS_USAGE_STATS=false PSEUDONYM_KEY=for-the-check LANDING_FORMAT=parquet

environment() {
    local lock="examples/$1/requirements.txt" venv="$root/venv-$1"
    if ! cmp --quiet "$lock" "$venv/installed.txt"; then
        echo "$1: installing $lock into $venv"
        rm -rf "$venv"
        "$python" -m venv "$venv"
        PYTHONDONTWRITEBYTECODE= "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --compile \
            --no-deps --require-hashes -r "$lock"
        cp "$lock" "$venv/installed.txt"
    fi
}

# A landing that ends today, so that it is fresh.
landing() {
    rm -rf "$root/landing"
    .venv/bin/python -m scripts.simulate --output "$root/landing" --generations 2000 --quiet \
        --start "$(date -u -d '60 days ago' +%F)" --end "$(date -u +%F)"
}

settings() {
    local run="$root/$1"
    rm -rf "$run"
    mkdir -p "$run"
    export LANDING_PATH="$root/landing" WAREHOUSE_PATH="$run/build/warehouse.duckdb" PUBLISHED_PATH="$run/warehouse.duckdb" \
        CHECKS_PATH="$run/checks" DBT_TARGET_PATH="$run/target" DBT_LOG_PATH="$run/logs" \
        DUCKDB_TEMP_DIRECTORY="$run/build/tmp" REPORTS_PATH="$run/reports.jsonl"
    mkdir -p "$run/build"
}

# What has to be there after a run, whoever started it.
passed() {
    .venv/bin/python -m scripts.build_report > "$root/$1/report.json" || { cat "$root/$1/report.json"; exit 1; }
    .venv/bin/python - "$root/$1/report.json" <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
assert report["status"] == "ok" and report["published"] and report["records"]["accepted"] > 1500, report
assert report["nodes"]["success"] > 80 and report["nodes"]["pass"] > 500, report["nodes"]
assert report["freshness"]["openrouter.generations"]["status"] == "pass", report["freshness"]
END
    echo "$1: ran, $SECONDS s"
}

check_cron() {
    examples/cron/run.sh
}

check_dagster() {
    environment dagster
    export DAGSTER_HOME="$root/dagster/home" PYTHONWARNINGS=ignore
    mkdir -p "$DAGSTER_HOME"
    cp examples/dagster/dagster.yaml "$DAGSTER_HOME"
    .venv/bin/dbt --quiet parse
    "$root/venv-dagster/bin/dagster" definitions validate -f examples/dagster/definitions.py -d . > "$root/dagster/validate.log" 2>&1 \
        || { tail -50 "$root/dagster/validate.log"; exit 1; }
    "$root/venv-dagster/bin/dagster" job execute -f examples/dagster/definitions.py -d . -j llm_traffic > "$root/dagster/run.log" 2>&1 \
        || { tail -50 "$root/dagster/run.log"; exit 1; }
    # Every model and seed was materialised as an asset, and tests came as asset checks.
    test "$(grep -c ASSET_MATERIALIZATION "$root/dagster/run.log")" -gt 90
    test "$(grep -c ASSET_CHECK_EVALUATION "$root/dagster/run.log")" -gt 500
}

check_airflow() {
    environment airflow
    export AIRFLOW_HOME="$root/airflow/home" AIRFLOW__CORE__DAGS_FOLDER="$project/examples/airflow/dags" \
        AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__COSMOS__ENABLE_TELEMETRY=False PATH="$root/venv-airflow/bin:$PATH"
    airflow db migrate > "$root/airflow/db.log" 2>&1 || { tail -50 "$root/airflow/db.log"; exit 1; }
    airflow dags test llm_traffic > "$root/airflow/run.log" 2>&1 || { tail -50 "$root/airflow/run.log"; exit 1; }
    # The report that the run itself wrote.
    test -s "$REPORTS_PATH"
    # What a task is given as its environment is kept; the key is not among it.
    ! grep -q for-the-check "$root/airflow/run.log"
}

landing
for name in "${@:-cron dagster airflow}"; do
    for one in $name; do
        SECONDS=0
        (settings "$one" && "check_$one" && passed "$one")
    done
done
