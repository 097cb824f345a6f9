"""Facts about models, prices, tags and countries, read from the project's seeds."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .calibration import day_number

CLOSED, CHINESE, ROW, UNKNOWN = 0, 1, 2, 3
SOURCE_TYPES = ["closed", "chinese_oss", "row_oss", "unknown"]
CHINESE_COUNTRIES = {"CN", "TW", "HK"}
FAR_PAST, FAR_FUTURE = -1_000_000, 1_000_000
# Prices per million tokens for a listed model without any price row: only tail models and models retired before
# prices were recorded are concerned.
FALLBACK_PRICE = {CLOSED: (1.0, 3.0), CHINESE: (0.3, 0.9), ROW: (0.3, 0.6), UNKNOWN: (0.5, 1.5)}


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file as dictionaries of text (`NA` stays `NA`)."""
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _true(value: str) -> bool:
    return value.strip().lower() == "true"


@dataclass
class Catalogue:
    """Seed facts as arrays over models, in seed order, followed by the slugs that no seed knows."""

    slugs: list[str]
    authors: list[str]
    source: np.ndarray
    size: list[str]
    released: np.ndarray
    retired: np.ndarray
    is_reasoning: np.ndarray
    reasoning_from: np.ndarray
    reasoning_variant: list[str]
    prices: list[list[tuple[int, int, float, float, float]]]
    free_periods: list[list[tuple[int, int]]]
    aliases: list[list[str]]
    chat: np.ndarray
    index: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index = {slug: position for position, slug in enumerate(self.slugs)}

    def price_on(self, model: int, day: int) -> tuple[float, float, float]:
        """US dollars per million prompt, completion and cached tokens of a model on a day.

        Before its first price a model has the first, in a gap the last one before it. A cached price that the seed
        does not give is the prompt price: no discount.
        """
        rows = self.prices[model]
        if not rows:
            prompt, completion = FALLBACK_PRICE[int(self.source[model])]
            return prompt, completion, prompt
        chosen = rows[0]
        for row in rows:
            if row[0] <= day:
                chosen = row
        return chosen[2], chosen[3], chosen[4]

    def is_free_on(self, model: int, day: int) -> bool:
        """Whether a free access period of the model covers the day."""
        return any(start <= day <= end for start, end in self.free_periods[model])


def _size(parameters: str) -> str:
    if not parameters:
        return "unknown"
    value = float(parameters)
    return "small" if value < 15 else "medium" if value < 70 else "large"


def load_catalogue(seeds: Path, unknown_slugs: list[str]) -> Catalogue:
    """Read seeds/catalogue.

    Raises:
        FileNotFoundError: a seed file is missing.
    """
    folder = seeds / "catalogue"
    countries = {row["author_slug"]: row["country_code"].strip() for row in read_csv(folder / "authors.csv")}
    models = read_csv(folder / "models.csv")
    slugs = [row["model_id"] for row in models] + list(unknown_slugs)
    position = {slug: index for index, slug in enumerate(slugs)}
    extra = len(unknown_slugs)

    def day(text: str, default: int) -> int:
        return day_number(text) if text else default

    source = []
    for row in models:
        if not _true(row["is_open_weights"]):
            source.append(CLOSED)
        else:
            source.append(CHINESE if countries.get(row["author_slug"]) in CHINESE_COUNTRIES else ROW)
    prices: list[list[tuple[int, int, float, float, float]]] = [[] for _ in slugs]
    for row in read_csv(folder / "model_prices.csv"):
        if row["model_id"] not in position:
            continue
        prompt = float(row["usd_per_1m_prompt_tokens"])
        cached = row["usd_per_1m_cached_tokens"]
        prices[position[row["model_id"]]].append(
            (
                day(row["valid_from"], FAR_PAST),
                day(row["valid_to"], FAR_FUTURE),
                prompt,
                float(row["usd_per_1m_completion_tokens"]),
                float(cached) if cached else prompt,
            )
        )
    for rows in prices:
        rows.sort()
    free: list[list[tuple[int, int]]] = [[] for _ in slugs]
    for row in read_csv(folder / "free_access_periods.csv"):
        if row["model_id"] in position:
            free[position[row["model_id"]]].append((day(row["starts_on"], FAR_PAST), day(row["ends_on"], FAR_FUTURE)))
    aliases: list[list[str]] = [[] for _ in slugs]
    for row in read_csv(folder / "model_aliases.csv"):
        if row["model_id"] in position and ":" not in row["alias"]:
            aliases[position[row["model_id"]]].append(row["alias"])
    no_chat = ("embed", "image", "audio", "guard", "shap-e", "openrouter/auto")
    return Catalogue(
        slugs=slugs,
        authors=[row["author_slug"] for row in models] + ["unknown"] * extra,
        source=np.array(source + [UNKNOWN] * extra),
        size=[_size(row["total_parameters_b"]) for row in models] + ["unknown"] * extra,
        released=np.array([day(row["released_on"], FAR_PAST) for row in models] + [FAR_PAST] * extra),
        retired=np.array([day(row["retired_on"], FAR_FUTURE) for row in models] + [FAR_FUTURE] * extra),
        is_reasoning=np.array([_true(row["is_reasoning"]) for row in models] + [False] * extra),
        reasoning_from=np.array([day(row["reasoning_from"], FAR_PAST) for row in models] + [FAR_PAST] * extra),
        reasoning_variant=[row["reasoning_variant"] for row in models] + [""] * extra,
        prices=prices,
        free_periods=free,
        aliases=aliases,
        chat=np.array([not any(word in slug for word in no_chat) for slug in slugs]),
    )


def load_category_paths(seeds: Path) -> dict[str, str]:
    """Category of every second-version path, by the longest matching rule of seeds/taxonomy/tag_rules.csv."""
    folder = seeds / "taxonomy"
    category_of_tag = {row["tag"]: row["category"] for row in read_csv(folder / "tags.csv")}
    exact: dict[str, str] = {}
    prefixes: dict[str, str] = {}
    for row in read_csv(folder / "tag_rules.csv"):
        target = exact if row["match_type"] == "exact" else prefixes
        target[row["path_pattern"]] = category_of_tag[row["tag"]]
    result = {}
    for row in read_csv(folder / "category_paths.csv"):
        path = row["path"]
        result[path] = category_of_path(path, exact, prefixes)
    return result


def category_of_path(path: str, exact: dict[str, str], prefixes: dict[str, str]) -> str:
    """Category of one path: exact rules first, then prefixes by whole segments, the longest first."""
    if path in exact:
        return exact[path]
    current = path
    while current:
        if current in prefixes:
            return prefixes[current]
        current = current.rpartition("/")[0]
    return prefixes.get("/", "others")


def load_language_aliases(seeds: Path) -> dict[str, list[str]]:
    """Other spellings of each language code."""
    result: dict[str, list[str]] = {}
    for row in read_csv(seeds / "geography" / "language_aliases.csv"):
        result.setdefault(row["language_code"], []).append(row["alias"])
    return result
