"""Every custom generic test and every singular test is seen to fail on a planted bad row, and to pass without it."""

from __future__ import annotations

from conftest import CORE, Warehouse, failures
from landings import land_two_weeks

# (generic test, model it is attached to) -> the bad row.
GENERIC = {
    ("accepted_range", "rpt_source_type_weekly"): "update marts.rpt_source_type_weekly set token_share = 1.01",
    # A null is no number in the range.
    ("accepted_range", "rpt_oss_size_weekly"): "update marts.rpt_oss_size_weekly set active_models = null",
    # The last of the columns that are read together.
    ("not_null", "dim_countries"): "update marts.dim_countries set region = null where country_code = 'NA'",
    ("shares_sum_to_one", "rpt_oss_models_weekly"): """
        update marts.rpt_oss_models_weekly set share_of_oss = share_of_oss * 0.999""",
    ("expression_is_true", "rpt_source_reconciliation"): """
        update marts.rpt_source_reconciliation set accepted_rows = accepted_rows - 1 where source_name like '%generations'""",
    ("primary_key", "rpt_oss_size_weekly"): """
        insert into marts.rpt_oss_size_weekly from marts.rpt_oss_size_weekly limit 1""",
    # A key that is there once, and is null.
    ("primary_key", "rpt_oss_authors"): "update marts.rpt_oss_authors set author_slug = null where token_rank = 1",
    # The key is unique, and the expression that is checked with it does not hold.
    ("primary_key", "sem_usage_daily"): """
        update marts.fct_usage_daily set visible_output_tokens = visible_output_tokens + 1""",
    ("unique_by_hash", "int_generations"): """
        insert into intermediate.int_generations_checked
        select * replace (file_row_number + 1000000 as file_row_number) from intermediate.int_generations_checked
        where quarantine_reason is null limit 1""",
    ("matches_pattern", "dim_days"): "update marts.dim_days set iso_week = '2025-01'",
    ("same_total", "fct_account_model_months"): """
        update marts.fct_account_model_months set generations = generations + 2""",
    # The second of the columns that are compared together.
    ("same_total", "sem_usage_daily"): "update marts.fct_usage_daily set generations = generations + 1",
    ("row_count_between", "rpt_load_summary"): "insert into marts.rpt_load_summary from marts.rpt_load_summary",
    ("no_overlapping_periods", "free_access_periods"): """
        insert into reference.free_access_periods
        select model_id, starts_on + 1, ends_on, note from reference.free_access_periods""",
    ("values_not_in", "model_aliases"): """
        insert into reference.model_aliases select model_id, model_id, '' from reference.models limit 1""",
}

SINGULAR = {
    "quarantined_records_are_all_listed": """
        insert into marts.rpt_quarantined_generations
        values ('k', 'openrouter.generations', '2025-06-08', 'f', null, 'future_timestamp', '{}')""",
    "quarantined_records_hold_a_small_share": """
        update marts.rpt_source_reconciliation set quarantined_rows = raw_rows""",
    "rpt_cost_usage_fit_is_the_line_of_its_points": """
        update marts.rpt_cost_usage_fit set models = models + 1 where scope = 'all'""",
    "rpt_model_release_impact_ties_to_the_fact": """
        update marts.rpt_model_release_impact set source_share_before = 0.5""",
    "rpt_oss_concentration_weekly_ties_to_the_fact": "update marts.rpt_oss_concentration_weekly set hhi = hhi + 0.001",
    "unknown_values_hold_a_small_share": "update marts.rpt_taxonomy_coverage set token_share = 0.06",
    "seed_category_paths_all_reach_a_tag": "delete from marts.dim_category_paths where path = '/Sports/Other'",
    "seed_category_paths_complete": "delete from reference.category_paths where path = '/Adult'",
    "seed_countries_keep_namibia": "update reference.countries set country_code = null where country_name = 'Namibia'",
    "seed_model_prices_begin_with_the_model": """
        update reference.models set released_on = released_on - 1 where model_id = 'openai/gpt-4'""",
    "seed_model_prices_have_no_gaps": """
        update reference.model_prices set valid_to = valid_to - 1 where valid_to is not null""",
    "seed_tag_rules_match_something": """
        insert into reference.tag_rules values ('/No Such Branch', 'prefix', 'others', '')""",
    "seed_tag_rules_versions_agree": """
        update marts.dim_category_paths set tag = 'elsewhere' where path = '/Computers & Electronics/Programming'""",
    "seed_tags_break_down_categories": "delete from reference.tags where category = 'legal'",
    "seed_tags_reach_a_path": "insert into reference.tags (tag, category) values ('stray', 'legal')",
    "seed_usage_cost_segments_do_not_overlap": "update reference.usage_cost_segments set min_cost = null, max_cost = null",
}


