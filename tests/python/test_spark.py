"""The Spark target, on executors that are processes of their own: it builds and tests everything though a worker is killed meanwhile, agrees
with DuckDB row by row, writes only what a new day touches, answers the semantic layer's questions, and reads other formats the same.

One test in parts, since they share a build of minutes and a Java of this process; the other formats are a slow test of their own.

    .venv/bin/python -m pytest tests/python/test_spark.py

SPARK_TEST_GENERATIONS sets the size of the landing.
"""

from __future__ import annotations

import copy
import math
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest
from conftest import PROJECT, Warehouse, failures
from dbt.contracts.graph.manifest import Manifest
from landings import GENERATION, generation, generations, land_two_weeks

from scripts.parity import Comparison, compare
from scripts.simulator.run import Options, simulate
from scripts.spark_cluster import Cluster

GENERATIONS = int(os.environ.get("SPARK_TEST_GENERATIONS", "4000"))
# Into a second month and over the weeks of a month, with as few files as that takes.
START, END = "2025-06-25", "2025-07-06"
TABLES = ("generations", "accounts", "classifications")
TOLERANCE = 1e-9
CORE = ("+path:models/marts/core", "+path:models/marts/trust")
# DuckDB's are views: what is under them has to be as new on Spark.
WITH_SEMANTIC = (*CORE, "+path:models/semantic")
# Public tables that say of every landed row what became of it.
FORMATS = ("+rpt_source_reconciliation", "+rpt_quarantined_generations", "+fct_usage_daily")
# Whose months are built in parts of a month and a model, and of what they are made of, what a new alias changes.
COHORTS = ("+sem_account_model_months", "+sem_cohort_months", "+dim_model_slugs")
ALIASED = tuple(f"model_aliases+,{table}" for table in COHORTS)


def missing() -> str | None:
    """What Spark lacks here."""
    try:
        import pyspark  # noqa: F401
        from dbt.adapters.spark import __version__  # noqa: F401
    except ImportError as error:
        return f"{error}: run `make setup-spark`"
    try:
        said = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    except FileNotFoundError:
        said = ""
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version.group(1)) < 17:
        return "no Java from 17 on: install openjdk-17-jre-headless"
    return None


# In CI they are there, or the test fails.
pytestmark = pytest.mark.skipif(missing() is not None and not os.environ.get("CI"), reason=missing() or "")


class SparkWarehouse(Warehouse):
    """One project copy built on Spark, from another's landing: its tables are folders of Parquet files."""

    def __init__(self, root: Path, duck: Warehouse, master: str, catalog: str):
        super().__init__(root)
        # Files are known by their paths: both engines read the same ones.
        self.landing = duck.landing
        self.environment["LANDING_PATH"] = duck.environment["LANDING_PATH"]
        self.tables_folder = root / "tables"
        self.selection = ()
        self.environment |= spark_environment(root, master, catalog)

    def parsed(self, *arguments: str) -> Manifest | None:
        """A copy, since dbt puts an ephemeral model into another once for a parsed project."""
        manifest = super().parsed(*arguments)
        return copy.deepcopy(manifest)

    def partitions(self, schema: str, table: str) -> dict[str, frozenset[tuple[str, int]]]:
        """Partitions of a table (by the value in the folder's name) with the names and times of their files."""
        folder = self.tables_folder / f"{schema}.db" / table
        found: dict[str, set[tuple[str, int]]] = {}
        for file in folder.glob("*=*/*.parquet"):
            found.setdefault(file.parent.name.partition("=")[2], set()).add((file.name, file.stat().st_mtime_ns))
        return {name: frozenset(files) for name, files in found.items()}


