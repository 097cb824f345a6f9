"""The whole simulation: targets, then time slice by time slice to landing files, then the label."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .accounts import Population, account_identifiers, uniform
from .calibration import day_number, iso_day, load_calibration, month_index
from .catalogue import Catalogue, load_catalogue, load_category_paths, load_language_aliases
from .dirt import REASON, generation_ids, spoil_generations
from .landing import MARKER, LandingWriter, prepare_folder
from .records import Generator, Slice, path_table
from .targets import CATEGORIES, Targets, region_targets, targets_for

# A week is drawn at once while it is small, day by day when it is large: memory follows the largest slice.
LARGEST_SLICE = 250_000


@dataclass(frozen=True)
class Options:
    """Arguments of a run; equal arguments and seeds give byte-identical files."""

    output: Path = Path("data/landing")
    generations: int = 400_000
    start: str = "2023-11-06"
    end: str = "2025-11-30"
    seed: int = 7
    format: str = "parquet"
    classified_share: float = 0.3
    clean_records_only: bool = False
    overwrite: bool = False
    seeds: Path = Path("seeds")
    progress: bool = True


def slices(start: int, end: int, expected_by_day: np.ndarray) -> list[np.ndarray]:
    """Stretches of days that lie in one week and one month, shorter where many generations are expected."""
    days = np.arange(start, end + 1)
    key = (days + 3) // 7 * 10_000 + month_index(days)
    cut = np.flatnonzero(np.diff(key)) + 1
    result = []
    for stretch in np.split(days, cut):
        if expected_by_day[stretch - start].sum() > LARGEST_SLICE:
            result.extend(stretch[i : i + 1] for i in range(len(stretch)))
        else:
            result.append(stretch)
    return result


def check_names(cal: dict[str, Any], cat: Catalogue) -> None:
    """Compare the models that the calibration names with the catalogue.

    Raises:
        ValueError: a model is not in seeds/catalogue/models.csv.
    """
    lists = ("models", "model_log10_millions", "model_cost_per_1m_usd", "tool_propensity", "model_tilt",
             "free_variant_share", "retention")  # fmt: skip
    named = {slug for key in lists for slug in cal[key]}
    named |= {*cal["deepseek_v3_r1"]["models"], *cal["tool_spike"]["models"]}
    unknown = sorted(named - set(cat.index))
    if unknown:
        raise ValueError(f"in calibration.yml, but not in seeds/catalogue/models.csv: {unknown}")


def simulate(options: Options) -> dict[str, Any]:
    """Write the landing folder and return what its label says.

    Raises:
        FileExistsError: the folder holds something that may not be replaced.
        ValueError: an argument makes no sense.
    """
    started = time.monotonic()
    start, end = day_number(options.start), day_number(options.end)
    if end < start or options.generations < 1 or not 0 <= options.classified_share <= 1:
        raise ValueError("start must not be after end, generations at least 1, the classified share from 0 to 1")
    if options.format not in ("parquet", "csv", "json"):
        raise ValueError(f"unknown format {options.format!r}")
    cal = load_calibration()
    cat = load_catalogue(options.seeds, cal["unknown_slugs"])
    check_names(cal, cat)
    paths = path_table(cal, load_category_paths(options.seeds))
    prepare_folder(options.output, options.overwrite)
    # A folder that carries the marker from the first moment can be replaced after an interruption.
    (options.output / MARKER).write_text('{"label": "simulated", "complete": false}\n', encoding="utf-8")

    targets = targets_for(options.seeds, start, end)
    regions, _ = region_targets(cal, targets.weeks)
    population = Population(cal, cat, regions, options.seed)
    generator = Generator(
        cal, cat, targets, population, options.generations, options.classified_share, start, end, options.seed,
        load_language_aliases(options.seeds),
    )  # fmt: skip
    writer = LandingWriter(options.output, options.format)
    counts: Counter[str] = Counter()
    category_tokens = np.zeros((len(targets.weeks), len(CATEGORIES)))
    by_day = generator.expected_by_week.sum(axis=1)[generator.week_of_day] / 7
    month = -1
    months_with_text: set[int] = set()
    for days in slices(start, end, by_day):
        this_month = int(month_index(days[0]))
        if this_month != month:
            month = this_month
            share = generator.region_share_in_month(month)
            population.start_month(month, generator.expected_in_month(month), share)
            if options.progress:
                print(
                    f"{iso_day(days[0])}  {counts['generations']:>12,} generations  {population.total:>10,} accounts"
                    f"  {time.monotonic() - started:6.1f} s",
                    file=sys.stderr,
                    flush=True,
                )
        part = generator.draw(days)
        if part is not None:
            rng = np.random.default_rng([options.seed, 61, int(days[0])])
            ids = generation_ids(part.columns["second"], rng)
            accounts = account_identifiers(part.account, options.seed).view("S16").ravel()
            text_day = None
            if month not in months_with_text and len(part) >= 20:
                months_with_text.add(month)
                text_day = int(days[-1]) + 2
            spoil_generations(
                part, ids, accounts, cal["dirt"], writer, counts, rng, options.clean_records_only, text_day
            )
            _write_classifications(generator, part, ids, paths, writer, counts, rng, cal, options)
            _write_accounts(cal, population, part, end, writer, counts, options)
            week = int(generator.week_of_day[days[0] - start])
            total = part.columns["native_tokens_prompt"] + part.columns["native_tokens_completion"]
            category_tokens[week] += np.bincount(part.category, total, minlength=len(CATEGORIES))
        writer.flush(int(days[-1]) + 1)
    writer.flush(end + 10_000)
    label = _label(options, cal, targets, writer, counts, category_tokens, population)
    (options.output / MARKER).write_text(json.dumps(label, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return label


def _write_accounts(
    cal: dict[str, Any], population: Population, part: Slice, end: int, writer: LandingWriter, counts: Counter[str],
    options: Options,
) -> None:  # fmt: skip
    """Billing rows of accounts on the day of their first use, in this slice, or soon after; later updates of some."""
    in_order = np.argsort(part.day, kind="stable")
    numbers, first = np.unique(part.account[in_order], return_index=True)
    used_on = part.day[in_order][first]
    is_new = population.first_used(numbers)
    numbers, used_on = numbers[is_new], used_on[is_new]
    country = population.countries(numbers)
    numbers, used_on, country = (values[country != ""] for values in (numbers, used_on, country))
    if len(numbers) == 0:
        return
    second = used_on * 86400 + (uniform(numbers, 202) * 86399).astype(np.int64)
    day = used_on
    if not options.clean_records_only:
        is_late = uniform(numbers, 201) < cal["dirt"]["account_billed_1_to_3_days_later"]
        day = used_on + is_late * (1 + (uniform(numbers, 207) * 3).astype(np.int64))
    text = country.astype(object)
    if not options.clean_records_only:
        odd = uniform(numbers, 203) < cal["dirt"]["account_country_odd_spelling"]
        text[odd] = np.array([f" {code.lower()} " if i % 2 else code.lower() for i, code in enumerate(text[odd])])
    ids = account_identifiers(numbers, options.seed).view("S16").ravel()
    writer.add("accounts", {"account_id": ids, "billing_country_code": text, "updated_at": second}, day)
    counts["accounts"] += len(numbers)
    if options.clean_records_only:
        return
    again = uniform(numbers, 204) < cal["dirt"]["account_updated_later"]
    later = day[again] + 1 + (uniform(numbers[again], 205) * 45).astype(np.int64)
    inside = later <= end
    writer.add(
        "accounts",
        {
            "account_id": ids[again][inside],
            "billing_country_code": country[again][inside].astype(object),
            "updated_at": second[again][inside] + (later - day[again])[inside] * 86400,
        },
        later[inside],
    )
    counts["account_updates"] += int(inside.sum())
    bad = np.flatnonzero(uniform(numbers, 206) < cal["dirt"]["malformed_account"])
    bad_ids, bad_second = ids[bad].copy(), second[bad].astype(np.float64)
    bad_ids[::2] = b""
    bad_second[1::2] = np.nan
    writer.add(
        "accounts", {"account_id": bad_ids, "billing_country_code": text[bad], "updated_at": bad_second}, day[bad]
    )
    counts["malformed_accounts"] += len(bad)


def _write_classifications(
    generator: Generator, part: Slice, ids: np.ndarray, paths: dict[str, list[tuple[str, float]]],
    writer: LandingWriter, counts: Counter[str], rng: np.random.Generator, cal: dict[str, Any], options: Options,
) -> None:  # fmt: skip
    found = generator.classify(part, paths)
    n = len(found["row"])
    if n == 0:
        return
    counts["sampled_generations"] += int(part.sampled.sum())
    columns = {
        "generation_id": ids[found["row"]],
        "path": found["path"],
        "confidence": found["confidence"],
        "classified_at": found["second"],
    }
    writer.add("classifications", columns, found["ingest"])
    counts["classifications"] += n
    if options.clean_records_only:
        return
    bad = np.flatnonzero(rng.random(n) < cal["dirt"]["malformed_classification"])
    rows = {name: values[bad].copy() for name, values in columns.items()}
    rows["confidence"][::2] = 1.7
    rows["generation_id"][1::2] = b""
    writer.add("classifications", rows, found["ingest"][bad])
    counts["malformed_classifications"] += len(bad)


def _label(
    options: Options, cal: dict[str, Any], targets: Targets, writer: LandingWriter, counts: Counter[str],
    category_tokens: np.ndarray, population: Population,
) -> dict[str, Any]:  # fmt: skip
    """What pages show beside the numbers, and what tests compare with."""
    arguments = {
        key: value for key, value in asdict(options).items() if key not in ("output", "seeds", "progress", "overwrite")
    }
    by_reason: Counter[str] = Counter()
    for key, value in counts.items():
        if key.startswith("malformed:"):
            kind = key.partition(":")[2]
            by_reason["invalid_tokens" if kind == "bad_correction" else REASON.get(kind, kind)] += value
    known = category_tokens[:, :-1].sum(axis=1, keepdims=True)
    shares = np.divide(category_tokens[:, :-1], known, out=np.zeros_like(category_tokens[:, :-1]), where=known > 0)
    return {
        "label": "simulated",
        "complete": True,
        "notice": "Simulated records, calibrated on the published figures of the study. Not traffic of any platform.",
        "arguments": arguments,
        "counts": {
            "generations": counts["generations"],
            "raw_generation_rows": writer.rows["generations"],
            "raw_account_rows": writer.rows["accounts"],
            "raw_classification_rows": writer.rows["classifications"],
            "late": counts["late"],
            "duplicates_same_partition": counts["duplicates_same_partition"],
            "duplicates_later_partition": counts["duplicates_later_partition"],
            "corrections": counts["corrections"],
            "corrections_moved_day": counts["corrections_moved_day"],
            "other_api_types": counts["other_api_types"],
            "malformed_by_reason": dict(sorted(by_reason.items())),
            "bad_corrections": counts["malformed:bad_correction"],
            "malformed_accounts": counts["malformed_accounts"],
            "malformed_classifications": counts["malformed_classifications"],
            "sampled_generations": counts["sampled_generations"],
            "accounts": counts["accounts"],
            "account_updates": counts["account_updates"],
            "files": writer.files,
        },
        "truth": {
            "tokens_per_trillion": targets.tokens_per_trillion,
            "retention_archetypes": {slug: spec["archetype"] for slug, spec in cal["retention"].items()},
            "category_share_by_week": {
                iso_day(week): dict(zip(CATEGORIES[:-1], (round(float(v), 6) for v in row), strict=True))
                for week, row in zip(targets.weeks, shares, strict=True)
            },
        },
    }
