# `make build` and `make test` are all that a newcomer needs; the other targets are their parts.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

# A landing of one's own is used as it is; without one, a simulated study is written to data/landing.
OWN_LANDING := $(LANDING_PATH)

# A warning is an error here, except that a source is a little late: that one has a bound of its own for errors.
export DBT_WARN_ERROR_OPTIONS ?= {"error":"all","warn":["LogFreshnessResult"],"silence":["MFConverterIssue"]}
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
# Modules are compiled as they are first imported, and kept so: half of what is installed.
export PYTHONDONTWRITEBYTECODE :=

PYSPARK := .venv/.installed-spark
JAVA := $(shell java -version 2>&1 | sed -nE 's/.*version "(1[7-9]|[2-9][0-9])[".].*/yes/p')

.PHONY: build setup setup-spark landing check freshness dbt-build publish summary report dashboard spark parity test test-slow lint test-build pytest examples docs \
	dictionary lock clean

## build: set up, land, check, build and test every table, publish, say what was built
build: setup landing check dbt-build publish summary

## setup: the environment, in .venv, from the locked versions; the folder of the warehouse, which DuckDB does not make
setup: .venv/.installed
	@mkdir -p "$$(dirname "$${WAREHOUSE_PATH:-data/build/warehouse.duckdb}")"

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: requirements/requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--no-deps --require-hashes -r requirements/requirements.txt
	touch $@

## landing: a simulated study, unless LANDING_PATH is set or data/landing already holds one
landing: setup
ifeq ($(strip $(OWN_LANDING)),)
	@if [ -z "$$(ls -A data/landing 2>/dev/null)" ] || grep -qs '"complete": false' data/landing/SIMULATED.json; then \
		$(BIN)/python -m scripts.simulate --output data/landing --overwrite; \
	fi
endif

## check: what arrived (dbt's tests check what was built)
check: setup
	$(BIN)/python -m scripts.check_sources

## freshness: how old the latest event of each landed table is (no part of `build`: what is simulated ended long ago)
freshness: setup
	$(BIN)/dbt source freshness

dbt-build: setup
	@echo "Building and testing every table (log: logs/dbt.log) ..."
	$(BIN)/dbt --quiet build

## publish: the tested marts into the serving file, by atomic rename; the last versions are kept
publish: setup
	$(BIN)/python -m scripts.publish

summary: setup
	@$(BIN)/python -m scripts.summary

## report: every figure of the study from the published marts, report/index.html (REPORT="--publish" closes the publishing gate)
report: setup
	$(BIN)/python -m scripts.report $(REPORT)

## dashboard: the boards of dashboard/ on the published marts, in the browser (installs what they need into data/dashboard)
dashboard: data/dashboard/.installed
	cd dashboard && PUBLISHED_PATH=$(abspath $(or $(PUBLISHED_PATH),data/warehouse.duckdb)) ../data/dashboard/bin/dct serve

data/dashboard/.installed: dashboard/requirements.txt
	$(PYTHON) -m venv data/dashboard
	data/dashboard/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--no-deps --require-hashes -r $<
	touch $@

# A landing of one's own, or seven weeks of a simulated study: on one machine every landed file and partition costs Spark a moment.
SPARK_LANDING = LANDING_PATH=$(or $(OWN_LANDING),data/spark/landing)
# Nothing but this machine is to be reached, and nothing but errors said. The environment variables are those of profiles.yml.
SPARK_ENVIRONMENT = $(SPARK_LANDING) SPARK_LOCAL_IP=$(or $(SPARK_LOCAL_IP),127.0.0.1) SPARK_CONF_DIR=$(or $(SPARK_CONF_DIR),$(CURDIR)/scripts/spark_conf) \
	DBT_TARGET=spark DBT_TARGET_PATH=target/spark
PARITY_ENVIRONMENT = $(SPARK_LANDING) WAREHOUSE_PATH=data/spark/duckdb/warehouse.duckdb DBT_TARGET_PATH=target/parity

## spark: every table and test on Apache Spark, two executors of this machine's (or SPARK_MASTER), into data/spark/warehouse
spark: setup-spark
ifeq ($(strip $(OWN_LANDING)),)
	@test -f data/spark/landing/SIMULATED.json || $(BIN)/python -m scripts.simulate --output data/spark/landing \
		--generations 20000 --start 2025-06-01 --end 2025-07-20 --overwrite
