#!/usr/bin/env bash
# One run of the warehouse, for cron or any other scheduler that starts a command: check what arrived, build and test, publish,
# report. Settings come from the environment (README.md, docs/runbook.md); $1 may name a file that sets them, since cron has none.
#
# Exit codes: 0 all is well; 75 another run is at it, nothing was done; else that of the first step that failed, or 1 if all was
# built and published and a source is stale.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [ -n "${1:-}" ]; then
    set -a
    # shellcheck source=/dev/null
    . "$1" || exit 2
    set +a
fi
export DO_NOT_TRACK=1 DBT_SEND_ANONYMOUS_USAGE_STATS=false DBT_LOG_FORMAT_FILE=json

# The warehouse file has one writer. The lock is the kernel's: it goes with the process, however that ends.
warehouse="${WAREHOUSE_PATH:-data/build/warehouse.duckdb}"
mkdir -p "$(dirname "$warehouse")"
exec 9>"$warehouse.lock"
flock --nonblock 9 || { echo "Another run holds $warehouse.lock; nothing was done." >&2; exit 75; }

began="$(date +%s)"
failed=0

step() {
    "$@" || { local code=$?; echo "Exit code $code of: $*" >&2; return "$code"; }
}

# A source that is late stops nothing: what has arrived is right. It shows in the report, and in the exit code at the end.
step .venv/bin/python -m scripts.check_sources || failed=$?
if [ "$failed" -eq 0 ]; then
    step .venv/bin/dbt --quiet source freshness || true
    { step .venv/bin/dbt --quiet build && step .venv/bin/python -m scripts.publish; } || failed=$?
fi
.venv/bin/python -m scripts.build_report --since "$began" --append "${REPORTS_PATH:-data/build/reports.jsonl}"
reported=$?
exit $((failed ? failed : reported))