def test_every_test_has_a_planted_row(manifest: dict):
    own = {
        macro["name"].removeprefix("test_")
        for macro in manifest["macros"].values()
        if macro["package_name"] == "llm_traffic" and macro["name"].startswith("test_")
    }
    assert own == {name for name, _ in GENERIC}
    singular = {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and not node.get("test_metadata")
    }
    assert singular == set(SINGULAR)


def test_each_fails_on_its_planted_row(warehouse: Warehouse, manifest: dict):
    land_two_weeks(warehouse)
    warehouse.selection = (
        *CORE,
        "+rpt_oss_concentration_weekly",
        "+rpt_cost_usage_fit",
        "dim_days",
        "+sem_usage_daily",
    )
    warehouse.build()
    # The two weeks are meant to be bad: a fifth of the tokens on an unknown model, a fifth of the rows in quarantine.
    warehouse.execute("update marts.rpt_taxonomy_coverage set token_share = 0.01")
    warehouse.execute("update marts.rpt_source_reconciliation set quarantined_rows = 0, accepted_rows = raw_rows")
    warehouse.execute("delete from marts.rpt_quarantined_generations")
    warehouse.execute("update marts.rpt_source_reconciliation set duplicate_rows = 0, late_rows = 0")

    attached = {
        node["unique_id"]: (node["test_metadata"]["name"], node["attached_node"].split(".")[-1])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node.get("test_metadata")
    }
    wanted = [unique_id.split(".")[2] for unique_id, key in attached.items() if key in GENERIC] + list(SINGULAR)
    run = ("test", "--vars", "{unknown_share_min_generations: 1}", "--select", *wanted)

    result = warehouse.dbt(*run)
    assert result.success, failures(result)

    for statement in [*GENERIC.values(), *SINGULAR.values()]:
        warehouse.execute(statement)
    result = warehouse.dbt(*run)
    failed = {node.node.unique_id for node in result.result.results if node.status == "fail"}
    errors = [node.node.unique_id for node in result.result.results if node.status == "error"]
    assert not errors
    failed_generic = {attached[unique_id] for unique_id in failed if unique_id in attached}
    assert set(GENERIC) <= failed_generic, set(GENERIC) - failed_generic
    failed_singular = {unique_id.split(".")[2] for unique_id in failed if unique_id not in attached}
    assert failed_singular == set(SINGULAR), set(SINGULAR) - failed_singular


def test_limits_of_bad_shares_are_options(warehouse: Warehouse):
    """Of the two weeks' tokens 400 of 2,000 are on a model that nobody knows, of their rows two of ten in quarantine."""
    warehouse.land_and_build(land_two_weeks)
    tests = ("unknown_values_hold_a_small_share", "quarantined_records_hold_a_small_share")
    for unknown, quarantined, failed in [(0.19, 0.1, set(tests)), (0.5, 0.5, set())]:
        options = (
            "{unknown_share_min_generations: 1, "
            f"max_unknown_token_share: {unknown}, max_quarantined_share: {quarantined}}}"
        )
        result = warehouse.dbt("test", "--vars", options, "--select", *tests)
        assert {node.node.name for node in result.result.results if node.status == "fail"} == failed
