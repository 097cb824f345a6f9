"""Fitting weekly token volumes by model and category to the calibration.

Everything here works on expected volumes; records are drawn from them later. Two fits run one after the other:
models by week (iterative proportional fitting: source types, author totals, sizes, reasoning), then categories inside
each model and week (the same idea, damped, because the paper's category figures cannot all hold at once).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from .calibration import curve, day_number, load_calibration
from .catalogue import CHINESE, CLOSED, ROW, SOURCE_TYPES, UNKNOWN, Catalogue, load_catalogue

CATEGORIES = [
    "programming", "roleplay", "technology", "science", "translation", "health", "finance", "academia",
    "legal", "trivia", "marketing", "marketing/seo", "others",
]  # fmt: skip
OTHERS = len(CATEGORIES) - 1


@dataclass
class Targets:
    """Expected volumes. Tokens are in trillions of the monthly curve; arrays are weeks x models (x categories)."""

    weeks: np.ndarray
    tokens: np.ndarray
    category_share: np.ndarray
    sequence: np.ndarray
    completion: np.ndarray
    cached_share: np.ndarray
    reasoning_share: np.ndarray
    tokens_per_trillion: float
    region_share: np.ndarray
    tool_share: np.ndarray
    completion_part: dict[int, float]
    first_day: int
    last_day: int


def weekly_volume(cal: dict[str, Any], weeks: np.ndarray, start: int, end: int) -> np.ndarray:
    """Trillions of tokens in each week, counting only days from start to end (day numbers, inclusive)."""
    months = sorted(str(month) for month in cal["monthly_tokens_trillions"])
    middle, rate = [], []
    for month in months:
        first = day_number(f"{month}-01")
        year, number = map(int, month.split("-"))
        following = f"{year + number // 12}-{number % 12 + 1:02d}-01"
        length = day_number(following) - first
        middle.append(first + length / 2)
        rate.append(cal["monthly_tokens_trillions"][month] / length)
    days = np.arange(start, end + 1)
    daily = np.exp(np.interp(days, middle, np.log(rate)))
    # The curve through the middles loses a little of each month's total: put it back month by month.
    month_of_day = days.astype("datetime64[D]").astype("datetime64[M]").astype(str)
    volume = np.zeros(len(weeks))
    for month in np.unique(month_of_day):
        chosen = month_of_day == month
        known = cal["monthly_tokens_trillions"].get(str(month))
        if known is not None and chosen.sum() >= 28:
            daily[chosen] *= known / daily[chosen].sum()
    np.add.at(volume, (days - weeks[0]) // 7, daily)
    return volume


def reasoning_matrix(cal: dict[str, Any], cat: Catalogue, weeks: np.ndarray) -> np.ndarray:
    """Part of each model's tokens of a week that the catalogue counts as reasoning."""
    days = weeks[:, None] + np.arange(7)[None, :]
    result = np.zeros((len(weeks), len(cat.slugs)))
    for model in np.flatnonzero(cat.is_reasoning):
        part = (days >= cat.reasoning_from[model]).mean(axis=1)
        variant = cat.reasoning_variant[model]
        if variant == "thinking":
            part = part * cal["thinking_variant_share"]
        elif variant:
            part = part * 0.0
        result[:, model] = part
    return result


def _scale_groups(tokens: np.ndarray, groups: np.ndarray, target: np.ndarray) -> None:
    """Scale columns in place so that each week's group sums are the target; a group without tokens stays empty."""
    for group in range(target.shape[1]):
        columns = groups == group
        total = tokens[:, columns].sum(axis=1)
        factor = np.divide(target[:, group], total, out=np.ones_like(total), where=total > 0)
        tokens[:, columns] *= factor[:, None]


