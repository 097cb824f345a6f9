"""Spoiling clean records the way real logs are spoiled, and counting every spoilt row."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from .calibration import iso_day
from .landing import SCHEMAS, LandingWriter
from .records import Slice

LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", dtype=np.uint8)
# Quarantine reasons that typed columns can carry; the others need text columns and come in text files.
TYPED_KINDS = [
    "missing_id", "missing_account", "missing_model", "invalid_timestamp", "future_timestamp", "invalid_tokens",
    "missing_tokens", "reasoning_exceeds_completion", "cached_exceeds_prompt", "invalid_cost",
]  # fmt: skip
TEXT_KINDS = ["text_timestamp", "text_tokens", "text_cost", "text_value"]
# The quarantine reason of the input contract that each kind is meant to meet.
REASON = {
    "missing_tokens": "invalid_tokens", "text_timestamp": "invalid_timestamp", "text_tokens": "invalid_tokens",
    "text_cost": "invalid_cost", "text_value": "invalid_value",
}  # fmt: skip


def generation_ids(second: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ids `gen-<unix seconds>-<20 letters and digits>` as fixed-width bytes."""
    n = len(second)
    matrix = np.empty((n, 35), dtype=np.uint8)
    matrix[:, :4] = np.frombuffer(b"gen-", dtype=np.uint8)
    value = second.astype(np.int64).copy()
    for position in range(13, 3, -1):
        matrix[:, position] = 48 + value % 10
        value //= 10
    matrix[:, 14] = ord("-")
    matrix[:, 15:] = LETTERS[rng.integers(0, len(LETTERS), (n, 20), dtype=np.uint8)]
    return matrix.view("S35").ravel()


def spoil_generations(
    part: Slice, ids: np.ndarray, accounts: np.ndarray, spec: dict[str, float], writer: LandingWriter,
    counts: Counter[str], rng: np.random.Generator, clean_only: bool, text_day: int | None,
) -> None:  # fmt: skip
    """Write a slice with lateness, duplicates, corrections and malformed rows.

    Args:
        part: clean generations.
        ids: their ids.
        accounts: their account ids as bytes.
        spec: rates, the `dirt` of the calibration.
        writer: where rows go.
        counts: what was done is added here.
        rng: randomness of this slice.
        clean_only: write the clean rows on their own day and nothing else.
        text_day: also write a file of text columns on this ingest day.
    """
    n = len(part)
    columns = {"id": ids, "created_at": part.columns["second"], "account_id": accounts}
    columns |= {name: part.columns[name] for name in SCHEMAS["generations"].names if name not in columns}
    counts["generations"] += n
    if clean_only:
        writer.add("generations", columns, part.day)
        return
    draw = rng.random(n)
    lag = np.where(draw < spec["late_1_to_3_days"], rng.integers(1, 4, n), 0)
    much = (draw >= spec["late_1_to_3_days"]) & (draw < spec["late_1_to_3_days"] + spec["late_4_to_10_days"])
    lag = np.where(much, rng.integers(4, 11, n), lag)
    ingest = part.day + lag
    counts["late"] += int((lag > 0).sum())

    same = np.flatnonzero(rng.random(n) < spec["duplicate_same_day"])
    later = np.flatnonzero(rng.random(n) < spec["duplicate_later"])
    corrected = np.flatnonzero(rng.random(n) < spec["correction"])
    api = np.flatnonzero(rng.random(n) < spec["other_api_type"])
    bad = np.flatnonzero(rng.random(n) < spec["malformed"])
    bad_correction = np.flatnonzero(rng.random(n) < spec["bad_correction"])
    # The first version of a corrected record arrives on the record's own day, the record itself days later.
    ingest[corrected] = part.day[corrected] + rng.integers(1, 6, len(corrected))
    counts["late"] += int((lag[corrected] == 0).sum())
    source = np.concatenate([np.arange(n), same, later, corrected, api, bad, bad_correction])
    arrival = np.concatenate(
        [
            ingest,
            ingest[same],
            ingest[later] + rng.integers(1, 6, len(later)),
            part.day[corrected],
            part.day[api],
            part.day[bad],
            ingest[bad_correction] + rng.integers(1, 4, len(bad_correction)),
        ]
    )
    rows = {name: values[source] for name, values in columns.items()}
    for name in ("tokens_prompt", "tokens_completion", "native_tokens_prompt", "native_tokens_completion",
                 "native_tokens_reasoning", "native_tokens_cached", "created_at"):  # fmt: skip
        rows[name] = rows[name].astype(np.float64)
    ends = np.cumsum([n, len(same), len(later), len(corrected), len(api), len(bad), len(bad_correction)])
    first = slice(ends[2], ends[3])
    for name in ("tokens_completion", "native_tokens_completion", "native_tokens_reasoning"):
        rows[name][first] = np.floor(rows[name][first] * 0.5)
    rows["total_cost"][first] = np.round(rows["total_cost"][first] * 0.9, 10)
    moved = np.arange(ends[2], ends[3])[rng.random(len(corrected)) < spec["correction_moved_day"]]
    rows["created_at"][moved] -= 86400
    other = slice(ends[3], ends[4])
    rows["id"][other] = generation_ids(rows["created_at"][other], rng)
    rows["api_type"][other] = "embeddings"
    rows["finish_reason"][other] = None
    rows["native_finish_reason"][other] = None
    for name in ("tokens_completion", "native_tokens_completion", "native_tokens_reasoning"):
        rows[name][other] = 0
    rows["model"][other] = "openai/text-embedding-3-small"
    rows["tools_provided"][other] = None
    counts["duplicates_same_partition"] += len(same)
    counts["duplicates_later_partition"] += len(later)
    counts["corrections"] += len(corrected)
    counts["corrections_moved_day"] += len(moved)
    counts["other_api_types"] += len(api)

    positions = np.arange(ends[4], ends[5])
    rows["id"][positions] = generation_ids(rows["created_at"][positions], rng)
    kinds = rng.integers(0, len(TYPED_KINDS), len(positions))
    for number, kind in enumerate(TYPED_KINDS):
        _spoil(rows, positions[kinds == number], kind)
        counts[f"malformed:{kind}"] += int((kinds == number).sum())
    again = np.arange(ends[5], ends[6])
    _spoil(rows, again, "invalid_tokens")
    counts["malformed:bad_correction"] += len(again)
    writer.add("generations", rows, arrival)
    if text_day is not None and n >= len(TEXT_KINDS):
        _text_file(columns, writer, counts, rng, text_day)


