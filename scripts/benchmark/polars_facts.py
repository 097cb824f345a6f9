"""The five facts in Polars, from the same landing. Facts only: no marts, no table of what is quarantined.

Its limits are those of yardstick.sql; times in text files are `YYYY-MM-DD HH:MM[:SS]` with a numeric zone, `Z` or none.
POLARS_MAX_THREADS, read when Polars is imported, says how many threads. Polars has no memory limit to set: it takes
what it needs.
"""

from __future__ import annotations

import hashlib
import time
from datetime import datetime
from pathlib import Path

import polars as pl

from scripts.benchmark.engine import FACTS, Task, leave_parts, task_from_command_line

COUNTS = (
    "tokens_prompt", "tokens_completion", "native_tokens_prompt", "native_tokens_completion", "native_tokens_reasoning",
    "native_tokens_cached",
)  # fmt: skip
NUMBERS = ("total_cost", "upstream_inference_cost", "cache_discount", "latency", "generation_time")
FLAGS = ("streamed", "cancelled", "is_byok", "tools_provided")
TEXTS = ("id", "account_id", "model", "api_type", "finish_reason", "native_finish_reason", "prompt_language")
FINISH_REASONS = ("tool_calls", "stop", "length", "content_filter", "error")
# Of the good copies of a record the first in this order counts; True = largest first.
PREFERENCE = {
    "ingest_date": True, "total_tokens": True, "created_at": True, "spend_usd": True, "account_key": False,
    "model_slug": False, "prompt_tokens": True, "finish_reason": False, "native_finish_reason": False,
    "reasoning_tokens": True, "cache_read_tokens": True, "is_byok": True, "is_cancelled": True,
    "has_tools_provided": True, "prompt_language": False, "is_counted": True, "upstream_inference_cost_usd": True,
    "cache_discount_usd": True,
}  # fmt: skip


def clean(name: str) -> pl.Expr:
    """Text without surrounding blanks; blank = null."""
    trimmed = pl.col(name).str.strip_chars(" \t\n\r")
    return pl.when(trimmed != "").then(trimmed)


def ingest_day() -> pl.Expr:
    """The day in the name of the file's folder."""
    return pl.col("file_name").str.extract(r"/ingest_date=(\d{4}-\d{2}-\d{2})/").str.to_date("%Y-%m-%d")


def number_in(name: str) -> pl.Expr:
    """A number in text, below a trillion."""
    value = clean(name).cast(pl.Float64, strict=False)
    return pl.when(value.abs() < 1e12).then(value)


def flag_in(name: str) -> pl.Expr:
    """A boolean in text."""
    text = clean(name).str.to_lowercase()
    return (
        pl.when(text.is_in(["true", "t", "1", "1.0", "yes", "y"]))
        .then(True)
        .when(text.is_in(["false", "f", "0", "0.0", "no", "n"]))
        .then(False)
    )


def time_in(name: str) -> pl.Expr:
    """A time in text, UTC where it names no zone."""
    text = clean(name).str.replace("T", " ").str.replace(r"Z$", "+00:00")
    text = pl.when(text.str.contains(r"[+-]\d{2}:?\d{2}$")).then(text).otherwise(text + "+00:00")
    formats = ("%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%d %H:%M%:z")
    parsed = [text.str.to_datetime(f, strict=False, time_unit="us", time_zone="UTC") for f in formats]
    return pl.coalesce(parsed).dt.replace_time_zone(None)


def is_lost(name: str, read: pl.Expr) -> pl.Expr:
    """Whether something was there that could not be read."""
    return clean(name).is_not_null() & read.is_null()