def fit_models(
    cal: dict[str, Any], cat: Catalogue, weeks: np.ndarray, volume: np.ndarray, reasoning: np.ndarray
) -> tuple[np.ndarray, float]:
    """Tokens by week and model, and the trillions of this curve that make one trillion of Table 1."""
    middle = weeks + 3
    n_models = len(cat.slugs)
    tail = cal["tail_models"]
    # By name, not by position: a new seed row leaves the other models alone.
    draws = [np.random.default_rng([tail["seed"], crc32(slug.encode())]).standard_normal() for slug in cat.slugs]
    noise = np.exp(tail["log_sd"] * np.array(draws))
    percent = np.zeros((len(weeks), n_models))
    for model, slug in enumerate(cat.slugs):
        if slug in cal["models"]:
            percent[:, model] = curve(cal["models"][slug], middle)
        elif cat.chat[model] and cat.source[model] != UNKNOWN:
            price = float(np.clip(cat.price_on(model, int(cat.released[model]))[0], 0.02, 20.0))
            percent[:, model] = tail["per_cent_each"] * noise[model] * price ** tail["price_tilt"]
    unknown = cat.source == UNKNOWN
    percent[:, unknown] = 1.0
    days = weeks[:, None] + np.arange(7)[None, :]
    alive = (days[:, :, None] >= cat.released) & (days[:, :, None] <= cat.retired)
    percent *= alive.mean(axis=1)

    share = np.zeros((len(weeks), 4))
    share[:, CHINESE] = curve(cal["source_share"]["chinese_oss"], middle)
    share[:, ROW] = curve(cal["source_share"]["row_oss"], middle)
    share[:, UNKNOWN] = cal["unknown_share"]
    share[:, CLOSED] = 1 - share.sum(axis=1)
    by_source = share * volume[:, None]
    tokens = percent / 100 * volume[:, None]
    _scale_groups(tokens, cat.source, by_source)

    first, last = (day_number(day) for day in cal["study_window"])
    window = (weeks + 6 >= first) & (weeks <= last)
    part_of_week = np.clip((np.minimum(weeks + 6, last) - np.maximum(weeks, first) + 1) / 7, 0, 1)
    is_open = (cat.source == CHINESE) | (cat.source == ROW)
    authors = np.array(cat.authors)
    table = cal["open_author_trillions"]
    origin = {a: cat.source[np.flatnonzero(is_open & (authors == a))[0]] for a in table}
    chinese_sum = sum(value for author, value in table.items() if origin[author] == CHINESE)
    chinese_total = (by_source[:, CHINESE] * part_of_week)[window].sum()
    # A little Chinese open traffic belongs to authors outside Table 1.
    scale = 0.985 * chinese_total / chinese_sum if window.any() else 1.0
    sizes = np.array(cat.size)
    oss_total = by_source[:, CHINESE] + by_source[:, ROW]
    size_target = {name: curve(points, middle) * oss_total for name, points in cal["size_share_of_oss"].items()}
    v3_r1 = np.isin(np.array(cat.slugs), cal["deepseek_v3_r1"]["models"])
    v3_weeks = (weeks >= day_number(cal["deepseek_v3_r1"]["from"])) & (weeks <= day_number(cal["deepseek_v3_r1"]["to"]))
    cap_weeks = weeks >= day_number(cal["largest_open_model"]["from"])
    reasoning_target = curve(cal["reasoning_share"], middle) * volume
    # Table 3 counts what was billed: free variants and BYOK come on top.
    fixed = {}
    for slug, value in cal["model_log10_millions"].items():
        model = cat.index[slug]
        billed = 1 - cal["free_variant_share"].get(slug, 0.0)
        billed *= 1 - (cal["byok_share"] if cat.source[model] == CLOSED else 0.0)
        fixed[model] = 10**value / 1e6 * scale / billed
    weight = part_of_week[:, None]

    def group_share(columns: np.ndarray, rows: np.ndarray, target: np.ndarray, power: float) -> None:
        """Move a group of columns towards its weekly totals in some weeks."""
        total = tokens[:, columns].sum(axis=1)
        factor = np.divide(target, total, out=np.ones_like(total), where=total > 0)
        factor = np.where(rows, np.clip(factor, 0.2, 5) ** power, 1.0)
        tokens[:, columns] *= factor[:, None]

    for iteration in range(160):
        power = 0.6 if iteration < 130 else 0.25
        for name, target in size_target.items():
            group_share(is_open & (sizes == name), oss_total > 0, target, power)
        group_share(v3_r1, v3_weeks, cal["deepseek_v3_r1"]["share_of_oss"] * oss_total, power)
        # Reasoning: the closed models carry the correction, so that open totals are left in peace.
        for closed_reasoning in (True, False):
            columns = cat.source == CLOSED
            weights = reasoning if closed_reasoning else 1 - reasoning
            now = (tokens * weights)[:, columns].sum(axis=1)
            open_part = (tokens * reasoning)[:, ~columns].sum(axis=1)
            wanted = np.maximum(reasoning_target - open_part, 0.0005 * volume)
            if not closed_reasoning:
                wanted = by_source[:, CLOSED] - wanted
            factor = np.divide(wanted, now, out=np.ones_like(now), where=now > 0)
            factor = np.clip(factor, 0.25, 4) ** (0.5 * power / 0.6)
            tokens[:, columns] *= 1 + weights[:, columns] * (factor[:, None] - 1)
        cap = cal["largest_open_model"]["max_share_of_oss"] * oss_total
        over = np.maximum(tokens / np.maximum(cap, 1e-12)[:, None], 1.0)
        tokens = np.where(cap_weeks[:, None] & is_open, tokens / over, tokens)
        _scale_groups(tokens, cat.source, by_source)
        if window.any():
            for model, wanted in fixed.items():
                total = (tokens[:, model] * part_of_week).sum()
                if total > 0:
                    tokens[window, model] *= np.clip(wanted / total, 0.2, 5)
            sums = (tokens * weight).sum(axis=0)
            for author, value in table.items():
                columns = is_open & (authors == author)
                total = sums[columns].sum()
                if total > 0:
                    tokens[np.ix_(window, columns)] *= value * scale / total
            limit = cal["largest_other_author"] * min(table.values()) * scale
            for author in np.unique(authors[is_open]):
                if author not in table:
                    columns = is_open & (authors == author)
                    total = sums[columns].sum()
                    if total > limit:
                        tokens[np.ix_(window, columns)] *= limit / total
    _scale_groups(tokens, cat.source, by_source)
    return tokens, float(scale)


