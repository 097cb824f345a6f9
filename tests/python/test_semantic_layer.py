"""The semantic layer: complete, described, valid, answered by any dimension, in seconds, without a call to a network."""

from __future__ import annotations

import csv
import datetime
import io
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import PROJECT, Warehouse
from dbt_metricflow.cli import main as metricflow_main
from semantic import Both

from scripts import ask, metric_dictionary, mf

FIGURES = {f"Figure {number}" for number in range(1, 30)} | {f"Table {number}" for number in range(1, 4)}
DAY = datetime.datetime


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection that Python opens fails the test."""

    def refuse(*arguments: object, **_: object) -> None:
        raise AssertionError(f"a call to a network: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def asked(five_months: Both, semantic_manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    """Run scripts.ask on the hand-made landing: (exit code, standard output, standard error)."""
    monkeypatch.setenv("PUBLISHED_PATH", str(five_months.database))
    monkeypatch.setattr(ask, "semantic_manifest", lambda: semantic_manifest)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = ask.main(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


# -- what is there ------------------------------------------------------------------------------------------------------


def test_metrics_say_what_they_are(manifest: dict):
    families = metric_dictionary.yaml.safe_load(metric_dictionary.FAMILIES.read_text(encoding="utf-8"))
    visible = [metric for metric in manifest["metrics"].values() if not metric["type_params"]["is_private"]]
    assert len(visible) >= 50
    assert {metric["type"] for metric in visible} == {"simple", "ratio", "derived", "cumulative"}
    labels = [metric["label"] for metric in manifest["metrics"].values()]
    assert len(labels) == len(set(labels))
    for metric in manifest["metrics"].values():
        meta = metric["config"]["meta"]
        assert metric["description"].strip() and "Unit: " in metric["description"], metric["name"]
        assert metric["label"] != metric["name"], metric["name"]
        assert set(meta) == {"unit", "paper", "family"}, metric["name"]
        assert meta["family"] in families, metric["name"]
        for paper in metric_dictionary.as_list(meta["paper"]):
            assert paper in FIGURES or paper == "not in the paper", metric["name"]
    # A family that no metric is of, or that says nothing about a tool, would be a stub.
    assert {metric["config"]["meta"]["family"] for metric in visible} == set(families)
    for name, family in families.items():
        assert set(family) == {"title", "says", "openrouter", "litellm", "langfuse"}, name


def test_dimensions_and_entities_say_what_they_are(manifest: dict):
    for model in manifest["semantic_models"].values():
        assert model["description"].strip()
        for dimension in model["dimensions"]:
            assert dimension["label"] and (dimension["description"] or "").strip(), (model["name"], dimension["name"])
        for entity in model["entities"]:
            column = entity["expr"] or entity["name"]
            node = manifest["nodes"][model["depends_on"]["nodes"][0]]
            assert (entity["description"] or node["columns"][column]["description"]).strip()


def test_each_figure_is_a_saved_query_or_only_a_marts(manifest: dict):
    said = {paper for query in manifest["saved_queries"].values() for paper in query["config"]["meta"]["paper"]}
    only_marts = manifest["exposures"]["exposure.llm_traffic.study_report"]["config"]["meta"]["only_marts_say"]
    assert said | set(only_marts) == FIGURES
    assert not said & set(only_marts)
    assert all(len(reason) > 30 for reason in only_marts.values())
    of_mart = {
        node["name"]: metric_dictionary.as_list(node["config"]["meta"]["paper"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["name"].startswith("rpt_")
    }
    for query in manifest["saved_queries"].values():
        meta = query["config"]["meta"]
        assert query["description"].strip() and query["label"], query["name"]
        assert set(meta["paper"]) <= set(of_mart[meta["mart"]]), query["name"]


def test_every_category_has_its_share(manifest: dict):
    """Shares of categories are one metric a category: a new one in the seed needs one, too."""
    with (PROJECT / "seeds/taxonomy/tags.csv").open(newline="") as file:
        categories = {row["category"] for row in csv.DictReader(file)}
    wanted = {f"metric.llm_traffic.{category.replace('/', '_')}_token_share" for category in categories}
    assert wanted <= set(manifest["metrics"])
    for category in categories - {"others"}:
        of_tokens = manifest["metrics"][f"metric.llm_traffic.{category.replace('/', '_')}_tokens"]
        assert f"category = '{category}'" in of_tokens["type_params"]["expr"]


def test_exposures_have_owners_and_name_every_report_mart(manifest: dict):
    exposures = manifest["exposures"].values()
    assert {"study_report", "bi_dashboards"} <= {exposure["name"] for exposure in exposures}
    for exposure in exposures:
        assert exposure["description"].strip() and exposure["label"] and exposure["owner"]["name"], exposure["name"]
        for node in exposure["depends_on"]["nodes"]:
            # The project's own gate may ask facts; what others build stands on the interface.
            allowed = ("public", "protected") if exposure["name"] == "published_study_report" else ("public",)
            assert manifest["nodes"][node]["access"] in allowed, (exposure["name"], node)
    read = {node for exposure in exposures for node in exposure["depends_on"]["nodes"]}
    public = {
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["access"] == "public"
    }
    assert public <= read


def test_access_follows_the_layer(manifest: dict):
    for group in manifest["groups"].values():
        assert group["description"].strip() and group["owner"]["name"]
    for node in manifest["nodes"].values():
        if node["resource_type"] != "model":
            continue
        assert f"group.llm_traffic.{node['group']}" in manifest["groups"], node["name"]
        layer = node["path"].split("/")[0]
        expected = "private" if layer in ("staging", "intermediate") else "public"
        assert node["access"] == ("protected" if node["name"].startswith("fct_") else expected), node["name"]
    assert {metric["group"] for metric in manifest["metrics"].values()} == {"semantic_layer"}


def test_the_dictionary_is_not_stale(manifest: dict, semantic_manifest: Path):
    page = metric_dictionary.render(*metric_dictionary.load(semantic_manifest.parent))
    assert metric_dictionary.PAGE.read_text(encoding="utf-8") == page, "run `python -m scripts.metric_dictionary`"
    # And it would be noticed: another description is another page.
    _, layer = metric_dictionary.load(semantic_manifest.parent)
    changed = json.loads(json.dumps(manifest))
    changed["metrics"]["metric.llm_traffic.total_tokens"]["description"] = "Something else."
    assert metric_dictionary.render(changed, layer) != page


# -- what MetricFlow says of it -----------------------------------------------------------------------------------------


def metricflow(shared_warehouse: Warehouse, five_months: Both, semantic_manifest: Path, *arguments: str) -> str:
    """Output of MetricFlow's command line, on the serving file, which is the hand-made landing's."""
    # It reads the folder `target` of the project, wherever dbt was told to write.
    target = shared_warehouse.project / "target"
    target.mkdir(exist_ok=True)
    (target / "semantic_manifest.json").write_bytes(semantic_manifest.read_bytes())
    environment = os.environ | shared_warehouse.environment
    environment |= {"DBT_TARGET": "bi", "PUBLISHED_PATH": str(five_months.database), "PYTHONPATH": str(PROJECT)}
    result = subprocess.run(
        [sys.executable, "-m", "scripts.mf", *arguments],
        cwd=shared_warehouse.root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return re.sub(r"\x1b\[[0-9;]*m", "", result.stdout + result.stderr)


@pytest.mark.slow
def test_validate_configs_passes(shared_warehouse: Warehouse, five_months: Both, semantic_manifest: Path):
    output = metricflow(shared_warehouse, five_months, semantic_manifest, "validate-configs", "--show-all")
    summaries = re.findall(r"ERRORS: (\d+), FUTURE_ERRORS: (\d+), WARNINGS: (\d+)", output)
    # The manifest itself, then semantic models, dimensions, entities, measures and metrics against the tables.
    assert len(summaries) == 6, output
    assert set(summaries) == {("0", "0", "0")}, output


def test_list_metrics_shows_all(shared_warehouse: Warehouse, five_months: Both, semantic_manifest: Path):
    output = metricflow(shared_warehouse, five_months, semantic_manifest, "list", "metrics")
    listed = set(re.findall(r"^• (\w+):", output, re.MULTILINE))
    assert listed == set(five_months.layer.visible_metrics())


def test_metricflows_command_line_asks_nobody_for_a_newer_version(monkeypatch: pytest.MonkeyPatch, no_network: None):
    class Refusing:
        def check(self, *_: object, **__: object) -> None:
            raise AssertionError("asked for a newer version")

    monkeypatch.setattr(metricflow_main, "UpdateChecker", Refusing)
    monkeypatch.setattr(sys, "argv", ["mf", "health-checks", "--help"])
    with pytest.raises(AssertionError, match="newer version"):
        metricflow_main.cli(prog_name="mf")
    with pytest.raises(SystemExit) as stopped:
        mf.main()
    assert stopped.value.code == 0


# -- answers ------------------------------------------------------------------------------------------------------------


def test_every_metric_answers_by_three_dimensions(five_months: Both):
    """The dictionary's example of each metric, as three questions of one dimension and time each."""
    layer = five_months.layer
    unanswered = []
    for metric in layer.visible_metrics():
        (table,) = layer.own_tables([metric])
        dimensions = layer.dimensions([metric])
        *two, grain = metric_dictionary.EXAMPLES[table]
        by_time = ask.resolve(layer, grain, [metric], dimensions)
        assert by_time.startswith("metric_time__")
        for name in (*two, "model__author_slug"):
            by = ask.resolve(layer, name, [metric], dimensions)
            if not layer.query([metric], [by, by_time]).row_count:
                unanswered.append((metric, by))
        assert len(dimensions) >= 3
    assert not unanswered