endif
	@mkdir -p "$$(dirname "$${SPARK_METASTORE:-data/spark/metastore}")"
	@echo "Building and testing every table on Spark (log: logs/dbt.log; some minutes, most of them for small statements) ..."
	$(SPARK_ENVIRONMENT) $(BIN)/dbt --quiet build
	@echo "Built: $${SPARK_WAREHOUSE:-data/spark/warehouse}, one folder of Parquet files a table (docs/spark.md)."
	@echo "make parity compares them with what DuckDB makes of the same landing."

## parity: what `make spark` built against what DuckDB makes of the same landing, every public table row by row
parity: setup
	@mkdir -p data/spark/duckdb
	$(PARITY_ENVIRONMENT) $(BIN)/dbt --quiet seed
	$(PARITY_ENVIRONMENT) $(BIN)/dbt --quiet run
	$(PARITY_ENVIRONMENT) $(BIN)/python -m scripts.parity

setup-spark: setup $(PYSPARK)
	@test -n "$(JAVA)" || { echo "Spark needs Java 17 or later: install openjdk-17-jre-headless, or its like"; exit 1; }

# Its packages are not among those of the environment, so that both can be installed at a time.
$(PYSPARK): requirements/spark.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--no-deps --require-hashes -r requirements/spark.txt
	touch $@

## test: lint, a build of the simulated study with all its tests, pytest but for the slow ones; touches nothing that `make build` made
test:
	@$(MAKE) --no-print-directory --jobs 2 setup $(if $(JAVA),$(PYSPARK))
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint test-build
	@$(MAKE) --no-print-directory pytest

## lint: ruff and sqlfluff
lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	LANDING_PATH=data/test/lint/no_landing DBT_TARGET=lint DBT_TARGET_PATH=data/test/lint $(BIN)/sqlfluff lint --disable-progress-bar --processes 1 models tests/singular $(wildcard analyses)

TEST_ENVIRONMENT := LANDING_PATH=data/test/landing CHECKS_PATH=data/test/checks WAREHOUSE_PATH=data/test/build/warehouse.duckdb \
	PUBLISHED_PATH=data/test/warehouse.duckdb DBT_TARGET_PATH=data/test/target DBT_LOG_PATH=data/test/logs LANDING_FORMAT=parquet

test-build: setup
	rm -rf data/test/landing data/test/build data/test/warehouse.duckdb data/test/warehouse.versions
	@mkdir -p data/test/build
	$(BIN)/python -m scripts.simulate --output data/test/landing
	$(TEST_ENVIRONMENT) $(BIN)/python -m scripts.check_sources
	$(TEST_ENVIRONMENT) $(BIN)/dbt --quiet build
	$(TEST_ENVIRONMENT) $(BIN)/python -m scripts.publish
	$(TEST_ENVIRONMENT) $(BIN)/python -m scripts.summary

# Spark is tested where there is a Java that it runs on (a stub by that name is none).
RUN_PYTEST = $(TEST_ENVIRONMENT) $(BIN)/python -m pytest -n 2 --maxschedchunk 1 -m
pytest: setup $(if $(JAVA),$(PYSPARK))
	$(RUN_PYTEST) "not slow"

## test-slow: the tests that `test` leaves out for the sake of time, on what it has built
test-slow: setup $(if $(JAVA),$(PYSPARK))
	@test -f data/test/warehouse.duckdb || $(MAKE) --no-print-directory test-build
	$(RUN_PYTEST) slow

## examples: really run the examples for cron, Dagster and Airflow (minutes; installs both into data/examples)
examples: setup
	PYTHON=$(PYTHON) scripts/check_examples.sh

## docs: dbt's documentation as one static page, target/static_index.html
docs: setup
	$(BIN)/dbt --quiet docs generate --static

## dictionary: the metric dictionary, docs/metrics.md, anew (pytest fails if it is stale)
dictionary: setup
	$(BIN)/python -m scripts.metric_dictionary

## lock: compile requirements/requirements.txt and spark.txt anew (needs uv)
UV_COMPILE := uv pip compile --override overrides.txt --generate-hashes --universal --python-version 3.11 --no-header --no-annotate
lock:
	cd requirements && $(UV_COMPILE) requirements.in --output-file requirements.txt
	cd requirements && $(UV_COMPILE) spark.in --constraint requirements.txt --output-file spark.txt \
		$$(sed -nE 's/^([a-z0-9._-]+)==.*/--no-emit-package \1/p' requirements.txt)

clean:
	rm -rf target logs data/test