def effective_prices(cat: Catalogue, weeks: np.ndarray, completion_part: np.ndarray, cached: np.ndarray) -> np.ndarray:
    """US dollars per million billed tokens by week, model and category; zero in free access periods.

    Args:
        completion_part: completion tokens over all tokens, weeks x models x categories.
        cached: cached share of prompt tokens by model.
    """
    table = np.zeros((len(weeks), len(cat.slugs), 3))
    for model in range(len(cat.slugs)):
        for week, day in enumerate(weeks + 3):
            if not cat.is_free_on(model, int(day)):
                table[week, model] = cat.price_on(model, int(day))
    prompt = (1 - cached) * table[:, :, 0] + cached * table[:, :, 2]
    return completion_part * table[:, :, 1][:, :, None] + (1 - completion_part) * prompt[:, :, None]


def solve_costs(
    cal: dict[str, Any], cat: Catalogue, weeks: np.ndarray, tokens: np.ndarray, usual_part: np.ndarray
) -> tuple[np.ndarray, dict[int, float]]:
    """Cached share of prompts by model, and completion share of tokens for the models whose cost is known (T3)."""
    cached = np.array([cal["cached_share"].get(author, 0.0) for author in cat.authors])
    completion: dict[int, float] = {}
    first = day_number(cal["study_window"][0])
    for slug, target in cal["model_cost_per_1m_usd"].items():
        model = cat.index[slug]
        weights = np.where(weeks >= first - 6, tokens[:, model], 0)
        if weights.sum() == 0:
            continue
        weights = weights / weights.sum()
        table = np.array([cat.price_on(model, int(day)) for day in weeks + 3])
        prompt_price, completion_price, cache_price = (weights[:, None] * table).sum(axis=0)
        part = float((weights * usual_part[:, model]).sum())
        plain = part * completion_price + (1 - part) * prompt_price
        # Solved once by its completion share, a model meets its target to the last bits, and those differ between
        # processors: the tolerance keeps it on its side.
        if plain > target * 1.001 and cache_price < prompt_price:
            cached[model] = np.clip((plain - target) / ((1 - part) * (prompt_price - cache_price)), 0, 0.9)
        else:
            cached[model] = 0.0
            if completion_price > prompt_price:
                solved = (target - prompt_price) / (completion_price - prompt_price)
                completion[model] = float(np.clip(solved, 0.01, 0.6))
    return cached, completion