def test_questions_of_three_dimensions_take_seconds(study: Both):
    questions = {
        "reasoning_token_share": ["country__region", "model__source_type", "metric_time__month"],
        "sampled_cost_per_1m_usd": ["sample__category", "model__author", "metric_time__week"],
    }
    for metric, by in questions.items():
        begin = time.perf_counter()
        rows = study.layer.query([metric], by).row_count
        assert rows > 100
        assert time.perf_counter() - begin < 5, metric


def test_running_totals_and_growth_by_hand(five_months: Both):
    """Tokens by week of the two weeks, of 7 July and so on: running sums, 28 days, and change against the week before."""
    answer = five_months.layer.query(
        ["total_tokens", "cumulative_tokens", "trailing_4_week_tokens", "week_over_week_token_growth"],
        ["metric_time__week"],
    )
    rows = {row[0]: row[1:] for row in answer.rows}
    # 2 June: 100 + 100 + 300 + 500; 9 June: 600 + 400 + 100 + 100.
    assert rows[DAY(2025, 6, 2)] == (1000, 1000, 1000, None)
    assert rows[DAY(2025, 6, 9)] == (1200, 2200, 2200, pytest.approx(0.2))
    # 7 July: 1200 + 2100 + 0 + 750 + 440 + 330 + 880; the 28 days before 13 July begin on 16 June.
    assert rows[DAY(2025, 7, 7)] == (5700, 7900, 5700, None)
    # 1 September: 550 + 120.
    assert rows[DAY(2025, 9, 1)] == (670, 8570, 670, None)


