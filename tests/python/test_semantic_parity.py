"""Each saved query says what its mart says: the same cells, none missing on either side, numbers equal to 1e-9.

A saved query's rows are queried through MetricFlow's engine. `PARITY` gives, for each, the same cells as SQL on the mart: its
keys are the query's dimensions, its other columns the query's metrics. What a query cannot say as the mart does (a rank, and
the rest as `other`) is rolled up first, by a SQL statement on the query's rows, named `said`. A cell that only one side has
fails, and null equals nothing but null; where the mart leaves out a row that a query has, or the other way round, the SQL says
which and why. Checked on the simulated study and on a hand-made landing.
"""

from __future__ import annotations

import datetime
import json
import math
import re
from pathlib import Path

import duckdb
import pytest
from conftest import Warehouse
from landings import land_five_months
from semantic import Both

CATEGORIES = (
    "academia", "finance", "health", "legal", "marketing", "marketing/seo", "programming", "roleplay", "science", "technology",
    "translation", "trivia",
)  # fmt: skip
REGIONS = {
    "north_america": "North America", "south_america": "South America", "europe": "Europe", "asia": "Asia",
    "africa": "Africa", "oceania": "Oceania", "unknown_region": "unknown",
}  # fmt: skip
LANGUAGES = {"english": "en", "simplified_chinese": "zh-Hans", "russian": "ru", "spanish": "es", "thai": "th"}


def share_of(column: str, condition: str) -> str:
    """One value of a share as a column: 0 where a group has no row of it, null where it has no share at all."""
    return f"sum(case when {condition} then {column} else {column} * 0 end)"


def sources(suffix: str) -> str:
    names = {"closed": "closed", "chinese_oss": "chinese_oss", "row_oss": "row_oss", "unknown_source": "unknown"}
    return ", ".join(
        f"{share_of('token_share', f'source_type = {kind!r}')} as {n}_{suffix}" for n, kind in names.items()
    )


def categories(column: str) -> str:
    return ", ".join(
        f"{share_of(column, f'category = {name!r}')} as {name.replace('/', '_')}_token_share" for name in CATEGORIES
    )


def open_categories(scope: str) -> tuple[str, str]:
    others = share_of("token_share_with_others", "category = 'others'")
    return (
        "from said",
        f"""
        select week_start as metric_time__week, {categories("token_share")}, {others} as others_token_share,
               sum(sampled_tokens) as sampled_tokens, sum(sampled_generations) as sampled_generations
        from rpt_oss_category_weekly where scope = '{scope}' group by all""",
    )


def top_models(mart: str, columns: dict[str, str]) -> tuple[str, str]:
    """The window's leaders by name, the rest as `other`: the rank is the mart's, the numbers are both sides'."""
    return (
        f"""
        select metric_time__week, coalesce(leaders.model_id, 'other') as model,
               {", ".join(f"sum({metric}) as {metric}" for metric in columns)}
        from said
        left join (select distinct model_id from {mart} where window_rank is not null) as leaders on model = model_id
        group by all""",
        f"""
        select week_start as metric_time__week, model_id as model,
               {", ".join(f"{column} as {metric}" for metric, column in columns.items())}
        from {mart}""",
    )


