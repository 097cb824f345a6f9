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
