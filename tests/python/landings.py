"""Small hand-made landings with known answers."""

from __future__ import annotations

from conftest import Warehouse

# Full width on purpose: a test that leaves a column out says so with `exclude`.
GENERATION = {
    "id": "text",
    "created_at": "timestamp",
    "account_id": "text",
    "model": "text",
    "provider_name": "text",
    "app_id": "text",
    "api_type": "text",
    "streamed": "boolean",
    "cancelled": "boolean",
    "is_byok": "boolean",
    "tools_provided": "boolean",
    "finish_reason": "text",
    "native_finish_reason": "text",
    "tokens_prompt": "bigint",
    "tokens_completion": "bigint",
    "native_tokens_prompt": "bigint",
    "native_tokens_completion": "bigint",
    "native_tokens_reasoning": "bigint",
    "native_tokens_cached": "bigint",
    "total_cost": "double",
    "upstream_inference_cost": "double",
    "cache_discount": "double",
    "latency": "bigint",
    "generation_time": "bigint",
    "prompt_language": "text",
}


def generations(rows: list[dict], types: dict[str, str] | None = None, exclude: tuple[str, ...] = ()) -> str:
    """A query that gives these generation records; columns that a row leaves out are null, some have a default."""
    defaults = {"account_id": "acc_a", "model": "openai/gpt-4o-mini", "finish_reason": "stop", "total_cost": 0.01}
    columns = {name: kind for name, kind in (GENERATION | (types or {})).items() if name not in exclude}
    selects = []
    for row in rows:
        unknown = set(row) - set(columns)
        assert not unknown, f"no such columns: {unknown}"
        full = defaults | row
        selects.append(
            "select "
            + ", ".join(f"cast({_literal(full.get(name))} as {kind}) as {name}" for name, kind in columns.items())
        )
    return " union all ".join(selects)


def _literal(value: object) -> str:
    if value is None:
        return "null"
    return "'" + str(value).replace("'", "''") + "'"


def generation(number: int, day: str, prompt: int, completion: int, **columns: object) -> dict:
    """One record by its number, day, and native token counts."""
    return {
        "id": f"gen-1748736000-{number:020d}",
        "created_at": f"{day} 12:00:00",
        "native_tokens_prompt": prompt,
        "native_tokens_completion": completion,
    } | columns


def land_two_weeks(warehouse: Warehouse, extension: str = "parquet") -> None:
    """Monday 2025-06-02 to Sunday 2025-06-15: six usable generations, one duplicate, two bad rows, two accounts, three labels.

    Week of 2 June: closed 100 + 100 tokens, Chinese open 300, rest-of-world open 500. Week of 9 June: Chinese open 600, an
    unknown model 400.
    """
    warehouse.land(
        f"openrouter/generations/ingest_date=2025-06-08/part-0.{extension}",
        generations(
            [
                generation(1, "2025-06-02", 90, 10, model="openai/gpt-4o-mini", finish_reason="tool_calls"),
                generation(
                    2, "2025-06-03", 60, 40, model="anthropic/claude-sonnet-4", account_id="acc_b", is_byok=True
                ),
                generation(3, "2025-06-08", 250, 50, model="deepseek/deepseek-r1:free", native_tokens_reasoning=40),
                generation(
                    4, "2025-06-08", 450, 50, model="meta-llama/llama-3.3-70b-instruct", native_tokens_cached=400
                ),
                # Never counted: another kind of request.
                generation(8, "2025-06-08", 7000, 0, model="openai/text-embedding-3-small", api_type="embeddings"),
                # Bad: the completion is smaller than the reasoning inside it.
                generation(9, "2025-06-08", 10, 5, native_tokens_reasoning=6),
            ]
        ),
    )
    warehouse.land(
        f"openrouter/generations/ingest_date=2025-06-15/part-0.{extension}",
        generations(
            [
                generation(5, "2025-06-09", 500, 100, model="deepseek/deepseek-chat", prompt_language="zh-cn"),
                generation(
                    6, "2025-06-15", 300, 100, model="nobody/new-model", finish_reason=None, native_finish_reason="odd"
                ),
                # The same record again, a week later.
                generation(1, "2025-06-02", 90, 10, model="openai/gpt-4o-mini", finish_reason="tool_calls"),
                # Bad: from the future.
                generation(10, "2025-06-17", 1, 1),
            ]
        ),
    )
    warehouse.land(
        f"openrouter/accounts/ingest_date=2025-06-08/part-0.{extension}",
        """
        select 'acc_a' as account_id, ' us' as billing_country_code, timestamp '2025-06-01 00:00:00' as updated_at
        union all
        select 'acc_b', 'NA', timestamp '2025-06-01 00:00:00'
        """,
    )
    warehouse.land(
        f"openrouter/classifications/ingest_date=2025-06-15/part-0.{extension}",
        f"""
        select '{generation(3, "", 0, 0)["id"]}' as generation_id, '/Games/Roleplaying Games' as path,
               0.9 as confidence, timestamp '2025-06-09 00:00:00' as classified_at
        union all
        select '{generation(5, "", 0, 0)["id"]}', '/Sports/Other', 0.8, timestamp '2025-06-10 00:00:00'
        union all
        select 'gen-1748736000-never-arrived', '/Adult', 0.8, timestamp '2025-06-10 00:00:00'
        """,
    )