# Saved query -> (SQL on its rows `said`, SQL on the marts).
PARITY: dict[str, tuple[str, str]] = {
    "figure_1_source_type_shares": (
        "from said",
        f"select week_start as metric_time__week, {sources('token_share')} from rpt_source_type_weekly group by all",
    ),
    "figure_2_source_type_tokens": (
        "from said",
        """
        select week_start as metric_time__week, source_type as model__source_type, total_tokens, generations,
               token_share as weekly_token_share
        from rpt_source_type_weekly""",
    ),
    "table_1_open_authors": (
        "from said",
        """
        select author_slug as model__author, total_tokens as oss_tokens, share_of_oss as window_oss_token_share
        from rpt_oss_authors""",
    ),
    "figure_3_open_models": top_models(
        "rpt_oss_models_weekly", {"oss_tokens": "total_tokens", "weekly_oss_token_share": "share_of_oss"}
    ),
    # A week in which open models are offered and not used has no row in the mart, and no share.
    "figure_3_concentration": (
        "from said where oss_hhi is not null",
        """
        select week_start as metric_time__week, top_model_share as top_oss_model_share, hhi as oss_hhi,
               effective_models as effective_oss_models, models_over_5pct as oss_models_over_5pct
        from rpt_oss_concentration_weekly where hhi is not null""",
    ),
    # The mart is zero-filled for weeks without any record, too; a query has rows of records only.
    "figure_4_open_sizes": (
        "from said",
        f"""
        select week_start as metric_time__week,
               {
            ", ".join(
                f"{share_of('share_of_oss', f'size_bucket = {size!r}')} as {size}_oss_share,"
                f" sum(total_tokens) filter (where size_bucket = {size!r}) as {size}_oss_tokens"
                for size in ("small", "medium", "large")
            )
        }
        from rpt_oss_size_weekly where week_start in (select week_start from rpt_source_type_weekly) group by all""",
    ),
    # The mart lists size `unknown` only where it has tokens, and zeros; a query has models of any size, and no zeros.
    "figure_5_offered_open_models": (
        "from said where model__size_bucket <> 'unknown'",
        """
        select week_start as metric_time__week, size_bucket as model__size_bucket, available_models as offered_models
        from rpt_oss_size_weekly where size_bucket <> 'unknown' and available_models > 0""",
    ),
    "figure_5_active_open_models": (
        "from said where active_models > 0",
        """
        select week_start as metric_time__week, size_bucket as model__size_bucket, active_models
        from rpt_oss_size_weekly where active_models > 0""",
    ),
    "figure_6_open_categories": open_categories("all_oss"),
    "figure_7_chinese_open_categories": open_categories("chinese_oss"),
    "figures_8_9_categories_by_source_type": (
        "from said",
        f"""
        select week_start as metric_time__week, category as sample__category, {sources("sample_share")},
               sum(sampled_tokens) as sampled_tokens, sum(sampled_generations) as sampled_generations
        from rpt_category_source_type_weekly group by all""",
    ),
    "figure_10_reasoning": (
        "from said",
        f"""
        select week_start as metric_time__week, {share_of("token_share", "is_reasoning_model")} as reasoning_token_share,
               sum(case when is_reasoning_model then total_tokens else 0 end) as reasoning_model_tokens,
               sum(total_tokens) as total_tokens
        from rpt_reasoning_weekly group by all""",
    ),
    "figure_11_reasoning_models": top_models(
        "rpt_reasoning_models_weekly",
        {"reasoning_model_tokens": "total_tokens", "weekly_reasoning_share": "share_of_reasoning"},
    ),
    "figure_12_tool_calls": (
        "from said",
        """
        select week_start as metric_time__week, token_share as tool_call_token_share,
               generation_share as tool_call_generation_share, tool_call_tokens, tool_call_generations, total_tokens,
               generations
        from rpt_tool_calls_weekly""",
    ),
    "figure_13_tool_call_models": top_models(
        "rpt_tool_call_models_weekly",
        {
            "tool_call_tokens": "tool_call_tokens",
            "weekly_tool_call_share": "share_of_tool_calls",
            "tools_provided_tokens": "tools_provided_tokens",
        },
    ),
    # A week of nothing but empty generations has no lengths, and no row in the mart.
    "figures_14_15_17_lengths": (
        "from said where nonempty_generations > 0",
        """
        select week_start as metric_time__week, avg_prompt_tokens, avg_completion_tokens, avg_reasoning_tokens,
               avg_sequence_tokens, generations as nonempty_generations
        from rpt_sequence_length_weekly""",
    ),
    "figures_16_18_lengths_by_category": (
        "from said where sampled_nonempty_generations > 0",
        """
        select week_start as metric_time__week, category as sample__category, avg_prompt_tokens as category_avg_prompt_tokens,
               avg_completion_tokens as category_avg_completion_tokens, avg_sequence_tokens as category_avg_sequence_tokens,
               sampled_generations as sampled_nonempty_generations
        from rpt_sequence_length_by_category_weekly where category <> 'all'""",
    ),
    "figure_18_programming_against_all": (
        "from said where sample_avg_sequence_tokens is not null",
        """
        select whole.week_start as metric_time__week, whole.avg_prompt_tokens as sample_avg_prompt_tokens,
               whole.avg_completion_tokens as sample_avg_completion_tokens,
               whole.avg_sequence_tokens as sample_avg_sequence_tokens,
               programming.avg_sequence_tokens as programming_avg_sequence_tokens,
               programming.ratio_to_all as programming_length_ratio
        from rpt_sequence_length_by_category_weekly as whole
        left join rpt_sequence_length_by_category_weekly as programming
            on whole.week_start = programming.week_start and programming.category = 'programming'
        where whole.category = 'all'""",
    ),
    "figure_19_categories": (
        "from said",
        """
        select week_start as metric_time__week, category as sample__category, token_share as weekly_category_share,
               token_share_with_others as weekly_category_share_with_others,
               generation_share as weekly_category_generation_share, estimated_tokens, sampled_tokens, sampled_generations
        from rpt_category_weekly""",
    ),
    "figure_20_spend_by_author": (
        "from said",
        """
        select week_start as metric_time__week, category as sample__category, author_slug as model__author,
               spend_usd as sampled_spend_usd, spend_share as weekly_author_spend_share,
               spend_share_all as weekly_author_spend_share_all
        from rpt_category_author_spend_weekly""",
    ),
    "figures_21_29_tags": (
        "from said",
        """
        select category as sample__category, tag, sampled_tokens as tag_tokens, sampled_generations as tag_generations,
               share_of_category as window_tag_share
        from rpt_category_tags""",
    ),
    "figures_22_23_categories_of_authors": (
        "from said",
        f"""
        select week_start as metric_time__week, author_slug as model__author, {categories("share_of_author")},
               sum(sampled_tokens) as sampled_tokens, sum(sampled_generations) as sampled_generations
        from rpt_author_category_weekly group by all""",
    ),
    "figure_24_regions": (
        "from said",
        """
        select week_start as metric_time__week, region as country__region, spend_usd as priced_spend_usd,
               spend_share as weekly_spend_share, total_tokens, token_share as weekly_token_share, generations
        from rpt_region_weekly""",
    ),
    "figure_24_region_spend_shares": (
        "from said",
        f"""
        select week_start as metric_time__week,
               {", ".join(f"{share_of('spend_share', f'region = {r!r}')} as {n}_spend_share" for n, r in REGIONS.items())}
        from rpt_region_weekly group by all""",
    ),
    # The five largest by name, the rest as `Other`: the rank is the mart's.
    "table_2_languages": (
        """
        select coalesce(ranked.language_name, 'Other') as language_name, sum(total_tokens) as total_tokens,
               sum(window_token_share) as window_token_share
        from said
        left join (select language_name from rpt_language_tokens where token_rank is not null) as ranked
            on language__language_name = ranked.language_name
        group by all""",
        "select language_name, total_tokens, token_share as window_token_share from rpt_language_tokens",
    ),
    "table_2_languages_weekly": (
        "from said",
        """
        select week_start as metric_time__week, language_code as language, total_tokens, token_share as weekly_token_share,
               generations
        from rpt_language_weekly""",
    ),
    "table_2_language_shares": (
        "from said",
        f"""
        select week_start as metric_time__week,
               {", ".join(f"{share_of('token_share', f'language_code = {c!r}')} as {n}_token_share" for n, c in LANGUAGES.items())}
        from rpt_language_weekly group by all""",
    ),
    "figure_25_retention": (
        "from said",
        """
        select model_id as model, cohort_month as cohort__cohort_month__month, months_since as cohort__months_since,
               cohort_size as cohort_accounts, active_accounts as cohort_active_accounts, retention_rate
        from rpt_model_cohort_retention""",
    ),
    # A cohort that is not observed to the month has no cell in the mart, and null here.
    "figure_25_months_1_and_3": (
        "from said",
        """
        select model_id as model, cohort_month as cohort__cohort_month__month,
               max(retention_rate) filter (where months_since = 1) as month_1_retention,
               max(retention_rate) filter (where months_since = 3) as month_3_retention
        from rpt_model_cohort_retention group by all""",
    ),
    "figure_26_categories_cost": (
        "from said",
        """
        select category as sample__category, cost_per_1m_usd as sampled_cost_per_1m_usd,
               estimated_tokens as estimated_priced_tokens, sampled_spend_usd, sampled_tokens as sampled_priced_tokens
        from rpt_category_cost_usage""",
    ),
    # A model without tokens or without spend has no price, and no point in the mart.
    "figures_27_28_models_cost": (
        "from said where priced_tokens > 0 and priced_spend_usd > 0",
        """
        select model_id as model, author_slug as model__author_slug, source_type as model__source_type, cost_per_1m_usd,
               total_tokens as priced_tokens, spend_usd as priced_spend_usd
        from rpt_model_cost_usage""",
    ),
}