def _mix_rows(cal: dict[str, Any], cat: Catalogue, days: np.ndarray) -> np.ndarray:
    """Starting category shares by week and model, from the mix of the author or of the source type."""
    start, end = day_number("2025-05-05"), day_number("2025-11-24")
    progress = np.clip((days - start) / (end - start), 0, 1)[:, None]
    rows: dict[str, np.ndarray] = {}
    for key, value in cal["mix"].items():
        ends = []
        for side in ("start", "end"):
            parts = np.array([value[side][name] for name in CATEGORIES], dtype=float)
            others = parts[OTHERS] / 100
            known = parts[:OTHERS] / parts[:OTHERS].sum() * (1 - others)
            ends.append(np.append(known, others))
        rows[key] = (1 - progress) * ends[0] + progress * ends[1]
    result = np.zeros((len(days), len(cat.slugs), len(CATEGORIES)))
    for model, author in enumerate(cat.authors):
        is_open = cat.source[model] in (CHINESE, ROW)
        key = f"{author}_open" if is_open and f"{author}_open" in rows else author
        if key not in rows or (is_open and key in ("openai", "google", "anthropic", "x-ai")):
            key = SOURCE_TYPES[min(int(cat.source[model]), ROW)] if cat.source[model] != UNKNOWN else "closed"
        result[:, model, :] = rows[key]
        tilt = cal["model_tilt"].get(cat.slugs[model])
        if tilt:
            factor = np.array([tilt.get(name, 1.0) for name in CATEGORIES])
            tilted = result[:, model, :] * factor
            result[:, model, :] = tilted / tilted.sum(axis=1, keepdims=True)
    return result


def _members(cat: Catalogue, name: str) -> np.ndarray:
    if name == "all":
        return cat.source != UNKNOWN
    if name == "oss":
        return (cat.source == CHINESE) | (cat.source == ROW)
    if name in SOURCE_TYPES:
        return cat.source == SOURCE_TYPES.index(name)
    return np.array(cat.authors) == name


def fit_categories(
    cal: dict[str, Any], cat: Catalogue, weeks: np.ndarray, tokens: np.ndarray, price: np.ndarray, passes: int = 150,
) -> np.ndarray:  # fmt: skip
    """Category shares inside each model and week (weeks x models x categories, adding to 1).

    Weeks before tagging began are fitted to the constraints' first values: their categories exist in the requests,
    only nobody recorded them.
    """
    used = np.flatnonzero(tokens.sum(axis=0) > 0)
    shares = _mix_rows(cal, cat, weeks + 3)
    first = day_number("2025-05-05")
    fit_weeks = np.flatnonzero(weeks >= first - 7)
    early_weeks = np.flatnonzero(weeks < first - 7)
    for rows, names in ((fit_weeks, None), (early_weeks, {"programming_all", "oss_roleplay", "oss_programming"})):
        if len(rows) == 0:
            continue
        x = shares[np.ix_(rows, used)] * tokens[np.ix_(rows, used)][:, :, None]
        x = _fit_block(
            cal, cat, used, weeks[rows], x, price[np.ix_(rows, used)], passes if names is None else 30, names
        )
        total = x.sum(axis=2, keepdims=True)
        fitted = np.divide(x, total, out=shares[np.ix_(rows, used)].copy(), where=total > 0)
        shares[np.ix_(rows, used)] = fitted
    return shares