def land_five_months(warehouse: Warehouse, extension: str = "parquet") -> None:
    """The two weeks, and 2025-07-07 to 2025-10-01 after them, so that every mart has rows: June to September are over.

    Priced, free, BYOK and unknown models, a reasoning model that is paid for, an author that spend shares leave out, an empty
    generation, tools that were provided, regions and languages that a seed knows or not, labels with and without tokens. Of
    the three accounts that began in June on deepseek/deepseek-chat one comes back in July and in September.
    """
    land_two_weeks(warehouse, extension)
    rows = [
        generation(20, "2025-07-07", 1000, 200, model="openai/o3", native_tokens_reasoning=150, total_cost=0.03),
        generation(21, "2025-07-08", 2000, 100, model="x-ai/grok-code-fast-1", total_cost=0.02, account_id="acc_b"),
        generation(22, "2025-07-08", 0, 0, model="openai/gpt-4o-mini", total_cost=0),
        generation(23, "2025-07-09", 700, 50, model="anthropic/claude-sonnet-4", total_cost=0.05, tools_provided=True,
                   finish_reason="tool_calls", account_id="acc_c", prompt_language="en"),
        generation(24, "2025-07-10", 400, 40, model="deepseek/deepseek-chat", total_cost=0.001, prompt_language="eng"),
        generation(25, "2025-07-11", 300, 30, model="meta-llama/llama-3.1-8b-instruct", total_cost=0.0005,
                   account_id="acc_d", prompt_language="ru"),
        generation(26, "2025-07-12", 800, 80, model="anthropic/claude-sonnet-4", total_cost=0.04, is_byok=True,
                   upstream_inference_cost=0.03),
        generation(27, "2025-09-01", 500, 50, model="deepseek/deepseek-chat", total_cost=0.002, cache_discount=0.001,
                   native_tokens_cached=250),
        generation(28, "2025-09-02", 100, 20, model="openai/gpt-oss-120b", total_cost=0.0001, account_id="acc_d"),
        generation(29, "2025-10-01", 10, 10, model="openai/gpt-4o-mini", total_cost=0.0001, cancelled=True),
        generation(30, "2025-06-10", 90, 10, model="deepseek/deepseek-chat", account_id="acc_b", total_cost=0.002),
        generation(31, "2025-06-11", 80, 20, model="deepseek/deepseek-chat", account_id="acc_c", total_cost=0.002),
    ]  # fmt: skip
    warehouse.land(f"openrouter/generations/ingest_date=2025-10-01/part-0.{extension}", generations(rows))
    warehouse.land(
        f"openrouter/accounts/ingest_date=2025-10-01/part-0.{extension}",
        """
        select 'acc_c' as account_id, 'DE' as billing_country_code, timestamp '2025-07-01 00:00:00' as updated_at
        union all
        select 'acc_d', 'ZZ', timestamp '2025-07-01 00:00:00'
        """,
    )
    programming = "/Computers & Electronics/Programming"
    labels = [
        (20, programming, 0.9),
        # Further labels, which count under the other attributions only.
        (20, f"{programming}/Java (Programming Language)", 0.8),
        (20, "/Games/Roleplaying Games", 0.6),
        (21, programming, 0.9),
        (22, programming, 0.9),
        (23, f"{programming}/Java (Programming Language)", 0.9),
        (23, "/Sports/Other", 0.7),
        (24, "/Games/Roleplaying Games", 0.9),
        (25, "/Sports/Other", 0.9),
        (26, programming, 0.9),
        (27, "/Health/Other", 0.9),
        (30, "/Games/Roleplaying Games", 0.9),
    ]
    warehouse.land(
        f"openrouter/classifications/ingest_date=2025-10-01/part-0.{extension}",
        " union all ".join(
            f"select '{generation(number, '', 0, 0)['id']}' as generation_id, '{path}' as path,"
            f" {confidence} as confidence, timestamp '2025-10-01 00:00:00' as classified_at"
            for number, path, confidence in labels
        ),
    )