def typed(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Rows of files that carry types, with what is wrong with their values."""
    return frame.with_columns(
        [clean(name) for name in TEXTS]
        + [
            pl.any_horizontal([~pl.col(n).is_between(0, 10**12 - 1).fill_null(True) for n in COUNTS]).alias(
                "bad_tokens"
            ),
            pl.any_horizontal([~(pl.col(n).abs() < 1e12).fill_null(True) for n in NUMBERS[:2]]).alias("bad_cost"),
            pl.any_horizontal([~(pl.col(n).abs() < 1e12).fill_null(True) for n in NUMBERS[2:]]).alias("bad_value"),
        ]
    )


def text(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Rows of files that are text throughout, cast value by value."""
    whole = {name: number_in(name) for name in COUNTS}
    counts = {n: pl.when((v >= 0) & (v == v.floor())).then(v).cast(pl.Int64) for n, v in whole.items()}
    numbers = {name: number_in(name) for name in NUMBERS}
    flags = {name: flag_in(name) for name in FLAGS}
    lost = {name: is_lost(name, read) for name, read in (counts | numbers | flags).items()}
    return frame.with_columns(
        [clean(name) for name in TEXTS]
        + [value.alias(name) for name, value in (counts | numbers | flags).items()]
        + [
            time_in("created_at").alias("created_at"),
            pl.any_horizontal([lost[n] for n in COUNTS]).alias("bad_tokens"),
            pl.any_horizontal([lost[n] for n in NUMBERS[:2]]).alias("bad_cost"),
            pl.any_horizontal([lost[n] for n in (*NUMBERS[2:], *FLAGS)]).alias("bad_value"),
        ]
    ).with_columns(pl.col("latency", "generation_time").floor().cast(pl.Int64))


def is_plausible(moment: str) -> pl.Expr:
    """A time that is there, not before 2020-06-01 and not after the day that follows its arrival."""
    return (
        (pl.col(moment) >= datetime(2020, 6, 1))
        & (pl.col(moment).dt.date() <= pl.col("ingest_date").dt.offset_by("1d"))
    ).fill_null(False)


def good_generations(landing: str) -> pl.LazyFrame:
    """Every good raw record on canonical columns, copies included."""
    files = sorted(str(path) for path in Path(landing).glob("openrouter/generations/*/*.parquet"))
    is_text = {file: pl.read_parquet_schema(file)["created_at"] == pl.String for file in files}
    parts = []
    for reader, wanted in ((typed, False), (text, True)):
        chosen = [file for file in files if is_text[file] is wanted]
        if chosen:
            parts.append(reader(pl.scan_parquet(chosen, include_file_paths="file_name", hive_partitioning=False)))
    frame = pl.concat(parts, how="diagonal_relaxed").with_columns(
        ingest_day().alias("ingest_date"),
        pl.coalesce("native_tokens_prompt", "tokens_prompt").alias("prompt"),
        pl.coalesce("native_tokens_completion", "tokens_completion").alias("completion"),
        pl.col("native_tokens_reasoning").fill_null(0).alias("reasoning_tokens"),
        pl.col("native_tokens_cached").fill_null(0).alias("cache_read_tokens"),
    )
    is_normal = pl.col("finish_reason").is_in(FINISH_REASONS).fill_null(False)
    return frame.filter(
        pl.col("id").is_not_null() & pl.col("account_id").is_not_null() & pl.col("model").is_not_null(),
        is_plausible("created_at"),
        ~pl.col("bad_tokens") & (pl.col("prompt").is_not_null() | pl.col("completion").is_not_null()),
        pl.col("reasoning_tokens") <= pl.col("completion").fill_null(0),
        pl.col("cache_read_tokens") <= pl.col("prompt").fill_null(0),
        ~pl.col("bad_cost") & (pl.col("total_cost").fill_null(0) >= 0),
        pl.col("upstream_inference_cost").fill_null(0) >= 0,
        ~pl.col("bad_value"),
    ).select(
        "ingest_date",
        "created_at",
        pl.col("created_at").dt.date().alias("event_date"),
        pl.col("id").alias("generation_id"),
        "account_id",
        pl.col("model").alias("model_slug"),
        (pl.col("api_type").fill_null("completions") == "completions").alias("is_counted"),
        pl.col("cancelled").alias("is_cancelled"),
        pl.col("is_byok").fill_null(False),
        pl.col("tools_provided").alias("has_tools_provided"),
        pl.when(is_normal).then("finish_reason").otherwise(pl.lit("unknown")).alias("finish_reason"),
        pl.when(is_normal)
        .then(pl.lit("unknown"))
        .otherwise(pl.coalesce("native_finish_reason", "finish_reason", pl.lit("unknown")))
        .alias("native_finish_reason"),
        pl.col("prompt_language").fill_null("unknown"),
        pl.col("prompt").fill_null(0).alias("prompt_tokens"),
        pl.col("completion").fill_null(0).alias("completion_tokens"),
        (pl.col("prompt").fill_null(0) + pl.col("completion").fill_null(0)).alias("total_tokens"),
        "reasoning_tokens",
        "cache_read_tokens",
        pl.col("total_cost").fill_null(0.0).alias("spend_usd"),
        pl.col("upstream_inference_cost").alias("upstream_inference_cost_usd"),
        pl.col("cache_discount").alias("cache_discount_usd"),
    )


def accounts(task: Task, met: pl.DataFrame) -> pl.DataFrame:
    """Number, pseudonym and country of every account that has generations."""
    latest = (
        pl.scan_parquet(
            f"{task.landing}/openrouter/accounts/*/*.parquet", include_file_paths="file_name", hive_partitioning=False
        )
        .with_columns(clean("account_id"), ingest_day().alias("ingest_date"))
        .filter(pl.col("account_id").is_not_null(), is_plausible("updated_at"))
        .select(
            "account_id", clean("billing_country_code").str.to_uppercase().alias("country"), "updated_at", "ingest_date"
        )
        .sort("updated_at", "ingest_date", "country", descending=[True, True, False], nulls_last=True)
        .unique("account_id", keep="first")
        .select("account_id", "country")
    )
    keys = [hashlib.sha256(f"{task.key}:{account}".encode()).hexdigest()[:32] for account in met["account_id"]]
    return (
        met.with_columns(
            pl.Series("account_key", keys, pl.String), pl.int_range(pl.len(), dtype=pl.Int32).alias("account")
        )
        .lazy()
        .join(latest, on="account_id", how="left")
        .select("account_id", "account", "account_key", pl.col("country").fill_null("unknown").alias("country_code"))
        .collect(engine="streaming")
    )


def labels(landing: str) -> pl.DataFrame:
    """The primary path of every classified generation."""
    confident = pl.col("category_path").is_not_null() & (pl.col("confidence") >= 0.5)
    latest = (
        pl.scan_parquet(
            f"{landing}/openrouter/classifications/*/*.parquet", include_file_paths="file_name", hive_partitioning=False
        )
        .with_columns(clean("generation_id"), clean("path").alias("category_path"), ingest_day().alias("ingest_date"))
        .filter(
            pl.col("generation_id").is_not_null(),
            is_plausible("classified_at"),
            pl.col("confidence").is_between(0, 1).fill_null(True),
        )
        .sort("ingest_date", "classified_at", "confidence", "file_name", descending=True, nulls_last=True)
        .unique(["generation_id", "category_path"], keep="first")
    )
    return (
        latest.with_columns(
            pl.when(confident).then("category_path").alias("category_path"),
            pl.when(confident).then("confidence").alias("confidence"),
            pl.when(confident).then(pl.col("category_path").str.len_chars()).alias("length"),
        )
        .sort("confidence", "length", "category_path", descending=[True, True, False], nulls_last=True)
        .unique("generation_id", keep="first")
        .select("generation_id", pl.col("category_path").fill_null("unknown"))
        .collect()
    )


def usd(name: str) -> pl.Expr:
    """An exact sum of dollars, shown as a double."""
    return pl.col(name).cast(pl.Decimal(38, 12)).sum().cast(pl.Float64).fill_null(0.0).alias(name)


def bucket(name: str) -> pl.Expr:
    """The bucket of a length, 1 % wide."""
    tokens = pl.col(name).cast(pl.Float64)
    return pl.when(tokens > 0).then((tokens.log() / pl.lit(1.01).log()).floor()).otherwise(-1.0).cast(pl.Int64)


def facts(counted: pl.LazyFrame, keys: pl.DataFrame, labelled: pl.DataFrame) -> dict[str, pl.LazyFrame]:
    """The five facts over clean generations."""
    total = pl.col("total_tokens")
    provided = pl.col("has_tools_provided").fill_null(False)
    key_of = keys.lazy().select("account", "account_key")
    squares = (total.cast(pl.Float64) * total).sum()
    months = (
        counted.group_by(
            pl.col("event_date").dt.truncate("1mo").alias("month_start"), "account", "model_slug"
        )
        .agg(
            pl.col("event_date").min().alias("first_event_date"),
            pl.col("event_date").max().alias("last_event_date"),
            pl.col("event_date").n_unique().cast(pl.Int64).alias("active_days"),
            pl.len().cast(pl.Int64).alias("generations"),
            total.sum(),
            usd("spend_usd"),
        )
        .join(key_of, on="account")
        .drop("account")
    )  # fmt: skip
    weeks = (
        counted.group_by(
            pl.col("event_date").dt.truncate("1w").alias("week_start"),
            "account",
            "finish_reason",
            "native_finish_reason",
        )
        .agg(pl.len().cast(pl.Int64).alias("generations"), total.sum())
        .join(key_of, on="account")
        .drop("account")
    )
    lengths = {
        "prompt": "prompt_tokens",
        "completion": "completion_tokens",
        "reasoning": "reasoning_tokens",
        "sequence": "total_tokens",
    }
    return {
        "fct_usage_daily": counted.group_by(
            "event_date",
            "model_slug",
            "country_code",
            "prompt_language",
            "finish_reason",
            "native_finish_reason",
            "is_byok",
        ).agg(
            pl.len().cast(pl.Int64).alias("generations"),
            (total == 0).sum().cast(pl.Int64).alias("zero_token_generations"),
            pl.col("is_cancelled").sum().cast(pl.Int64).alias("cancelled_generations"),
            provided.sum().cast(pl.Int64).alias("tools_provided_generations"),
            pl.col("has_tools_provided").is_null().sum().cast(pl.Int64).alias("tools_unknown_generations"),
            total.sum(),
            pl.col("prompt_tokens").sum(),
            pl.col("completion_tokens").sum(),
            (pl.col("prompt_tokens") - pl.col("cache_read_tokens")).sum().alias("uncached_input_tokens"),
            pl.col("cache_read_tokens").sum(),
            pl.lit(0, dtype=pl.Int64).alias("cache_write_tokens"),
            (pl.col("completion_tokens") - pl.col("reasoning_tokens")).sum().alias("visible_output_tokens"),
            pl.col("reasoning_tokens").sum(),
            pl.when(provided).then(total).otherwise(0).sum().alias("tools_provided_tokens"),
            usd("spend_usd"),
            usd("upstream_inference_cost_usd"),
            usd("cache_discount_usd"),
        ),
        "fct_tag_usage_daily": counted.join(labelled.lazy(), on="generation_id")
        .group_by("event_date", "model_slug", "country_code", "prompt_language", "category_path", "is_byok")
        .agg(
            pl.len().cast(pl.Float64).alias("sampled_generations"),
            (total == 0).sum().cast(pl.Float64).alias("zero_token_generations"),
            pl.len().cast(pl.Int64).alias("primary_generations"),
            total.sum().alias("primary_tokens"),
            total.sum().cast(pl.Float64).alias("sampled_tokens"),
            pl.col("prompt_tokens", "completion_tokens").sum().cast(pl.Float64),
            squares.alias("token_squares"),
            squares.alias("weighted_token_squares"),
            usd("spend_usd"),
        )
        .with_columns(pl.col("category_path").alias("label_paths")),
        "fct_account_model_months": months,
        "fct_account_finish_reason_weeks": weeks,
        "fct_token_length_histogram_daily": pl.concat(
            [
                counted.filter(total > 0)
                .group_by("event_date", bucket(column).alias("bucket"))
                .agg(pl.len().cast(pl.Int64).alias("generations"), pl.col(column).sum().alias("tokens"))
                .with_columns(pl.lit(measure).alias("measure"))
                for measure, column in lengths.items()
            ]
        ),
    }


def run(task: Task) -> dict[str, float]:
    """Write each fact as Parquet into the task's folder; returns wall seconds of records and of facts."""
    started = time.monotonic()
    landing = str(task.landing)
    good = good_generations(landing)
    identifier = pl.col("generation_id").hash(0).alias("id_hash")
    repeated = (
        good.group_by(identifier).agg(pl.len().alias("copies")).filter(pl.col("copies") > 1).select("id_hash")
    ).collect(engine="streaming")  # fmt: skip
    keys = accounts(task, good.select("account_id").unique().collect(engine="streaming"))
    with_keys = good.with_columns(identifier).join(keys.lazy(), on="account_id").drop("account_id")
    # Candidates by hash, decided by the id itself.
    copies = with_keys.join(repeated.lazy(), on="id_hash", how="semi")
    kept = copies.sort(list(PREFERENCE), descending=list(PREFERENCE.values()), nulls_last=True).unique(
        "generation_id", keep="first"
    )
    clean_file = task.output / "generations.parquet"
    pl.concat([with_keys.join(repeated.lazy(), on="id_hash", how="anti"), kept]).filter("is_counted").drop(
        "id_hash", "account_key", "ingest_date", "created_at", "is_counted"
    ).sink_parquet(clean_file, compression="lz4")
    seconds = {"records": time.monotonic() - started}
    started = time.monotonic()
    labelled = labels(landing)
    for name, frame in facts(pl.scan_parquet(clean_file), keys, labelled).items():
        frame.sink_parquet(task.output / f"{name}.parquet")
    seconds["facts"] = time.monotonic() - started
    assert all((task.output / f"{name}.parquet").exists() for name in FACTS)
    return seconds


if __name__ == "__main__":
    given = task_from_command_line(__doc__)
    leave_parts(given.output, run(given))
