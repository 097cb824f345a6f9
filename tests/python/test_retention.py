"""Cohorts on hand-made months: what is observed, what is not, and what moves when records come late; the statistics by themselves."""

from __future__ import annotations

import datetime
import math

import duckdb
import pytest
from conftest import PROJECT, Warehouse, failures
from landings import generation, generations

from scripts import archetype_false_positives

MINI = "openai/gpt-4o-mini"
R1 = "deepseek/deepseek-r1"
JANUARY, FEBRUARY, MARCH, APRIL, MAY = (datetime.date(2025, month, 1) for month in range(1, 6))
SELECTION = ("+rpt_model_retention_archetypes",)
MARTS = ("rpt_model_cohort_retention", "rpt_model_cohort_signals", "rpt_model_retention_archetypes")


def use(number: int, account: str, day: str, model: str = MINI) -> dict:
    return generation(number, day, 10, 10, account_id=account, model=model)


def land(warehouse: Warehouse, ingest_date: str, *rows: dict) -> None:
    warehouse.land(f"openrouter/generations/ingest_date={ingest_date}/part-0.parquet", generations(list(rows)))


def build(warehouse: Warehouse, *arguments: str) -> None:
    """Build the retention marts and what they are made of."""
    warehouse.selection = SELECTION
    warehouse.build(*arguments)


def active(warehouse: Warehouse, model: str = MINI) -> dict[datetime.date, tuple[int, list[int]]]:
    """Size of each cohort of a model, and how many of it were active in months 0, 1, ..."""
    cohorts: dict[datetime.date, tuple[int, list[int]]] = {}
    for month, since, size, accounts in warehouse.query(
        f"""
        select cohort_month, months_since, cohort_size, active_accounts from marts.rpt_model_cohort_retention
        where model_id = '{model}' order by all
        """
    ):
        _, counts = cohorts.setdefault(month, (size, []))
        assert since == len(counts)
        counts.append(accounts)
    return cohorts


def contents(warehouse: Warehouse) -> list[list[tuple]]:
    tables = [f"marts.{mart}" for mart in MARTS]
    return [
        warehouse.query(f"select * from {table} order by all")
        for table in (*tables, "intermediate.int_account_model_months", "intermediate.int_cohort_months")
    ]


def land_cohorts(warehouse: Warehouse) -> None:
    """January to 30 May: May is not over. The platform begins with one account, four join in February, one comes from R1."""
    land(
        warehouse,
        "2025-05-30",
        use(1, "old", "2025-01-20"),
        *(use(number, account, "2025-02-10") for number, account in enumerate("abcd", start=2)),
        # Nobody in March; two of four in April, on the free variant; one in May, which is not over.
        use(6, "a", "2025-04-30", f"{MINI}:free"),
        use(7, "b", "2025-04-01"),
        use(8, "b", "2025-04-02"),
        use(9, "c", "2025-05-30"),
        use(10, "e", "2025-02-28", R1),
        use(11, "e", "2025-03-31"),
        use(12, "f", "2025-05-02"),
    )


@pytest.fixture
def five_months(warehouse: Warehouse) -> Warehouse:
    warehouse.selection = SELECTION
    warehouse.land_and_build(land_cohorts)
    return warehouse


def test_cells_are_absent_before_they_can_be_observed_and_zero_after(five_months: Warehouse):
    assert active(five_months) == {
        JANUARY: (1, [1, 0, 0, 0]),
        FEBRUARY: (4, [4, 0, 2]),
        MARCH: (1, [1, 0]),
    }
    assert active(five_months, R1) == {FEBRUARY: (1, [1, 0, 0])}
    assert five_months.query(
        "select cohort_month, months_since, retention_rate, is_left_censored from marts.rpt_model_cohort_retention "
        f"where model_id = '{MINI}' and cohort_month < '2025-03-01' order by all"
    ) == [
        *((JANUARY, since, rate, True) for since, rate in enumerate([1, 0, 0, 0])),
        *((FEBRUARY, since, rate, False) for since, rate in enumerate([1, 0, 0.5])),
    ]
    # Too few accounts to be compared: no row, and no error.
    assert five_months.query("select count(*) from marts.rpt_model_cohort_signals") == [(0,)]


