"""Drawing generations from the targets, a slice of time at a time.

Counts come from the targets by carrying rounding remainders from slice to slice, and within a cell values are spread
evenly over their distribution (low-discrepancy sequences), so that shares are close to the targets in small runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .accounts import SPIKE_ACCOUNT, Population
from .calibration import curve, day_number, month_index
from .catalogue import CLOSED, Catalogue
from .targets import CATEGORIES, Targets

GOLDEN = 0.6180339887498949
SECOND = 0.7548776662466927
THIRD = 0.5698402909980532
# Share of a day's requests by hour UTC, and of a week's by day (assumed: working hours of America and Europe).
HOURS = np.array([34, 31, 30, 30, 31, 33, 36, 40, 44, 47, 48, 48, 49, 52, 55, 56, 55, 53, 50, 47, 45, 43, 40, 37])
WEEKDAYS = np.array([1.05, 1.08, 1.08, 1.06, 1.02, 0.86, 0.85])
NATIVE = {
    "anthropic": {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"},
    "google": {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "tool_calls", "content_filter": "SAFETY"},
}
FINISH = ["stop", "length", "tool_calls", "content_filter", "error"]
PROVIDERS = {
    "anthropic": ["Anthropic", "Amazon Bedrock", "Google"], "openai": ["OpenAI", "Azure"],
    "google": ["Google AI Studio", "Google"], "x-ai": ["xAI"], "deepseek": ["DeepSeek", "Novita", "DeepInfra"],
    "mistralai": ["Mistral", "DeepInfra"], "minimax": ["Minimax"], "moonshotai": ["Moonshot AI", "Groq"],
    "z-ai": ["Z.AI", "Novita"], "qwen": ["Alibaba", "DeepInfra", "Cerebras"],
}  # fmt: skip
DEFAULT_PROVIDERS = ["DeepInfra", "Together", "Novita", "Chutes"]


@dataclass
class Slice:
    """Clean generations of one stretch of time, one array a column; `truth` columns never reach a landing file."""

    columns: dict[str, np.ndarray]
    category: np.ndarray
    sampled: np.ndarray
    account: np.ndarray
    day: np.ndarray

    def __len__(self) -> int:
        return len(self.category)


def systematic(probability: np.ndarray, offset: float) -> np.ndarray:
    """Choose rows with given probabilities so that every stretch gets its expected number, give or take one."""
    total = np.cumsum(probability) + offset
    return np.floor(total) > np.floor(np.concatenate([[offset], total[:-1]]))


class Generator:
    """Turns targets into records; keeps rounding remainders and the population between slices."""

    def __init__(
        self, cal: dict[str, Any], cat: Catalogue, targets: Targets, population: Population, generations: int,
        classified_share: float, start: int, end: int, seed: int, language_aliases: dict[str, list[str]],
    ) -> None:  # fmt: skip
        self.cal, self.cat, self.targets, self.population = cal, cat, targets, population
        self.start, self.end, self.seed = start, end, seed
        self.classified_share = classified_share
        expected = targets.tokens[:, :, None] * targets.category_share / targets.sequence[:, None, :]
        self.remainder = np.zeros(expected.shape[1:])
        self.token_debt = np.zeros((2 * len(cat.slugs), 2))
        self.generations = generations
        self.drawn = 0
        self.path_offset: dict[str, float] = {}
        self.days = np.arange(start, end + 1)
        self.week_of_day = (self.days - targets.weeks[0]) // 7
        by_model = np.zeros((len(targets.weeks), len(cat.slugs)))
        by_week = expected.sum(axis=2)
        for week in np.unique(self.week_of_day):
            by_model[week] = by_week[week] * self._part_of_week(int(week), self.days[self.week_of_day == week])
        self.scale = generations / by_model.sum()
        self.expected_by_week = by_model * self.scale
        self.author_number = np.unique(np.array(cat.authors), return_inverse=True)[1]
        self.propensity = np.full((len(targets.weeks), len(cat.slugs)), 0.15)
        for slug, points in cal["tool_propensity"].items():
            self.propensity[:, cat.index[slug]] = curve(points, targets.weeks + 3)
        self.free_share = np.zeros(len(cat.slugs))
        for slug, value in cal["free_variant_share"].items():
            self.free_share[cat.index[slug]] = value
        self.spike_models = np.array([cat.index[slug] for slug in cal["tool_spike"]["models"]])
        self.prices: dict[tuple[int, int], tuple[float, float, float, bool]] = {}
        self.language_aliases = language_aliases
        self.quantiles = {
            name: np.array(cal[f"shape_{name}"], dtype=float)
            for name in ("prompt_code", "prompt_conversation", "completion_code", "completion_conversation")
        }
        self.probabilities = np.array(cal["shape_probabilities"], dtype=float)

    # -- months -------------------------------------------------------------------------------------------------------
    def expected_in_month(self, month: int) -> dict[int, float]:
        """Generations expected in a calendar month for each studied model, and for the rest under -1."""
        chosen = month_index(self.days) == month
        by_model = np.zeros(len(self.cat.slugs))
        for week in np.unique(self.week_of_day[chosen]):
            days = self.days[chosen & (self.week_of_day == week)]
            by_model += self._part_of_week(int(week), days) * self._whole_week(int(week))
        result = {model: float(by_model[model]) for model in self.population.panel}
        result[-1] = float(by_model.sum() - sum(result.values()))
        return result

    def region_share_in_month(self, month: int) -> np.ndarray:
        """Mean region shares of the weeks of a month."""
        weeks = np.unique(self.week_of_day[month_index(self.days) == month])
        return self.targets.region_share[weeks].mean(axis=0)

    # -- one slice ----------------------------------------------------------------------------------------------------
    def slice_counts(self, days: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
        """Week number, counts and expected counts by model and category, for some days of one week."""
        week = int(self.week_of_day[days[0] - self.start])
        t = self.targets
        part = self._part_of_week(week, days)
        expected = t.tokens[week][:, None] * t.category_share[week] / t.sequence[week][None, :] * self.scale
        expected *= part[:, None]
        wanted = expected + self.remainder
        counts = np.floor(wanted + 0.5).clip(0).astype(np.int64)
        counts[part == 0] = 0
        self.remainder = wanted - counts
        return week, counts, expected

    def _listed(self, days: np.ndarray) -> np.ndarray:
        """Whether each model was listed on each day (days x models)."""
        return (days[:, None] >= self.cat.released) & (days[:, None] <= self.cat.retired)

    def _listed_weight(self, days: np.ndarray) -> np.ndarray:
        return (WEEKDAYS[(days + 3) % 7][:, None] * self._listed(days)).sum(axis=0)

    def _part_of_week(self, week: int, days: np.ndarray) -> np.ndarray:
        """Part of each model's tokens of a week that falls on some of its days: those on which it was listed."""
        t = self.targets
        monday = int(t.weeks[week])
        whole = np.arange(max(monday, t.first_day), min(monday + 6, t.last_day) + 1)
        return self._listed_weight(days) / np.maximum(self._listed_weight(whole), 1e-12)

    def _whole_week(self, week: int) -> np.ndarray:
        t = self.targets
        return (t.tokens[week][:, None] * t.category_share[week] / t.sequence[week][None, :]).sum(axis=1) * self.scale

    def _shape(self, name: str, position: np.ndarray, normal: np.ndarray) -> np.ndarray:
        values = self.quantiles[name]
        fine = np.interp(np.linspace(0, 1, 2001), self.probabilities, values)
        sd = self.cal["shape_log_sd"]
        return np.interp(position, self.probabilities, values) / fine.mean() * np.exp(sd * normal - sd * sd / 2)

    def draw(self, days: np.ndarray) -> Slice | None:
        """Generations of consecutive days that lie in one week and one month; None if there are none."""
        cal, cat, t = self.cal, self.cat, self.targets
        week, counts, expected = self.slice_counts(days)
        if days[-1] == self.end:
            self._land_on_request(counts, expected)
        n = int(counts.sum())
        if n == 0:
            return None
        self.drawn += n
        rng = np.random.default_rng([self.seed, 41, int(days[0])])
        cells = np.flatnonzero(counts.ravel())
        cell = np.repeat(cells, counts.ravel()[cells])
        model, category = np.divmod(cell, len(CATEGORIES))
        i = np.arange(n)
        start = rng.random(6)

        # Lengths: heavy-tailed, then scaled so that each model's tokens are what the targets (and what earlier slices
        # left owing) say.
        code = category == 0
        u1, u2 = (start[0] + i * GOLDEN) % 1, (start[1] + i * SECOND) % 1
        z = rng.standard_normal((2, n))
        mean_completion = t.completion[week, model, category]
        mean_prompt = t.sequence[week, category] - mean_completion
        relative_prompt = np.where(
            code, self._shape("prompt_code", u1, z[0]), self._shape("prompt_conversation", u1, z[0])
        )
        relative_completion = np.where(
            code, self._shape("completion_code", u2, z[1]), self._shape("completion_conversation", u2, z[1])
        )
        prompt, completion = mean_prompt * relative_prompt, mean_completion * relative_completion
        # Programming is scaled apart from the rest: its long prompts would drown in the noise of a model's total.
        group = 2 * model + code
        programming = np.arange(len(CATEGORIES)) == 0
        for column, values in ((0, prompt), (1, completion)):
            mean = t.completion[week] if column else t.sequence[week][None, :] - t.completion[week]
            wanted = expected * mean
            owed = np.stack([wanted[:, ~programming].sum(axis=1), wanted[:, 0]], axis=1).ravel()
            owed += self.token_debt[:, column]
            drawn = np.bincount(group, values, minlength=len(owed))
            factor = np.clip(np.divide(owed, drawn, out=np.ones_like(owed), where=drawn > 0), 0.4, 2.5)
            values *= factor[group]
            np.maximum(np.rint(values), 1, out=values)
            if column:
                # Where the study gives a price per token, every record has the completion share that leads to it.
                for number, share in t.completion_part.items():
                    rows = model == number
                    values[rows] = np.maximum(np.rint(prompt[rows] * share / (1 - share)), 1)
            self.token_debt[:, column] = owed - np.bincount(group, values, minlength=len(owed))
        total = prompt + completion

        # Time.
        day_choice = WEEKDAYS[(days + 3) % 7]
        day_position = (start[2] + i * THIRD) % 1
        day = days[np.searchsorted(np.cumsum(day_choice) / day_choice.sum() * 1.0000001, day_position)]
        listed = self._listed(days)
        for value in np.unique(model[~listed.all(axis=0)[model]]):
            rows = np.flatnonzero(model == value)
            weights = np.cumsum(day_choice * listed[:, value])
            day[rows] = days[np.searchsorted(weights / weights[-1] * 1.0000001, day_position[rows])]
        hour = np.searchsorted(np.cumsum(HOURS) / HOURS.sum(), rng.random(n))
        second = day * 86400 + hour * 3600 + rng.integers(0, 3600, n)

        variant = self._variants(model, rng)
        reasons = (t.reasoning_share[week, model] > 0) & ((variant == "thinking") | ~self._by_variant(model))
        spec = self.cal["reasoning_part_of_completion"]
        part = np.clip(rng.normal(spec["mean"], spec["sd"], n), 0, 0.95)
        reasoning = np.where(reasons, np.rint(completion * part), 0)

        spike = self._spike(model, total, day, rng)
        tool_call = self._tool_calls(model, category, total, week, spike, start[3])
        finish = self._finish(tool_call, rng)
        priced = np.isin(model, list(t.completion_part))
        completion = np.where((finish == 4) & (rng.random(n) < 0.5) & ~priced, 0, completion)
        reasoning = np.minimum(reasoning, completion)

        money = self._money(model, day, variant, prompt, completion, finish, rng)
        account = self._accounts(model, day, week, money["cost"], spike, rng)
        language = self._languages(account, prompt + completion, start[4])
        sampled = np.zeros(n, dtype=bool)
        eligible = np.flatnonzero(day >= day_number(cal["category_start"]))
        if len(eligible):
            # A random start, then every so many rows down an ordered list: a stratified random sample.
            keys = (total, money["cost"], self.author_number[model], cat.source[model], category)
            order = eligible[np.lexsort(tuple(key[eligible] for key in keys))]
            sampled[order] = systematic(np.full(len(order), self.classified_share), start[5])

        columns = self._columns(
            model, variant, second, prompt, completion, reasoning, finish, tool_call, day, language, money, account, rng
        )
        order = np.argsort(second, kind="stable")
        return Slice(
            columns={name: values[order] for name, values in columns.items()},
            category=category[order],
            sampled=sampled[order],
            account=account[order],
            day=day[order],
        )

    def _land_on_request(self, counts: np.ndarray, expected: np.ndarray) -> None:
        """Change the last slice's largest cells so that the run has exactly the generations asked for."""
        missing = self.generations - self.drawn - int(counts.sum())
        flat = counts.reshape(-1)
        order = np.argsort(-expected.ravel(), kind="stable")[:200]
        step = 1 if missing > 0 else -1
        position = 0
        while missing != 0:
            where = order[position % len(order)]
            if flat[where] + step >= 0:
                flat[where] += step
                missing -= step
            elif position > len(order) and step < 0 and flat[order].sum() == 0:
                order = np.flatnonzero(flat)
            position += 1

    def _by_variant(self, model: np.ndarray) -> np.ndarray:
        return np.array([value == "thinking" for value in self.cat.reasoning_variant])[model]

    def _variants(self, model: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        variant = np.full(len(model), "", dtype="<U8")
        free = systematic(self.free_share[model], float(rng.random()))
        variant[free] = "free"
        thinks = self._by_variant(model)
        chosen = systematic(np.where(thinks, self.cal["thinking_variant_share"], 0.0), float(rng.random()))
        variant[chosen] = "thinking"
        return variant

    def _spike(self, model: np.ndarray, total: np.ndarray, day: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        spec = self.cal["tool_spike"]
        inside = (day >= day_number(spec["from"])) & (day <= day_number(spec["to"]))
        can = inside & np.isin(model, self.spike_models)
        available = total[can].sum()
        if available == 0:
            return np.zeros(len(model), dtype=bool)
        part = min(0.9, spec["token_share"] * total[inside].sum() / available)
        return systematic(np.where(can, part, 0.0), float(rng.random()))

    def _tool_calls(
        self, model: np.ndarray, category: np.ndarray, total: np.ndarray, week: int, spike: np.ndarray, offset: float
    ) -> np.ndarray:
        weight = self.propensity[week, model] * np.where(category == 0, 1.6, np.where(category == 2, 1.3, 0.6))
        weight = np.where(spike, 0.0, weight)
        usual = total[~spike].sum()
        wanted = self.targets.tool_share[week] * usual
        probability = weight * 0.0
        scale = 0.05
        for _ in range(30):
            probability = np.minimum(weight * scale, 0.92)
            now = (probability * total).sum()
            if now <= 0:
                break
            scale *= wanted / now
        # Rows of one cell follow each other; sorting by length inside cells keeps the chosen tokens near the share.
        order = np.lexsort((total, category, model))
        chosen = np.zeros(len(model), dtype=bool)
        chosen[order] = systematic(probability[order], offset)
        return chosen | spike

    def _finish(self, tool_call: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        draw = rng.random(len(tool_call))
        failed = self.cal["dirt"]["failed"]
        result = np.where(draw < failed, 4, np.where(draw < failed + 0.003, 3, np.where(draw < 0.09, 1, 0)))
        return np.where(tool_call, 2, result)

    def _price(self, model: int, day: int) -> tuple[float, float, float, bool]:
        key = (model, day)
        if key not in self.prices:
            self.prices[key] = (*self.cat.price_on(model, day), self.cat.is_free_on(model, day))
        return self.prices[key]

    def _money(
        self, model: np.ndarray, day: np.ndarray, variant: np.ndarray, prompt: np.ndarray, completion: np.ndarray,
        finish: np.ndarray, rng: np.random.Generator,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        n = len(model)
        key = model * 100_000 + day
        unique, inverse = np.unique(key, return_inverse=True)
        table = np.array([self._price(int(k // 100_000), int(k % 100_000)) for k in unique], dtype=float)
        prompt_price, completion_price, cache_price, free = table[inverse].T
        hit = self.targets.cached_share[model]
        cached = np.floor(prompt * np.clip(hit * rng.uniform(0.6, 1.4, n), 0, 0.97))
        plain = (prompt * prompt_price + completion * completion_price) / 1e6
        discount = cached * (prompt_price - cache_price) / 1e6
        cost = plain - discount
        is_free = (free > 0) | (variant == "free")
        cost = np.where(is_free, 0.0, cost)
        byok = (self.cat.source[model] == CLOSED) & ~is_free & (rng.random(n) < self.cal["byok_share"])
        return {
            "cached": cached,
            "cost": np.round(cost, 10),
            "discount": np.round(np.where(is_free, 0.0, discount), 10),
            "byok": byok,
        }

    def _accounts(
        self, model: np.ndarray, day: np.ndarray, week: int, cost: np.ndarray, spike: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:  # fmt: skip
        share = self.targets.region_share[week].copy()
        n = len(model)
        if spike.any():
            # The account of the May spike has one region: the others make up for it.
            own = int(self.population.region[SPIKE_ACCOUNT])
            share[own] = max(share[own] - cost[spike].sum() / max(cost.sum(), 1e-12), 0.02)
        share = np.cumsum(share / share.sum())
        region = np.empty(n, dtype=np.int64)
        # Spread regions over rows sorted by cost, so that shares of spend come out as shares of rows.
        order = np.argsort(cost, kind="stable")
        position = (float(rng.random()) + np.arange(n) * GOLDEN) % 1
        region[order] = np.minimum(np.searchsorted(share, position * 0.9999999), len(share) - 1)
        account = np.empty(n, dtype=np.int64)
        panel = np.isin(model, list(self.population.panel))
        groups = [(value, np.flatnonzero(model == value)) for value in np.unique(model[panel])]
        groups.append((-1, np.flatnonzero(~panel)))
        for value, rows in groups:
            if len(rows) == 0:
                continue
            key = int(value) if int(value) in self.population.active else -1
            account[rows] = self.population.assign(key, region[rows], rng)
        account[spike] = SPIKE_ACCOUNT
        return account

    def _languages(self, account: np.ndarray, total: np.ndarray, offset: float) -> np.ndarray:
        """Language codes whose token shares are the targets, written more where their speakers are billed."""
        names = list(self.cal["language_share"])
        wanted = np.array(list(self.cal["language_share"].values()), dtype=float)
        wanted /= wanted.sum()
        region = self.population.region[account].astype(np.int64)
        regions = self.population.regions
        tokens = np.bincount(region, total, minlength=len(regions))
        tokens /= tokens.sum()
        table = np.tile(wanted, (len(regions), 1))
        for number, name in enumerate(regions):
            for code, factor in self.cal["language_affinity"].get(name, {}).items():
                table[number, names.index(code)] *= factor
        for _ in range(40):
            table *= np.divide(tokens, table.sum(axis=1))[:, None] if (table.sum(axis=1) > 0).all() else 1.0
            table *= (wanted / table.sum(axis=0))[None, :]
        table /= np.maximum(table.sum(axis=1, keepdims=True), 1e-12)
        cumulative = np.cumsum(table, axis=1)
        order = np.lexsort((total, region))
        position = (offset + np.arange(len(account)) * GOLDEN) % 1
        chosen = np.empty(len(account), dtype=np.int64)
        chosen[order] = (position[:, None] > cumulative[region[order]]).sum(axis=1).clip(0, len(names) - 1)
        return np.array(names)[chosen]

    def _columns(
        self, model: np.ndarray, variant: np.ndarray, second: np.ndarray, prompt: np.ndarray, completion: np.ndarray,
        reasoning: np.ndarray, finish: np.ndarray, tool_call: np.ndarray, day: np.ndarray, language: np.ndarray,
        money: dict[str, np.ndarray], account: np.ndarray, rng: np.random.Generator,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        cal, cat, n = self.cal, self.cat, len(model)
        dirt = cal["dirt"]
        slug = np.array(cat.slugs, dtype=object)[model]
        respelled = np.flatnonzero(rng.random(n) < cal["alias_share"])
        for row in respelled:
            choices = cat.aliases[model[row]]
            if choices:
                slug[row] = choices[int(rng.integers(len(choices)))]
        with_variant = variant != ""
        slug[with_variant] = slug[with_variant] + ":" + variant[with_variant].astype(object)
        authors = np.array(cat.authors, dtype=object)
        provider = np.empty(n, dtype=object)
        native_finish = np.empty(n, dtype=object)
        finish_text = np.array(FINISH, dtype=object)[finish]
        for author in np.unique(authors[model].astype(str)):
            rows = np.flatnonzero(authors[model] == author)
            names = PROVIDERS.get(author, DEFAULT_PROVIDERS)
            provider[rows] = np.array(names, dtype=object)[rng.integers(0, len(names), len(rows))]
            spelling = NATIVE.get(author, {})
            native = np.array([spelling.get(value, value) for value in FINISH], dtype=object)
            native_finish[rows] = native[finish[rows]]
        finish_text[rng.random(n) < dirt["null_finish_reason"]] = None
        native_finish[rng.random(n) < dirt["unknown_native_finish_reason"]] = "halted_by_policy_v9"
        api_type = np.full(n, "completions", dtype=object)
        api_type[rng.random(n) < 0.02] = None
        language_text = language.astype(object)
        language_text[language == "none"] = None
        for row in np.flatnonzero(rng.random(n) < cal["language_alias_share"]):
            spellings = self.language_aliases.get(str(language[row]))
            if spellings:
                language_text[row] = spellings[int(rng.integers(len(spellings)))]
        provided = np.full(n, None, dtype=object)
        known = day >= day_number(cal["tools_provided_from"])
        share = tool_call.mean() * (cal["tools_provided_over_called"] - 1)
        provided[known] = (tool_call | (rng.random(n) < share))[known]
        ratio = 0.9 + 0.2 * rng.random(n)
        normal_prompt = np.maximum(np.rint(prompt * ratio), 1)
        normal_completion = np.rint(completion * ratio)
        latency = np.rint(rng.lognormal(6.3, 0.6, n))
        generation_time = np.rint(latency + completion * rng.uniform(8, 25, n))
        missing = rng.random((4, n)) < dirt["null_optional"]
        byok = money["byok"]
        cost = np.where(byok, np.round(money["cost"] * 0.05, 10), money["cost"])
        upstream = np.where(byok, money["cost"], np.nan)
        app = np.array([f"app-{number}" for number in range(400)], dtype=object)
        app_id = app[np.minimum((rng.pareto(0.8, n) * 2).astype(np.int64), 399)]
        app_id[rng.random(n) < 0.3] = None
        return {
            "second": second,
            "model": slug,
            "provider_name": np.where(missing[0], None, provider),
            "app_id": app_id,
            "api_type": api_type,
            "router": np.where(rng.random(n) < 0.02, "openrouter/auto", None).astype(object),
            "streamed": np.where(missing[1], None, rng.random(n) < 0.75).astype(object),
            "cancelled": rng.random(n) < dirt["cancelled"],
            "is_byok": byok,
            "tools_provided": provided,
            "finish_reason": finish_text,
            "native_finish_reason": native_finish,
            "tokens_prompt": normal_prompt,
            "tokens_completion": normal_completion,
            "native_tokens_prompt": prompt,
            "native_tokens_completion": completion,
            "native_tokens_reasoning": np.where(missing[2] & (reasoning == 0), np.nan, reasoning),
            "native_tokens_cached": money["cached"],
            "total_cost": cost,
            "upstream_inference_cost": upstream,
            "cache_discount": np.where(money["discount"] > 0, money["discount"], np.nan),
            "latency": np.where(missing[3], np.nan, latency),
            "generation_time": generation_time,
            "prompt_language": language_text,
        }

    # -- categories ---------------------------------------------------------------------------------------------------
    def classify(self, part: Slice, paths: dict[str, list[tuple[str, float]]]) -> dict[str, np.ndarray]:
        """Classifications of the sampled generations of a slice: row numbers, path, confidence, when."""
        spec = self.cal["classifier"]
        rows = np.flatnonzero(part.sampled)
        rng = np.random.default_rng([self.seed, 51, int(part.day.min()) if len(part) else 0])
        total = part.columns["native_tokens_prompt"] + part.columns["native_tokens_completion"]
        path = np.full(len(rows), None, dtype=object)
        for number, name in enumerate(CATEGORIES):
            chosen = np.flatnonzero(part.category[rows] == number)
            if len(chosen) == 0:
                continue
            values, shares = zip(*paths[name], strict=True)
            order = chosen[np.argsort(total[rows[chosen]], kind="stable")]
            offset = self.path_offset.get(name, 0.37)
            position = (offset + np.arange(1, len(order) + 1) * GOLDEN) % 1
            self.path_offset[name] = float(position[-1])
            cumulative = np.cumsum(shares) / np.sum(shares)
            path[order] = np.array(values, dtype=object)[np.searchsorted(cumulative, position).clip(0, len(values) - 1)]
            if name in self.cal["v1_paths"]:
                old = order[rng.random(len(order)) < spec["v1_path"]]
                path[old] = self.cal["v1_paths"][name]
        draw = (float(rng.random()) + np.arange(len(rows)) * SECOND) % 1
        no_label = draw < spec["no_label"]
        weak = (draw >= spec["no_label"]) & (draw < spec["no_label"] + spec["low_confidence"])
        confidence = np.where(weak, rng.uniform(0.1, 0.49, len(rows)), rng.uniform(0.55, 0.99, len(rows)))
        path[no_label] = None
        confidence = np.where(no_label, np.nan, confidence)
        lag = np.where(rng.random(len(rows)) < 0.6, 0, rng.integers(0, 11, len(rows)))
        when = part.columns["second"][rows] + 60 + rng.integers(0, 3000, len(rows))
        out_rows, out_path, out_conf, out_lag, out_when = [rows], [path], [confidence], [lag], [when]
        everything = [value for values in paths.values() for value, _ in values]
        labelled = np.flatnonzero(~no_label)
        for part_share in (spec["second_label"], spec["third_label"]):
            extra = labelled[rng.random(len(labelled)) < part_share]
            out_rows.append(rows[extra])
            out_path.append(np.array(everything, dtype=object)[rng.integers(0, len(everything), len(extra))])
            out_conf.append(np.round(confidence[extra] * rng.uniform(0.3, 0.95, len(extra)), 6))
            out_lag.append(lag[extra])
            out_when.append(when[extra])
        again = np.flatnonzero(rng.random(len(rows)) < spec["sent_twice"])
        out_rows.append(rows[again])
        out_path.append(path[again])
        out_conf.append(confidence[again])
        out_lag.append(lag[again] + 1)
        out_when.append(when[again] + 86400)
        second = np.concatenate(out_when)
        # A late classification was made late.
        delay = np.concatenate(out_lag)
        return {
            "row": np.concatenate(out_rows),
            "path": np.concatenate(out_path),
            "confidence": np.round(np.concatenate(out_conf), 6),
            "second": second + np.maximum(delay - 1, 0) * 86400,
            "ingest": second // 86400 + delay,
        }


def path_table(cal: dict[str, Any], category_of: dict[str, str]) -> dict[str, list[tuple[str, float]]]:
    """Paths and shares of each category.

    Raises:
        ValueError: a path of the calibration is not in its category by the project's tag rules.
    """
    result = {}
    for name, shares in cal["paths"].items():
        wrong = [path for path in shares if category_of.get(path) != name]
        if wrong:
            raise ValueError(f"not in category {name} by seeds/taxonomy: {wrong}")
        rest = max(0.0, 1 - sum(shares.values()))
        others = sorted(path for path, category in category_of.items() if category == name and path not in shares)
        rows = list(shares.items())
        if rest > 1e-9 and others:
            others = others[:3]
            rows += [(path, rest / len(others)) for path in others]
        result[name] = rows
    return result