Cells = dict[tuple, dict[str, float | None]]


def cells(rows: list[tuple], columns: list[str], metrics: list[str]) -> Cells:
    """Rows by their dimensions: {dimensions: {metric: number}}; two rows of the same dimensions are an error."""
    keys = [index for index, column in enumerate(columns) if column not in metrics]
    by_key: Cells = {}
    for row in rows:
        key = tuple((columns[index], row[index]) for index in sorted(keys, key=columns.__getitem__))
        assert key not in by_key, f"twice: {key}"
        by_key[key] = {column: row[index] for index, column in enumerate(columns) if column in metrics}
    return by_key


def differences(said: Cells, mart: Cells) -> list[str]:
    """Cells that differ by more than 1e-9 of the mart's, or that one side lacks."""
    found = [f"only the query has {key}" for key in said.keys() - mart.keys()]
    found += [f"only the mart has {key}" for key in mart.keys() - said.keys()]
    for key in said.keys() & mart.keys():
        assert said[key].keys() == mart[key].keys(), (said[key].keys(), mart[key].keys())
        for metric, expected in mart[key].items():
            actual = said[key][metric]
            if actual is None or expected is None:
                same = actual is expected
            else:
                same = math.isclose(actual, expected, rel_tol=1e-9, abs_tol=1e-15)
            if not same:
                found.append(f"{metric} of {key}: {actual}, the mart has {expected}")
    return found