def test_the_last_day_of_a_month_opens_its_cells(five_months: Warehouse):
    """On any model: it says that the month is loaded to its end."""
    land(five_months, "2025-05-31", use(13, "g", "2025-05-31", R1))
    build(five_months)
    assert active(five_months) == {
        JANUARY: (1, [1, 0, 0, 0, 0]),
        FEBRUARY: (4, [4, 0, 2, 1]),
        MARCH: (1, [1, 0, 0]),
        MAY: (1, [1]),
    }


@pytest.mark.slow
def test_a_late_record_moves_the_account_to_its_true_cohort(five_months: Warehouse):
    land(five_months, "2025-06-20", use(14, "a", "2025-01-31"))
    build(five_months)
    assert active(five_months) == {
        JANUARY: (2, [2, 1, 0, 1]),
        FEBRUARY: (3, [3, 0, 1]),
        MARCH: (1, [1, 0]),
    }
    # A month before all others: January is no longer the first, nobody in it is left-censored.
    land(five_months, "2025-06-21", use(15, "old", "2024-12-31", R1))
    build(five_months)
    assert active(five_months)[JANUARY] == (2, [2, 1, 0, 1])
    assert five_months.query(
        "select distinct cohort_month from marts.rpt_model_cohort_retention where is_left_censored"
    ) == [(datetime.date(2024, 12, 1),)]
    before = contents(five_months)
    build(five_months, "--full-refresh")
    assert contents(five_months) == before


@pytest.mark.slow
def test_a_correction_moves_the_account_and_leaves_no_trace(five_months: Warehouse):
    """The record by which d joined in February was of 1 March; that of e on the model is taken back to another model."""
    land(five_months, "2025-06-01", use(5, "d", "2025-03-01"), use(11, "e", "2025-03-31", R1))
    build(five_months)
    assert active(five_months) == {
        JANUARY: (1, [1, 0, 0, 0]),
        FEBRUARY: (3, [3, 0, 2]),
        MARCH: (1, [1, 0]),
    }
    assert active(five_months, R1) == {FEBRUARY: (1, [1, 1, 0])}
    before = contents(five_months)
    build(five_months, "--full-refresh")
    assert contents(five_months) == before


@pytest.mark.slow
def test_a_correction_moves_an_account_on_the_platform(five_months: Warehouse):
    """What e came to the platform with was another account's: its record on the other model, which nobody corrected, is its first."""
    came = "select distinct first_month_on_platform from intermediate.int_account_model_months where month_start = '2025-03-01'"
    assert five_months.query(came) == [(FEBRUARY,)]
    land(five_months, "2025-06-01", use(10, "z", "2025-02-28", R1))
    build(five_months)
    assert five_months.query(came) == [(MARCH,)]
    before = contents(five_months)
    build(five_months, "--full-refresh")
    assert contents(five_months) == before


@pytest.mark.slow
def test_a_new_alias_joins_histories(warehouse: Warehouse):
    """Unknown models are listed as one, until the seed knows them; then the account began on that model a month earlier."""
    land(
        warehouse,
        "2025-04-30",
        use(1, "old", "2025-01-01"),
        use(2, "a", "2025-02-01", "nobody/mini-preview"),
        use(3, "a", "2025-03-01"),
        use(4, "b", "2025-04-30"),
    )
    build(warehouse)
    assert active(warehouse, "unknown") == {FEBRUARY: (1, [1, 0, 0])}
    assert active(warehouse) == {JANUARY: (1, [1, 0, 0, 0]), MARCH: (1, [1, 0]), APRIL: (1, [1])}
    with (warehouse.project / "seeds/catalogue/model_aliases.csv").open("a") as file:
        file.write(f"nobody/mini-preview,{MINI},a test\n")
    result = warehouse.dbt("seed", "--select", "model_aliases")
    assert result.success, failures(result)
    build(warehouse)
    assert active(warehouse, "unknown") == {}
    assert active(warehouse) == {JANUARY: (1, [1, 0, 0, 0]), FEBRUARY: (1, [1, 1, 0]), APRIL: (1, [1])}


def built(warehouse: Warehouse, table: str = "int_account_model_months") -> set[tuple[str, int]]:
    """Parts that a table was built from, with their versions."""
    return set(
        warehouse.query(f"select part, version from intermediate.built_parts where model_name = '{table}' order by all")
    )