def _spoil(rows: dict[str, np.ndarray], where: np.ndarray, kind: str) -> None:
    if kind == "missing_id":
        rows["id"][where] = b""
    elif kind == "missing_account":
        rows["account_id"][where] = b""
    elif kind == "missing_model":
        rows["model"][where] = None
    elif kind == "invalid_timestamp":
        rows["created_at"][where] = 981_173_106.0 + where
    elif kind == "future_timestamp":
        rows["created_at"][where] += 20 * 86400
    elif kind == "invalid_tokens":
        rows["native_tokens_prompt"][where] = -rows["native_tokens_prompt"][where]
    elif kind == "missing_tokens":
        for name in ("tokens_prompt", "tokens_completion", "native_tokens_prompt", "native_tokens_completion"):
            rows[name][where] = np.nan
        rows["native_tokens_reasoning"][where] = np.nan
        rows["native_tokens_cached"][where] = np.nan
    elif kind == "reasoning_exceeds_completion":
        rows["native_tokens_reasoning"][where] = rows["native_tokens_completion"][where] + 100
    elif kind == "cached_exceeds_prompt":
        rows["native_tokens_cached"][where] = rows["native_tokens_prompt"][where] + 100
    elif kind == "invalid_cost":
        rows["total_cost"][where] = -0.5


def _as_text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, bytes):
        return value.decode() or None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _text_file(
    columns: dict[str, np.ndarray], writer: LandingWriter, counts: Counter[str], rng: np.random.Generator, day: int
) -> None:
    """A file of text columns: a few good rows again, and what cannot be cast."""
    n = len(columns["id"])
    chosen = rng.permutation(n)[: len(TEXT_KINDS) + min(4, n - len(TEXT_KINDS))]
    fresh = generation_ids(np.asarray(columns["created_at"])[chosen], rng)
    listed = []
    for position, row in enumerate(chosen):
        record = {name: _as_text(values[row]) for name, values in columns.items()}
        moment = np.datetime64(int(columns["created_at"][row]), "s")
        record["created_at"] = str(moment).replace("T", " ") + ("+00:00" if position % 2 else "")
        if position >= len(TEXT_KINDS):
            counts["duplicates_later_partition"] += 1
        else:
            kind = TEXT_KINDS[position]
            record["id"] = fresh[position].decode()
            if kind == "text_timestamp":
                record["created_at"] = f"not a time {iso_day(day)}"
            elif kind == "text_tokens":
                record["native_tokens_prompt"] = "12.5"
            elif kind == "text_cost":
                record["total_cost"] = "free of charge"
            else:
                record["streamed"] = "perhaps"
            counts[f"malformed:{kind}"] += 1
        listed.append(record)
    writer.add_text_rows(day, listed)