def _fit_block(
    cal: dict[str, Any], cat: Catalogue, used: np.ndarray, weeks: np.ndarray, x: np.ndarray, price: np.ndarray,
    passes: int, names: set[str] | None,
) -> np.ndarray:  # fmt: skip
    row_total = x.sum(axis=2)
    usual_others = np.divide(x[:, :, OTHERS], row_total, out=np.full_like(row_total, 0.2), where=row_total > 0)
    low, high = cal["others_bounds"]
    prepared = []
    for item in cal["constraints"]:
        if names is not None and item["name"] not in names:
            continue
        columns = [CATEGORIES.index(name) for name in item["of"]]
        kind = "in" if "in" in item else "split" if "split" in item else "spend"
        group = item.get("in") or item.get("split") or item.get("spend_split")
        scope = item.get("within", "all")
        prepared.append(
            (kind, columns, _members(cat, group)[used], _members(cat, scope)[used],
             curve(item["target"], weeks), float(item["weight"]))
        )  # fmt: skip
    not_xai = np.array(cat.authors)[used] != "x-ai"
    free = np.array([cal["free_variant_share"].get(cat.slugs[model], 0.0) for model in used])
    billed = np.where(price.sum(axis=2) > 0, 1 - free, 0.0)
    unit = price.mean(axis=2)
    costs = cal["category_cost_per_1m_usd"]
    log_price = np.where(billed > 0, np.log(np.maximum(unit, 0.02)), 0.0)
    for iteration in range(passes):
        step = 1.0 if iteration < passes * 0.7 else 0.4
        for kind, columns, members, scope, target, weight in prepared:
            if not members.any():
                continue
            if kind == "in":
                rows = np.flatnonzero(members)
                part = x[:, rows][:, :, columns].sum(axis=(1, 2))
                whole = x[:, rows, :OTHERS].sum(axis=(1, 2))
                block = np.ix_(np.arange(len(weeks)), rows, columns)
            else:
                part_of = x[:, :, columns].sum(axis=2) * scope
                if kind == "spend":
                    part_of = (x * price)[:, :, columns].sum(axis=2) * billed * not_xai
                rows = np.flatnonzero(members & scope)
                part = part_of[:, rows].sum(axis=1)
                whole = part_of.sum(axis=1)
                block = np.ix_(np.arange(len(weeks)), rows, columns)
            now = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
            ok = (now > 1e-6) & (now < 1 - 1e-6)
            now = np.where(ok, now, 0.5)
            factor = (target / (1 - target)) / (now / (1 - now))
            factor = np.where(ok, np.clip(factor, 0.1, 10.0) ** (weight * step * 0.5), 1.0)
            x[block] *= factor[:, None, None]
        if names is None:
            for name, wanted in costs.items():
                column = CATEGORIES.index(name)
                paid = (x[:, :, column] * billed).sum()
                now = (x[:, :, column] * price[:, :, column] * billed).sum() / paid
                tilt = cal["category_cost_weight"] * step * np.clip(np.log(wanted / now), -1, 1)
                mean = (x[:, :, column] * log_price * billed).sum() / paid
                x[:, :, column] *= np.where(billed > 0, np.exp(tilt * np.clip(log_price - mean, -2, 2)), 1.0)
        # A cell that once fell to nothing could never come back.
        x = np.maximum(x, 3e-4 * row_total[:, :, None])
        # Keep every model's weekly tokens, and `others` inside its bounds.
        total = x.sum(axis=2)
        x *= np.divide(row_total, total, out=np.ones_like(total), where=total > 0)[:, :, None]
        part = np.divide(x[:, :, OTHERS], row_total, out=np.full_like(row_total, 0.2), where=row_total > 0)
        pull = cal["others_pull"] * step
        clipped = np.clip(np.maximum(part, 1e-6) ** (1 - pull) * usual_others**pull, low, high)
        x[:, :, :OTHERS] *= ((1 - clipped) / np.maximum(1 - part, 1e-9))[:, :, None]
        x[:, :, OTHERS] = clipped * row_total
    return x