@pytest.mark.slow
def test_an_increment_builds_what_has_changed(five_months: Warehouse):
    """By day the last month only; a late record its month and the later ones; an alias two models from its first month on."""
    before = built(five_months)
    build(five_months)
    assert built(five_months) == before

    land(five_months, "2025-05-31", use(20, "a", "2025-05-31"), use(21, "n", "2025-05-31", "nobody/mini-preview"))
    build(five_months)
    day = built(five_months)
    assert {part for part, _ in day - before} == {f"2025-05-01|{MINI}", "2025-05-01|unknown"}

    land(five_months, "2025-06-01", use(22, "f", "2025-04-02", "nobody/mini-preview"))
    build(five_months)
    late = built(five_months)
    assert {part for part, _ in late - day} == {
        *(f"2025-0{month}-01|{model}" for month in (4, 5) for model in (MINI, "unknown"))
    }
    assert built(five_months, "int_cohort_months") == late

    with (five_months.project / "seeds/catalogue/model_aliases.csv").open("a") as file:
        file.write(f"nobody/mini-preview,{MINI},a test\n")
    result = five_months.dbt("seed", "--select", "model_aliases")
    assert result.success, failures(result)
    build(five_months)
    aliased = built(five_months)
    # Nothing is left of the unknown model; January to March were built before the alias was known, and are as they were.
    assert {part for part, _ in aliased - late} == {f"2025-04-01|{MINI}", f"2025-05-01|{MINI}"}
    assert {part for part, _ in late - aliased} == {part for part, _ in late if part[5:7] in ("04", "05")}
    after = contents(five_months)
    build(five_months, "--full-refresh")
    assert contents(five_months) == after


def test_platform_cohorts(five_months: Warehouse):
    """e was on the platform before: in a cohort of R1, in none of the other model."""
    build(five_months, "--vars", "{retention_cohort_basis: platform}")
    assert active(five_months) == {JANUARY: (1, [1, 0, 0, 0]), FEBRUARY: (4, [4, 0, 2])}
    assert active(five_months, R1) == {FEBRUARY: (1, [1, 0, 0])}
    # And back: no state is kept.
    build(five_months)
    assert active(five_months)[MARCH] == (1, [1, 0])


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("{retention_cohort_basis: account}", "Set it to model or platform."),
        ("{retention_signal_month: 0}", "Set it to a whole number of months, 1 or more."),
    ],
)
def test_a_wrong_option_is_named(warehouse: Warehouse, option: str, advice: str):
    result = warehouse.dbt("--no-write-json", "compile", "--select", "rpt_model_cohort_signals", "--vars", option)
    assert not result.success
    assert advice in failures(result)


def test_signals_of_a_boomerang(warehouse: Warehouse):
    """With cohorts of four as large ones: three of February's four come back in April, months 1 to 2; McNemar's z is sqrt(3)."""
    land(
        warehouse,
        "2025-05-31",
        use(1, "old", "2025-01-20"),
        *(use(number, account, "2025-02-10") for number, account in enumerate("abcd", start=2)),
        *(use(number, account, "2025-04-10") for number, account in enumerate("abc", start=6)),
        *(use(number, account, "2025-03-10") for number, account in enumerate("wxyz", start=10)),
        use(14, "w", "2025-05-31"),
    )
    build(warehouse, "--vars", "{min_cohort_size: 4, retention_signal_month: 2}")
    ((jump, month, p_value, rate, others, lift_p, is_foundational, is_boomerang),) = warehouse.query(
        """
        select resurrection_jump, resurrection_month, jump_p_value, retention_rate, others_rate, lift_p_value,
               is_foundational, is_boomerang
        from marts.rpt_model_cohort_signals where cohort_month = '2025-02-01'
        """
    )
    # February: 4, 0, 3, 0. March: 4, 0, 1. January's single account is left-censored and nobody's other.
    assert (jump, month, rate, others) == (0.75, 2, 0.75, 0.25)
    assert p_value == pytest.approx(2 * two_sided(math.sqrt(3)), abs=1e-12)
    assert lift_p == pytest.approx(two_sided(0.5 / math.sqrt(0.5 * 0.5 * (1 / 4 + 1 / 4))), abs=1e-12)
    assert (is_foundational, is_boomerang) == (False, False)