def compare(both: Both, name: str) -> tuple[int, list[str]]:
    """How many cells a saved query has, and those that differ from its mart's."""
    rollup, mart_sql = PARITY[name]
    metrics = list(both.saved[name].query_params.metrics)
    answer = both.layer.query(saved_query=name)
    both.connection.execute(f"create or replace temp table said as {both.layer.sql(saved_query=name)}")
    try:
        said, mart = both.connection.sql(rollup), both.connection.sql(mart_sql)
        assert set(said.columns) == set(mart.columns)
        left, right = cells(typed(said), said.columns, metrics), cells(typed(mart), mart.columns, metrics)
        assert answer.row_count == both.connection.sql("select count(*) from said").fetchone()[0]
        return len(left) * len(metrics), differences(left, right)
    finally:
        both.connection.execute("drop table said")


def typed(relation: duckdb.DuckDBPyRelation) -> list[tuple]:
    """Rows with days as dates, whatever the engine made of them."""
    return [
        tuple(value.date() if isinstance(value, datetime.datetime) else value for value in row)
        for row in relation.fetchall()
    ]


def test_every_saved_query_has_a_comparison(five_months: Both):
    assert set(PARITY) == set(five_months.saved)


@pytest.mark.parametrize("name", PARITY)
def test_a_saved_query_says_what_its_mart_says_on_the_simulated_study(study: Both, name: str):
    compared, wrong = compare(study, name)
    assert compared > 0
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("name", PARITY)
def test_a_saved_query_says_what_its_mart_says_on_five_months_by_hand(five_months: Both, name: str):
    compared, wrong = compare(five_months, name)
    assert compared > 0
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.slow
def test_parity_holds_under_the_other_options(shared_warehouse: Warehouse, semantic_manifest: Path, tmp_path: Path):
    """Metrics have no options of their own: what a var changes for the marts it changes for them."""
    shared_warehouse.reset()
    land_five_months(shared_warehouse)
    shared_warehouse.selection = (
        "path:models/semantic+", "path:models/marts", "path:models/intermediate", "path:models/staging",
    )  # fmt: skip
    options = {
        "category_attribution": "full",
        "category_start": None,
        "cost_excludes_free_access": False,
        "retention_cohort_basis": "platform",
        "authors_omitted_from_spend_share": [],
        "study_start": "2025-06-05",
        "study_end": None,
        "token_basis": "normalized",
    }
    shared_warehouse.build("--vars", json.dumps(options))
    copy = tmp_path / "other_options.duckdb"
    copy.write_bytes(shared_warehouse.path.read_bytes())
    both = Both(semantic_manifest, copy)
    try:
        wrong = {name: found for name in PARITY if (found := compare(both, name)[1])}
        assert not wrong, wrong
        labels = both.connection.sql("select count(*) from fct_tag_usage_daily where label_paths like '%|%'").fetchone()
        assert labels[0] > 1
    finally:
        both.layer.close()


@pytest.mark.slow
def test_a_wrong_or_missing_mart_row_is_found(shared_warehouse: Warehouse, five_months: Both, semantic_manifest: Path):
    """Every number of every mart off by a little, then every second row gone: each comparison fails both times."""
    numbers = "('BIGINT', 'DOUBLE', 'HUGEINT')"
    keys = "('months_since', 'window_rank', 'token_rank', 'rank_in_category', 'category_rank')"
    marts = {mart for _, mart_sql in PARITY.values() for mart in re.findall(r"\brpt_\w+", mart_sql)}
    planted = {
        "wrong": f"""
            select 'update marts.' || table_name || ' set ' || string_agg(column_name || ' = ' || column_name ||
                case data_type when 'DOUBLE' then ' * (1 + 1e-8)' else ' + 1' end, ', ')
            from duckdb_columns()
            where list_contains(?, table_name) and data_type in {numbers} and column_name not in {keys}
            group by table_name""",
        "missing": """
            select 'delete from marts.' || table_name || ' where rowid % 2 = 0'
            from duckdb_tables() where list_contains(?, table_name)""",
    }
    for what, statements in planted.items():
        copy = shared_warehouse.root / f"{what}.duckdb"
        copy.write_bytes(five_months.database.read_bytes())
        with duckdb.connect(str(copy)) as connection:
            changed = connection.execute(statements, [sorted(marts)]).fetchall()
            assert len(changed) == len(marts)
            for (statement,) in changed:
                connection.execute(statement)
        both = Both(semantic_manifest, copy)
        try:
            unnoticed = [name for name in PARITY if not compare(both, name)[1]]
        finally:
            both.layer.close()
        assert not unnoticed, (what, unnoticed)