def spark_environment(root: Path, master: str, catalog: str) -> dict[str, str]:
    return {
        "DBT_TARGET": "spark",
        "DBT_THREADS": "4",
        "SPARK_MASTER": master,
        "SPARK_CATALOG": catalog,
        "SPARK_WAREHOUSE": str(root / "tables"),
        "SPARK_METASTORE": str(root / "metastore"),
        "SPARK_CONF_DIR": str(PROJECT / "scripts" / "spark_conf"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SHUFFLE_PARTITIONS": "1",
        "SPARK_EXECUTOR_MEMORY": "1g",
        # Statements on a few rows: compiling them takes longer than running them, and so does planning them anew.
        "SPARK_CODEGEN": "false",
        "SPARK_ADAPTIVE": "false",
        "SPARK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseParallelGC",
    }


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated landing with late, repeated, corrected and malformed rows."""
    folder = tmp_path_factory.mktemp("spark") / "landing"
    simulate(Options(output=folder, generations=GENERATIONS, start=START, end=END, progress=False))
    return folder


def days_of(folder: Path, table: str) -> list[Path]:
    return sorted((folder / "openrouter" / table).glob("ingest_date=*"))


def equal(duck: Warehouse, tables: Path, selection: tuple[str, ...] = ()) -> list[Comparison]:
    """Compared tables, all or these; fails where one differs, and says how."""
    wanted = {f"marts.{name.removeprefix('+')}" for name in selection}
    found = [table for table in compare(duck.path, tables, TOLERANCE) if not wanted or table.table in wanted]
    differing = [f"{table.table}: {table}" for table in found if not table.is_equal]
    assert not differing, "\n".join(differing)
    assert len(found) == len(wanted) if wanted else len(found) > 60
    assert not wanted or all(table.rows for table in found)
    return found


def stop_spark() -> None:
    """The next build of this process has a Spark of its own; its Java goes on, warm."""
    from pyspark import SparkContext

    if SparkContext._active_spark_context is not None:
        SparkContext._active_spark_context.stop()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """No session of this process outlives the test, and no process of a cluster that it has started."""
    started = Cluster(tmp_path)
    yield started
    stop_spark()
    started.stop()


def test_spark_builds_agrees_and_touches_only_what_it_must(
    warehouse: Warehouse,
    tmp_path_factory: pytest.TempPathFactory,
    landing: Path,
    cluster: Cluster,
    subtests: pytest.Subtests,
):
    root = tmp_path_factory.mktemp("spark_build")
    duck = warehouse
    duck.selection = ()
    shutil.copytree(landing, duck.landing, dirs_exist_ok=True)
    spark = SparkWarehouse(root, duck, master=cluster.start(workers=2, cores=1, memory="1g"), catalog="in-memory")
    land_types_of_other_writers(spark)

    # The last day that arrived comes later.
    held_back = root / "held_back"
    for table in TABLES:
        (held_back / table).mkdir(parents=True)
        shutil.move(days_of(spark.landing, table)[-1], held_back / table)

    with ThreadPoolExecutor() as threads:
        killed = threads.submit(kill_when_busy, cluster, spark)
        result = spark.dbt("build")
        assert result.success, failures(result)
    duck.build()

    with subtests.test("a worker was killed during the build"):
        from pyspark import SparkContext

        assert killed.result()
        assert SparkContext._active_spark_context.master == spark.environment["SPARK_MASTER"]
        assert list(cluster.workers()) == ["worker_2"]

    with subtests.test("every node was built or tested, as on DuckDB"):
        listed = duck.dbt("list", "--resource-types", "seed", "model", "test", "unit_test", "--output", "name")
        done = [node.node.name for node in result.result.results if node.node.resource_type != "operation"]
        # Staging is a part of what reads it there: a result of its own it has not.
        staging = {name for name in listed.result if name.startswith("stg_") and "." not in name}
        assert {name.rpartition(".")[2] for name in listed.result} - staging <= set(done)
        assert {node.status for node in result.result.results} <= {"success", "pass", "no-op"}

    with subtests.test("every public table is the same"):
        compared = equal(duck, spark.tables_folder)
        assert sum(table.rows for table in compared) > 10_000
        # Of five records of other writers two are good, and three are listed as they were landed.
        assert duck.query(
            "select reason, count(*) from marts.rpt_quarantined_generations where file_name like '%/other-%' group by 1 order by 1"
        ) == [("future_timestamp", 2), ("invalid_timestamp", 1)]

    with subtests.test("a table with another number in it is found"):
        planted = tmp_path_factory.mktemp("planted") / duck.path.name
        shutil.copy(duck.path, planted)
        with duckdb.connect(str(planted)) as connection:
            connection.execute(
                "update marts.rpt_source_type_weekly set total_tokens = total_tokens + 1 where week_start = '2025-06-23'"
            )
            connection.execute(
                "update marts.fct_usage_daily set spend_usd = spend_usd * (1 + 1e-6) where spend_usd > 0.001"
            )
        found = {table.table: table for table in compare(planted, spark.tables_folder, TOLERANCE) if not table.is_equal}
        # The last is a view of the fact.
        assert set(found) == {"marts.rpt_source_type_weekly", "marts.fct_usage_daily", "marts.sem_usage_daily"}
        assert found["marts.rpt_source_type_weekly"].only_spark
        assert found["marts.fct_usage_daily"].unequal["spend_usd"]

    with subtests.test("a new day touches only the partitions that it must"):
        came = []
        for table in TABLES:
            (day,) = (held_back / table).iterdir()
            came.append(f"/{table}/{day.name}/")
            shutil.move(day, spark.landing / "openrouter" / table)
        before = {table: spark.partitions(*table) for table in partitioned_tables(spark)}
        assert len(before) > 15
        spark.selection = duck.selection = WITH_SEMANTIC
        spark.build()
        duck.build()
        equal(duck, spark.tables_folder)
        touched = touched_parts(duck, spark, came)
        for (schema, table), old in before.items():
            new = spark.partitions(schema, table)
            changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
            allowed = touched[partition_column(spark, schema, table)]
            assert changed <= allowed, f"{table}: {sorted(changed - allowed)[:5]} need not have been written"
            # One file of each landed table came. Of days there are many more than it touches; of weeks and months few are loaded.
            if partition_column(spark, schema, table) == "file_key":
                assert len(changed) <= 1, f"{table}: {len(changed)} files"
            assert len(changed) < len(new) or len(new) <= 6, table
            # What is not in the selection, or has no row of that day, need not have changed; these have to.
            assert changed or table not in ("int_generations_checked", "fct_usage_daily", "fct_account_model_months"), (
                table
            )

    with subtests.test("the semantic layer gives the same answers"):
        from pyspark.sql import SparkSession

        from scripts._semantic import SemanticLayer
        from scripts._spark_semantic import SparkClient

        client = SparkClient(SparkSession.builder.getOrCreate())
        there = SemanticLayer(spark.target / "semantic_manifest.json", None, client)
        here = SemanticLayer(duck.target / "semantic_manifest.json", duck.path)
        for saved in there.manifest.saved_queries:
            order = ["__".join(names) for names in map(quoted, saved.query_params.group_by)]
            ours, theirs = (layer.query(saved_query=saved.name, order_by=order or None) for layer in (here, there))
            assert rows_agree([tuple(row) for row in ours.rows], [tuple(row) for row in theirs.rows]), saved.name
        here.close()

    with subtests.test("a new alias moves a slug's months and keeps those of other models"):
        ((slug,),) = duck.query(
            """
            select model_slug from marts.fct_account_model_months inner join marts.dim_model_slugs using (model_slug)
            where model_id = 'unknown' and month_start = '2025-06-01' order by all limit 1
            """
        )
        spark.selection = duck.selection = ALIASED
        for built in (spark, duck):
            with (built.project / "seeds/catalogue/model_aliases.csv").open("a") as file:
                file.write(f"{slug},openai/gpt-4o-mini,a test\n")
            assert built.dbt("seed", "--select", "model_aliases").success
            built.build()
        equal(duck, spark.tables_folder, COHORTS)
        assert duck.query(f"select model_id from marts.dim_model_slugs where model_slug = '{slug}'") == [
            ("openai/gpt-4o-mini",)
        ]


@pytest.mark.slow
@pytest.mark.parametrize("extension", ["csv", "jsonl"])
def test_other_formats_are_read_the_same(warehouse: Warehouse, tmp_path: Path, cluster: Cluster, extension: str):
    """Without a cluster of one's own, as `make spark`. One executor, since each costs a Java that has to get warm."""
    duck = warehouse
    spark = SparkWarehouse(tmp_path / "spark", duck, master="local-cluster[1,2,1024]", catalog="in-memory")
    # As people run it.
    spark.environment["SPARK_ADAPTIVE"] = "true"
    land_awkward_texts(spark, extension)
    for built in (spark, duck):
        built.selection = FORMATS
        built.environment["LANDING_FORMAT"] = "json" if extension == "jsonl" else extension
        seeded = built.dbt("seed")
        assert seeded.success, failures(seeded)
        built.build()
    equal(duck, spark.tables_folder, FORMATS)


def kill_when_busy(cluster: Cluster, spark: SparkWarehouse) -> bool:
    """Kill a worker as soon as records are read: its executor then has work that is lost."""
    give_up = time.monotonic() + 300
    while time.monotonic() < give_up:
        if list(spark.tables_folder.glob("intermediate.db/int_generations_checked/*")):
            cluster.kill("worker_1")
            return True
        time.sleep(0.05)
    return False


def land_types_of_other_writers(warehouse: Warehouse) -> None:
    """Two days later, in Parquet types of other writers: good records, and some that are quarantined."""
    files: dict[str, tuple[dict[str, str], list[dict]]] = {
        "decimals": (
            {"created_at": "timestamptz", "total_cost": "decimal(12,6)", "cache_discount": "decimal(38,10)",
             "tokens_prompt": "decimal(18,0)", "generation_time": "ubigint"},
            [{"total_cost": "0.000125", "tokens_prompt": 7}, {"total_cost": 7, "cache_discount": "0.0000000910", "tokens_prompt": 7}],
        ),
        # As pandas writes them.
        "nanoseconds": (
            {"created_at": "timestamp_ns", "total_cost": "float", "tokens_prompt": "tinyint", "streamed": "tinyint"},
            [{"created_at": "2025-06-18 23:59:59.999999999", "streamed": 1}, {"created_at": "2025-06-25 12:00:00.12345"}],
        ),
        # A number is no time, in whatever unit.
        "numbers": ({"created_at": "bigint", "is_byok": "text"}, [{"created_at": 1750248000000}]),
    }  # fmt: skip
    for number, (name, (types, (first, *late))) in enumerate(files.items(), start=900):
        rows = [generation(number, "2025-06-18", 5, 5) | first]
        rows += [generation(number + 50, "2025-06-25", 5, 5) | columns for columns in late]
        warehouse.land(f"openrouter/generations/ingest_date=2025-06-20/other-{name}.parquet", generations(rows, types))


def land_awkward_texts(warehouse: Warehouse, extension: str) -> None:
    """Two weeks in another format; columns in another order in one file, commas, quotes and line breaks in texts, blank lines."""
    shutil.rmtree(warehouse.landing)
    land_two_weeks(warehouse, extension)
    awkward = generation(11, "2025-06-10", 5, 5, finish_reason='an "odd", one\nin two lines', app_id="C:\\new, 'app'")
    columns = ", ".join(reversed(GENERATION))
    file = warehouse.land(
        f"openrouter/generations/ingest_date=2025-06-16/part 0+1.{extension}",
        # The second is quarantined: its record is listed as it was landed.
        f"select {columns} from ({generations([awkward, awkward | generation(12, '2025-06-20', 5, 5)])})",
    )
    if extension == "jsonl":
        file.write_text(file.read_text().replace("\n", "\n\n  \n"))


def quoted(item: str) -> list[str]:
    """The names in `TimeDimension('metric_time', 'week')`."""
    return item.split("'")[1::2]


def rows_agree(ours: list[tuple], theirs: list[tuple]) -> bool:
    """Whether two answers are the same, doubles to the tolerance, in whatever order equal keys come."""

    def key(row: tuple) -> tuple:
        return tuple((value is None, str(value)) for value in row if not isinstance(value, float))

    def same(one: object, other: object) -> bool:
        if isinstance(one, float) or isinstance(other, float):
            return one is not None and other is not None and math.isclose(float(one), float(other), rel_tol=TOLERANCE)
        return one == other

    return len(ours) == len(theirs) and all(
        len(one) == len(other) and all(map(same, one, other))
        for one, other in zip(sorted(ours, key=key), sorted(theirs, key=key), strict=True)
    )


def partitioned_tables(spark: SparkWarehouse) -> list[tuple[str, str]]:
    return sorted(
        {
            (file.parents[2].name.removesuffix(".db"), file.parents[1].name)
            for file in spark.tables_folder.glob("*.db/*/*=*/*.parquet")
            if not file.parents[1].name.startswith(("built_parts", "account_country_days"))
        }
    )


def partition_column(spark: SparkWarehouse, schema: str, table: str) -> str:
    folder = next((spark.tables_folder / f"{schema}.db" / table).glob("*=*"))
    return folder.name.partition("=")[0]


def touched_parts(duck: Warehouse, spark: SparkWarehouse, folders: list[str]) -> dict[str, set[str]]:
    """What the files of these folders touch, asked of DuckDB's records: files, days, weeks, months, partitions of ids."""
    landed_files = spark.tables_folder / "intermediate.db" / "int_landed_files" / "*.parquet"
    are_these = " or ".join(f"file_name like '%{folder}%'" for folder in folders)
    came = f"select file_key from intermediate.int_landed_files where {are_these}"
    days = f"""
        select event_date from intermediate.int_generations_checked where file_key in ({came}) and quarantine_reason is null
        union select event_date from intermediate.int_generations_superseded where kept_file_key in ({came})
    """
    # Days of accounts whose billing row arrived, and of generations whose label did.
    further = f"""
        select event_date from intermediate.int_generations_checked
        where account_hash in (select account_hash from intermediate.int_accounts_checked where file_key in ({came}))
        union
        select files.event_date from intermediate.int_generation_file_days as files
        where files.id_partition in (select id_partition from intermediate.int_classifications_checked where file_key in ({came}))
    """

    def ask(sql: str) -> set[str]:
        return {str(value) for (value,) in duck.query(sql) if value is not None}

    return {
        # Spark's fingerprints are its own, and so are its keys of files.
        "file_key": ask(f"select file_key from read_parquet('{landed_files}') where {are_these}"),
        "event_date": ask(f"{days} union {further}"),
        "week_start": ask(f"select cast(date_trunc('week', event_date) as date) from ({days})"),
        # What was first in a month depends on the months before, so later months follow.
        "month_start": ask(
            f"select distinct cast(date_trunc('month', event_date) as date) from intermediate.int_generations_checked"
            f" where event_date >= (select min(date_trunc('month', event_date)) from ({days}))"
        ),
        "id_partition": ask(
            f"select id_partition from intermediate.int_generation_file_days where file_key in ({came}) and not is_quarantined"
        ),
    }