def test_cohorts_and_accounts_by_hand(five_months: Both):
    layer = five_months.layer
    chat = ["{{ Entity('model') }} = 'deepseek/deepseek-chat'"]
    retention = layer.query(["month_1_retention", "month_3_retention", "new_model_accounts"], ["model"], chat)
    # Three accounts began in June; one of them is there in July, and in September.
    assert [row[1:] for row in retention.rows] == [(pytest.approx(1 / 3), pytest.approx(1 / 3), 3)]
    months = layer.query(["active_accounts", "new_accounts", "retained_accounts"], ["metric_time__month"])
    rows = {row[0]: row[1:] for row in months.rows}
    assert rows[DAY(2025, 6, 1)] == (3, 3, 0)
    # acc_a, acc_b and acc_c come back; acc_d is new.
    assert rows[DAY(2025, 7, 1)] == (4, 1, 3)
    assert rows[DAY(2025, 9, 1)] == (2, 0, 2)


def test_granularities_and_months_of_a_models_life(five_months: Both):
    layer = five_months.layer
    weeks = dict(layer.query(["total_tokens"], ["metric_time__iso_week"]).rows)
    assert weeks["2025-W23"] == 1000 and weeks["2025-W24"] == 1200
    halves = dict(layer.query(["total_tokens"], ["metric_time__study_half_year"]).rows)
    assert halves == {DAY(2025, 5, 1): sum(weeks.values())}
    released = five_months.connection.sql(
        "select extract(year from released_on), extract(month from released_on) from dim_models"
        " where model_id = 'openai/gpt-4o-mini'"
    ).fetchone()
    ages = layer.query(
        ["generations"], ["usage__months_since_release"], ["{{ Entity('model') }} = 'openai/gpt-4o-mini'"]
    )
    june = 12 * (2025 - released[0]) + 6 - released[1]
    assert sorted(row[0] for row in ages.rows) == [june, june + 1, june + 4]