def lengths(
    cal: dict[str, Any], cat: Catalogue, weeks: np.ndarray, tokens: np.ndarray, shares: np.ndarray,
    reasoning: np.ndarray, completion_part: dict[int, float],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Mean sequence length by week and category, and mean completion length by week, model and category (tokens)."""
    middle = weeks + 3
    average = curve(cal["avg_prompt_tokens"], middle) + curve(cal["avg_completion_tokens"], middle)
    by_category = (tokens[:, :, None] * shares).sum(axis=1)
    by_category /= np.maximum(by_category.sum(axis=1, keepdims=True), 1e-30)
    relative = np.array([1.0] + [cal["category_length"][name] for name in CATEGORIES[1:]])
    programming = cal["programming_length_ratio"] * average
    rest = 1 / average - by_category[:, 0] / programming
    base = (by_category[:, 1:] / relative[None, 1:]).sum(axis=1) / rest
    sequence = base[:, None] * relative[None, :]
    sequence[:, 0] = programming
    generations = tokens[:, :, None] * shares / sequence[:, None, :]
    factor = 1 + reasoning * (cal["reasoning_completion_factor"] - 1)
    shape = factor[:, :, None] * np.ones(len(CATEGORIES))[None, None, :]
    wanted = curve(cal["avg_completion_tokens"], middle)
    completion = np.zeros_like(generations)
    solved = np.zeros(len(cat.slugs), dtype=bool)
    for model, part in completion_part.items():
        completion[:, model, :] = part * sequence
        solved[model] = True
    count = generations.sum(axis=(1, 2))
    given = (generations * completion).sum(axis=(1, 2))
    free = (generations * shape)[:, ~solved, :].sum(axis=(1, 2))
    kappa = np.clip((wanted * count - given) / np.maximum(free, 1e-30), 20, None)
    completion[:, ~solved, :] = kappa[:, None, None] * shape[:, ~solved, :]
    return sequence, np.minimum(completion, 0.6 * sequence[:, None, :])


def region_targets(cal: dict[str, Any], weeks: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Names of regions (`unknown` last) and their spend share by week."""
    named = list(cal["region_share"])
    other = list(cal["other_regions"])
    shares = np.zeros((len(weeks), len(named) + len(other)))
    for column, name in enumerate(named):
        shares[:, column] = curve(cal["region_share"][name], weeks + 3)
    rest = 1 - shares.sum(axis=1)
    for column, name in enumerate(other):
        shares[:, len(named) + column] = rest * cal["other_regions"][name]
    return named + other, shares


def targets_for(seeds: Path, start: int, end: int) -> Targets:
    """Targets that cover start to end (day numbers), fitted once in a process.

    The fit always spans the study's whole history, so that a run over a few weeks has those weeks of the whole.
    """
    first, last = (day_number(day) for day in load_calibration()["fitted_range"])
    return _fitted(seeds, min(start, first), max(end, last))


@cache
def _fitted(seeds: Path, start: int, end: int) -> Targets:
    cal = load_calibration()
    return build_targets(cal, load_catalogue(seeds, cal["unknown_slugs"]), start, end)


def build_targets(cal: dict[str, Any], cat: Catalogue, start: int, end: int) -> Targets:
    """All expected volumes from start to end (day numbers, inclusive)."""
    first_week = start - (start + 3) % 7
    weeks = np.arange(first_week, end + 1, 7)
    volume = weekly_volume(cal, weeks, start, end)
    reasoning = reasoning_matrix(cal, cat, weeks)
    tokens, scale = fit_models(cal, cat, weeks, volume, reasoning)
    # Costs, categories and lengths depend on each other: start from a guess, then go round once more.
    usual = np.full_like(tokens, 0.055)
    part = np.full((*tokens.shape, len(CATEGORIES)), 0.055)
    for passes in (60, 150):
        cached, completion_part = solve_costs(cal, cat, weeks, tokens, usual)
        price = effective_prices(cat, weeks, part, cached)
        shares = fit_categories(cal, cat, weeks, tokens, price, passes)
        sequence, completion = lengths(cal, cat, weeks, tokens, shares, reasoning, completion_part)
        part = completion / sequence[:, None, :]
        usual = (shares * part).sum(axis=2)
    cached, completion_part = solve_costs(cal, cat, weeks, tokens, usual)
    sequence, completion = lengths(cal, cat, weeks, tokens, shares, reasoning, completion_part)
    _, regions = region_targets(cal, weeks)
    return Targets(
        weeks=weeks,
        tokens=tokens,
        category_share=shares,
        sequence=sequence,
        completion=completion,
        cached_share=cached,
        reasoning_share=reasoning,
        tokens_per_trillion=scale,
        region_share=regions,
        tool_share=curve(cal["tool_call_share"], weeks + 3),
        completion_part=completion_part,
        first_day=start,
        last_day=end,
    )