def two_sided(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


def macro(warehouse: Warehouse, expression: str) -> str:
    """SQL of a macro call."""
    result = warehouse.dbt(
        "--no-write-json", "compile", "--inline", "select {{ " + expression + " }} as value from inputs"
    )
    assert result.success, failures(result)
    return result.result.results[0].node.compiled_code


def test_two_sided_p_value(warehouse: Warehouse):
    sql = macro(warehouse, "two_sided_p_value('z')").replace("select", "select z,", 1)
    with duckdb.connect() as connection:
        connection.execute("create table inputs as select (i - 42000) / 1000::double as z from range(84001) as r (i)")
        connection.execute("insert into inputs values (1.959964), (2.575829), (1e300)")
        values = dict(connection.execute(sql).fetchall())
        (null,) = connection.execute(f"with inputs as (select null::double as z) {sql.replace('z,', '', 1)}").fetchone()
    assert null is None
    assert values[0] == 1
    assert values[1.959964] == pytest.approx(0.05, abs=1e-7)
    assert values[2.575829] == pytest.approx(0.01, abs=1e-7)
    assert values[5] == pytest.approx(5.733e-7, rel=1e-3)
    assert values[1e300] == 0
    assert max(abs(value - two_sided(z)) for z, value in values.items()) < 1e-14
    assert all(value == pytest.approx(two_sided(z), rel=1e-6) for z, value in values.items() if abs(z) < 37)


def test_statistics(warehouse: Warehouse):
    """Textbook cases: Wilson for 8 of 20, two proportions 45 of 120 and 30 of 130, McNemar 59 and 6 (Agresti's are alike)."""
    z = 1.959964
    centre, half = 0.4 + z * z / 40, z * math.sqrt(0.4 * 0.6 / 20 + z * z / 1600)
    pooled = 75 / 250
    expected = {
        "wilson_low(8, 20)": (centre - half) / (1 + z * z / 20),
        "wilson_high(8, 20)": (centre + half) / (1 + z * z / 20),
        "wilson_low(0, 20)": 0,
        "wilson_high(20, 20)": 1,
        "wilson_low(0, 0)": None,
        "wilson_high(0, 0)": None,
        "two_proportion_z(45, 120, 30, 130)": (45 / 120 - 30 / 130)
        / math.sqrt(pooled * (1 - pooled) * (1 / 120 + 1 / 130)),
        # Yates' chi-square of the same table is the square of this.
        "two_proportion_z(45, 120, 30, 130, continuity=true)": math.sqrt(
            250 * (abs(45 * 100 - 30 * 75) - 125) ** 2 / (120 * 130 * 75 * 175)
        ),
        "two_proportion_z(30, 130, 45, 120, continuity=true)": math.sqrt(
            250 * (abs(45 * 100 - 30 * 75) - 125) ** 2 / (120 * 130 * 75 * 175)
        ),
        "two_proportion_z(40, 120, 41, 120, continuity=true)": 0,
        "two_proportion_z(0, 120, 0, 130)": None,
        "two_proportion_z(120, 120, 130, 130)": None,
        "two_proportion_z(5, 120, 0, 0)": None,
        "mcnemar_z(59, 6)": (59 - 6) / math.sqrt(65),
        "mcnemar_z(0, 0)": None,
        "months_since(\"date '2026-01-01'\", \"date '2025-11-01'\")": 2,
    }
    sql = macro(warehouse, " }} as first, {{ ".join(expected)).replace("from inputs", "")
    with duckdb.connect() as connection:
        values = connection.execute(sql).fetchone()
    for (call, wanted), value in zip(expected.items(), values, strict=True):
        assert value == (None if wanted is None else pytest.approx(wanted, abs=1e-12)), call


@pytest.mark.slow
def test_models_without_an_effect(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    """At least 99 of 100 are not called foundational, though by accident some of their cohorts are."""
    monkeypatch.chdir(PROJECT)
    assert archetype_false_positives.main(["--runs", "1000", "--cohort-sizes", "100", "--limit", "0.01"]) == 0
    size, cohorts, models, called, with_cohort, *_ = capsys.readouterr().out.splitlines()[-1].split()
    assert (size, cohorts, models) == ("100", "6", "1000")
    # The uncorrected tests alone would not do: what the limit is held by is what it is meant to be held by.
    assert float(called.rstrip("%")) <= 1 < float(with_cohort.rstrip("%"))