# -- asking -------------------------------------------------------------------------------------------------------------


def test_ask_answers_without_a_network(asked, no_network: None):
    code, output, _ = asked("total_tokens", "--by", "week", "source_type", "--csv")
    rows = list(csv.DictReader(io.StringIO(output)))
    assert code == 0
    assert rows[0] == {"metric_time__week": "2025-06-02", "model__source_type": "chinese_oss", "total_tokens": "300"}
    code, output, note = asked("spend_usd", "--by", "region", "--order-desc", "spend_usd", "--limit", "1")
    assert code == 0 and "Africa" not in output and "1 row" in note
    code, output, _ = asked("--saved-query", "figure_12_tool_calls", "--limit", "1")
    assert code == 0 and output.splitlines()[2].startswith("2025-06-02")
    code, output, _ = asked("total_tokens", "--where", "source_type = 'closed' and week >= '2025-06-09'", "--csv")
    # 7 July: 1200 + 2100 + 750 + 880; 1 October: 20.
    assert (code, output.splitlines()) == (0, ["total_tokens", "4950"])
    code, output, _ = asked("total_tokens", "--by", "week", "--sql")
    assert code == 0 and "sem_usage_daily" in output


def test_ask_names_what_exists(asked, no_network: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for arguments, said in {
        ("total_tokns",): ["no metric `total_tokns`", "total_tokens", "--list"],
        ("total_tokens", "--by", "continent"): ["cannot be asked by `continent`", "country__region", "study_half_year"],
        ("total_tokens", "--by", "sample__category"): ["`sample__category`", "model__source_type"],
        ("active_accounts", "--by", "week"): ["`week`", "as time month, quarter, year"],
        ("total_tokens", "--where", "colour = 'red'"): ["cannot be asked by `colour`", "model__source_type"],
        ("total_tokens", "--where", "is_byok = 7 7"): ["cannot answer", "syntax error"],
        ("tag_tokens", "--by", "category", "--where", "tag__nothing = 1"): ["`tag__nothing`", "tag__study_bucket"],
        ("--saved-query", "figure_12"): ["no saved query `figure_12`", "figure_12_tool_calls"],
        ("total_tokens", "--saved-query", "figure_12_tool_calls"): ["leave those out"],
        ("week_over_week_token_growth",): ["metric_time"],
    }.items():
        code, output, message = asked(*arguments)
        assert code == 1 and not output, arguments
        assert "Traceback" not in message
        for words in said:
            assert words in message, (arguments, message)
    code, output, _ = asked("--list")
    assert code == 0 and "cost_per_1m_usd" in output and "figure_12_tool_calls" in output
    code, output, _ = asked("cost_per_1m_usd", "--list")
    assert code == 0 and "country__region" in output
    monkeypatch.setenv("PUBLISHED_PATH", str(tmp_path / "nothing.duckdb"))
    code, _, message = asked("total_tokens")
    assert code == 1 and "does not exist" in message


def test_the_readmes_questions_have_rows_on_the_simulated_study(
    study: Both, semantic_manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr(ask, "semantic_manifest", lambda: semantic_manifest)
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    questions = re.findall(r"^\.venv/bin/python -m scripts\.ask (.+?)(?:\s+#.*)?$", text, re.MULTILINE)
    answered = 0
    for question in questions:
        arguments = shlex.split(question)
        assert ask.main([*arguments, "--csv"]) == 0, question
        if "--list" not in arguments:
            assert len(capsys.readouterr().out.splitlines()) > 1, question
            answered += 1
    assert answered >= 5
