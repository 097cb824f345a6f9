"""The five facts in ClickHouse (chdb, in this process), from the same landing; see chdb.sql."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from chdb.session import Session

from scripts.benchmark.engine import Task, leave_parts, task_from_command_line

SCRIPT = Path(__file__).with_name("chdb.sql")
TEXT = ["id", "account_id", "model", "api_type", "finish_reason", "native_finish_reason", "prompt_language"]
COUNTS = [
    "tokens_prompt", "tokens_completion", "native_tokens_prompt", "native_tokens_completion", "native_tokens_reasoning",
    "native_tokens_cached", "latency", "generation_time",
]  # fmt: skip
NUMBERS = ["total_cost", "upstream_inference_cost", "cache_discount"]
FLAGS = ["streamed", "cancelled", "is_byok", "tools_provided"]


def columns(kinds: dict[str, list[str]]) -> str:
    """A structure as ClickHouse's file function takes it, inside a text literal."""
    return ", ".join(f"{name} Nullable({kind})" for kind, names in kinds.items() for name in names).replace("'", "\\'")


def statements(task: Task) -> list[str]:
    """The script's statements, filled in."""
    folder = task.landing / "openrouter" / "generations"
    files = sorted(folder.glob("*/*.parquet"))
    is_text = {file: pq.read_schema(file).field("created_at").type == pa.string() for file in files}
    chosen = {kind: [str(f.relative_to(folder)) for f in files if is_text[f] is kind] for kind in (False, True)}
    values = {
        "landing": str(task.landing),
        "key": task.key.replace("\\", "\\\\").replace("'", "\\'"),
        "facts": str(task.output),
        # A pattern that began with a brace would be no absolute path.
        "typed_files": f"{folder}/{{{','.join(chosen[False])}}}",
        "text_files": f"{folder}/{{{','.join(chosen[True])}}}",
        "typed_columns": columns(
            {
                "String": TEXT,
                "DateTime64(6, 'UTC')": ["created_at"],
                "Int64": COUNTS,
                "Float64": NUMBERS,
                "Bool": FLAGS,
            }
        ),
        "text_columns": columns({"String": [*TEXT, "created_at", *COUNTS, *NUMBERS, *FLAGS]}),
    }  # fmt: skip
    script = SCRIPT.read_text(encoding="utf-8")
    if not chosen[True]:
        script = re.sub(r"-- begin of text files.*-- end of text files\n", "", script, flags=re.S)
    script = re.sub(r"^--.*\n", "", script, flags=re.M)
    for name, value in values.items():
        script = script.replace("{{" + name + "}}", value)
    return [statement for statement in re.split(r";\s*\n", script) if statement.strip()]


def run(task: Task) -> dict[str, float]:
    """Write each fact as Parquet into the task's folder; returns wall seconds of records and of facts."""
    seconds = {"records": 0.0, "facts": 0.0}
    session = Session(str(task.output / "clickhouse"))
    for name, value in {
        "max_threads": task.threads,
        "max_memory_usage": task.memory_bytes,
        "max_bytes_before_external_group_by": task.memory_bytes // 2,
        "max_bytes_before_external_sort": task.memory_bytes // 2,
        "allow_suspicious_low_cardinality_types": 1,
        "output_format_parquet_string_as_string": 1,
        "session_timezone": "'UTC'",
        # As in standard SQL: a name means the column, where there is one, and not the expression beside it.
        "prefer_column_name_to_alias": 1,
    }.items():
        session.query(f"set {name} = {value}")
    for statement in statements(task):
        started = time.monotonic()
        session.query(statement)
        seconds["facts" if "insert into" in statement else "records"] += time.monotonic() - started
    session.close()
    return seconds


if __name__ == "__main__":
    given = task_from_command_line(__doc__)
    leave_parts(given.output, run(given))
