"""Writing landing partitions: one file a day and dataset, in Parquet, CSV or JSON lines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from .calibration import iso_day

MARKER = "SIMULATED.json"
TEXT, INTEGER, NUMBER, BOOLEAN = pa.string(), pa.int64(), pa.float64(), pa.bool_()
TIME = pa.timestamp("us")
SCHEMAS: dict[str, pa.Schema] = {
    "generations": pa.schema(
        [
            ("id", TEXT), ("created_at", TIME), ("account_id", TEXT), ("model", TEXT), ("provider_name", TEXT),
            ("app_id", TEXT), ("api_type", TEXT), ("router", TEXT), ("streamed", BOOLEAN), ("cancelled", BOOLEAN),
            ("is_byok", BOOLEAN), ("tools_provided", BOOLEAN), ("finish_reason", TEXT), ("native_finish_reason", TEXT),
            ("tokens_prompt", INTEGER), ("tokens_completion", INTEGER), ("native_tokens_prompt", INTEGER),
            ("native_tokens_completion", INTEGER), ("native_tokens_reasoning", INTEGER),
            ("native_tokens_cached", INTEGER), ("total_cost", NUMBER), ("upstream_inference_cost", NUMBER),
            ("cache_discount", NUMBER), ("latency", INTEGER), ("generation_time", INTEGER), ("prompt_language", TEXT),
        ]
    ),
    "accounts": pa.schema([("account_id", TEXT), ("billing_country_code", TEXT), ("updated_at", TIME)]),
    "classifications": pa.schema(
        [("generation_id", TEXT), ("path", TEXT), ("confidence", NUMBER), ("classified_at", TIME)]
    ),
}  # fmt: skip


def arrow_column(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """One column; NaN (numbers), None (objects) and empty bytes mean null. Seconds since 1970 become timestamps."""
    if values.dtype.kind == "S":
        return pa.array(values, mask=values == b"").cast(TEXT)
    if values.dtype.kind == "f":
        missing = np.isnan(values)
        if kind == TIME:
            return pa.array((np.where(missing, 0, values) * 1_000_000).astype(np.int64), mask=missing).cast(TIME)
        if kind == INTEGER:
            return pa.array(np.where(missing, 0, values).astype(np.int64), mask=missing)
        return pa.array(values, mask=missing)
    if values.dtype.kind in "iu":
        if kind == TIME:
            return pa.array(values.astype(np.int64) * 1_000_000).cast(TIME)
        return pa.array(values.astype(np.int64))
    return pa.array(values, type=kind)


def prepare_folder(output: Path, overwrite: bool) -> None:
    """Make the landing folder ready.

    Raises:
        FileExistsError: it holds files and overwriting was not asked for, or they are not the simulator's own.
    """
    if output.exists() and any(output.iterdir()):
        if not overwrite:
            raise FileExistsError(f"{output} is not empty; --overwrite replaces an earlier simulation")
        if not (output / MARKER).is_file():
            raise FileExistsError(f"{output} holds files that the simulator did not write ({MARKER} is missing)")
        shutil.rmtree(output / "openrouter", ignore_errors=True)
        (output / MARKER).unlink()
    output.mkdir(parents=True, exist_ok=True)


class LandingWriter:
    """Collects rows by dataset and ingest day and writes a day once nothing more can arrive for it."""

    def __init__(self, output: Path, file_format: str) -> None:
        self.output = output
        self.format = file_format
        self.pending: dict[tuple[str, int], list[pa.Table]] = {}
        self.text_files: dict[int, list[dict[str, Any]]] = {}
        self.rows = dict.fromkeys(SCHEMAS, 0)
        self.files = 0

    def add(self, dataset: str, columns: dict[str, np.ndarray], ingest: np.ndarray) -> None:
        """Queue rows under their ingest days (day numbers)."""
        if len(ingest) == 0:
            return
        schema = SCHEMAS[dataset]
        table = pa.Table.from_arrays(
            [arrow_column(columns[name], kind) for name, kind in zip(schema.names, schema.types, strict=True)],
            schema=schema,
        )
        order = np.argsort(ingest, kind="stable")
        table = table.take(pa.array(order))
        days, first = np.unique(ingest[order], return_index=True)
        bounds = [*first.tolist(), len(order)]
        for day, low, high in zip(days.tolist(), bounds[:-1], bounds[1:], strict=True):
            self.pending.setdefault((dataset, day), []).append(table.slice(low, high - low))
        self.rows[dataset] += len(ingest)

    def add_text_rows(self, day: int, rows: Iterable[dict[str, Any]]) -> None:
        """Queue generations whose values are all text, for a second file of that day."""
        listed = list(rows)
        self.text_files.setdefault(day, []).extend(listed)
        self.rows["generations"] += len(listed)

    def flush(self, before: int) -> None:
        """Write every ingest day earlier than a day number."""
        for key in sorted(key for key in self.pending if key[1] < before):
            self._write(key[0], key[1], pa.concat_tables(self.pending.pop(key)).combine_chunks(), 0)
        for day in sorted(day for day in self.text_files if day < before):
            rows = self.text_files.pop(day)
            schema = pa.schema([(name, TEXT) for name in SCHEMAS["generations"].names])
            self._write("generations", day, pa.Table.from_pylist(rows, schema=schema), 1)

    def _write(self, dataset: str, day: int, table: pa.Table, part: int) -> None:
        folder = self.output / "openrouter" / dataset / f"ingest_date={iso_day(day)}"
        folder.mkdir(parents=True, exist_ok=True)
        name = folder / f"part-{part}.{self.format}"
        if self.format == "parquet":
            pa_parquet.write_table(table, name, compression="zstd", compression_level=3)
        elif self.format == "csv":
            pa_csv.write_csv(table, name)
        else:
            with name.open("w", encoding="utf-8") as handle:
                for row in table.to_pylist():
                    handle.write(json.dumps(row, default=str, ensure_ascii=False) + "\n")
        self.files += 1
