"""The population of accounts: who joins, who comes back, who pays from where.

An account is a number; its identifier, country and weight follow from the number and the seed. State is a few small
arrays over accounts, never over generations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .catalogue import Catalogue

ALPHABET = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", dtype=np.uint8)
SPIKE_ACCOUNT = 0


def mix(values: np.ndarray, salt: int) -> np.ndarray:
    """64-bit hash of integers (splitmix64), as unsigned integers."""
    with np.errstate(over="ignore"):
        z = values.astype(np.uint64) + np.uint64((salt * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % 2**64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(values: np.ndarray, salt: int) -> np.ndarray:
    """Reproducible numbers in [0, 1) from integers."""
    return (mix(values, salt) >> np.uint64(11)).astype(np.float64) / 2**53


def account_identifiers(numbers: np.ndarray, seed: int) -> np.ndarray:
    """Account identifiers (`acc_` and 12 characters) as an array of fixed-width bytes rows (n x 16)."""
    hashed = mix(numbers, 1_000_003 * (seed + 1))
    result = np.empty((len(numbers), 16), dtype=np.uint8)
    result[:, :4] = np.frombuffer(b"acc_", dtype=np.uint8)
    for position in range(12):
        result[:, 4 + position] = ALPHABET[((hashed >> np.uint64(5 * position)) & np.uint64(31)).astype(np.int64)]
    return result


@dataclass
class Cohort:
    """Accounts first.. first+count that started on one model (or on none in particular) in one month."""

    month: int
    first: int
    count: int
    rates: list[float]


@dataclass
class ActiveList:
    """Accounts active in one month on one model, with cumulative weights by region."""

    accounts: np.ndarray
    pending: np.ndarray
    issued: int = 0
    seen: int = 0
    expected: float = 1.0
    by_region: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


class Population:
    """Accounts, grown month by month."""

    def __init__(self, cal: dict[str, Any], cat: Catalogue, regions: list[str], seed: int) -> None:
        self.cal = cal
        self.cat = cat
        self.seed = seed
        self.regions = regions
        self.panel = {cat.index[slug]: spec for slug, spec in cal["retention"].items() if slug in cat.index}
        self.cohorts: dict[int, list[Cohort]] = {model: [] for model in self.panel}
        self.cohorts[-1] = []
        self.region = np.zeros(1, dtype=np.int8)
        self.join_month = np.zeros(1, dtype=np.int16)
        self.is_used = np.zeros(1, dtype=bool)
        self.total = 1
        self.month = -1
        self.active: dict[int, ActiveList] = {}

    # -- growth -------------------------------------------------------------------------------------------------------
    def _add(self, count: int, month: int, region_share: np.ndarray) -> int:
        """Append accounts with regions in the given shares; returns the first number."""
        first = self.total
        if len(self.region) < first + count:
            room = max(first + count, 2 * len(self.region))
            for name in ("region", "join_month", "is_used"):
                old = getattr(self, name)
                grown = np.zeros(room, dtype=old.dtype)
                grown[: len(old)] = old
                setattr(self, name, grown)
        rng = np.random.default_rng([self.seed, 21, first])
        position = (np.arange(count) + 0.5) / max(count, 1)
        region = np.searchsorted(np.cumsum(region_share), position * 0.999999)
        self.region[first : first + count] = rng.permutation(np.minimum(region, len(region_share) - 1))
        self.join_month[first : first + count] = month
        self.total += count
        return first

    def _rate(self, rates: list[float], months_since: int) -> float:
        if months_since <= len(rates):
            return rates[months_since - 1]
        return rates[-1] * 0.9 ** (months_since - len(rates))

    def _returning(self, cohort: Cohort, month: int, salt: int) -> np.ndarray:
        """Accounts of an earlier cohort that are active in a month: exactly the rate, mostly the faithful ones."""
        since = month - cohort.month
        number = round(self._rate(cohort.rates, since) * cohort.count)
        if number <= 0:
            return np.empty(0, dtype=np.int64)
        accounts = np.arange(cohort.first, cohort.first + cohort.count)
        loyalty = uniform(accounts, 31)
        mood = uniform(accounts, 1000 + 37 * month + salt)
        score = 0.8 * loyalty + 0.2 * mood
        return accounts[np.argpartition(-score, number - 1)[:number]]

    def start_month(self, month: int, expected: dict[int, float], region_share: np.ndarray) -> None:
        """Plan a month: who joins, who comes back.

        Args:
            month: months since January 1970.
            expected: generations expected in the month by studied model, and under -1 for all other traffic.
            region_share: share of each region in the month.
        """
        self.month = month
        self.active = {}
        label = str(np.datetime64(month, "M"))
        for model, spec in self.panel.items():
            generations = expected.get(model, 0.0)
            if generations < 1:
                continue
            returning = [self._returning(cohort, month, model) for cohort in self.cohorts[model]]
            back = np.concatenate(returning) if returning else np.empty(0, dtype=np.int64)
            room = int(0.85 * generations) - len(back)
            wanted = max(self.cal["smallest_cohort"], int(0.22 * generations))
            # Somebody must be there for the generations there are.
            count = max(0, 1 - len(back), min(wanted, room, 20_000))
            first = self._add(count, month, region_share)
            rates = spec.get("cohorts", {}).get(label, spec["usual"])
            self.cohorts[model].append(Cohort(month, first, count, rates))
            new = np.arange(first, first + count)
            self._activate(model, np.concatenate([new, back]), generations, region_share)
        general = self.cal["general_accounts"]
        generations = expected.get(-1, 0.0)
        count = int(np.clip(general["new_per_generation"] * generations, 20, general["most_new_a_month"]))
        first = self._add(count, month, region_share)
        back_lists = [self._returning(cohort, month, 0) for cohort in self.cohorts[-1]]
        self.cohorts[-1].append(Cohort(month, first, count, general["retention"]))
        # Accounts of the studied models use other models too.
        others = [active.accounts[::3] for active in self.active.values()]
        accounts = np.concatenate([np.arange(first, first + count), *back_lists, *others])
        self._activate(-1, np.unique(accounts), generations, region_share)

    def _activate(self, model: int, accounts: np.ndarray, expected: float, region_share: np.ndarray) -> None:
        order = np.argsort(mix(accounts, 77 + self.month))
        accounts = accounts[order]
        active = ActiveList(accounts=accounts, pending=accounts if model >= 0 else accounts[:0], expected=expected)
        sd = self.cal["general_accounts"]["weight_log_sd"]
        normal = np.sqrt(-2 * np.log(uniform(accounts, 5) + 1e-12)) * np.cos(2 * np.pi * uniform(accounts, 6))
        weight = np.minimum(np.exp(sd * normal), 40.0)
        regions = self.region[accounts]
        for region in range(len(region_share)):
            chosen = regions == region
            if chosen.any():
                cumulative = np.cumsum(weight[chosen])
                active.by_region[region] = (accounts[chosen], cumulative / cumulative[-1])
        self.active[model] = active

    def first_used(self, accounts: np.ndarray) -> np.ndarray:
        """Which of these account numbers no earlier call has named."""
        is_new = ~self.is_used[accounts]
        self.is_used[accounts] = True
        return is_new

    # -- use ----------------------------------------------------------------------------------------------------------
    def assign(self, model: int, region: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Account numbers for generations of one model (or -1) in the current month, given their regions.

        On a studied model every active account gets at least one generation before the month is over.
        """
        active = self.active[model]
        count = len(region)
        result = np.empty(count, dtype=np.int64)
        pick = rng.random(count)
        for value in np.unique(region):
            rows = np.flatnonzero(region == value)
            accounts, cumulative = active.by_region.get(int(value)) or next(iter(active.by_region.values()))
            chosen = np.searchsorted(cumulative, pick[rows])
            result[rows] = accounts[np.minimum(chosen, len(accounts) - 1)]
        if len(active.pending):
            active.seen += count
            goal = int(np.ceil(len(active.pending) * min(1.0, active.seen / (0.93 * active.expected))))
            number = min(goal - active.issued, count)
            if number > 0:
                rows = rng.permutation(count)[:number]
                result[rows] = active.pending[active.issued : active.issued + number]
                active.issued += number
        return result

    def countries(self, accounts: np.ndarray) -> np.ndarray:
        """Billing country codes; empty text where the account has no billing row."""
        result = np.full(len(accounts), "", dtype="<U2")
        regions = self.region[accounts]
        draw = uniform(accounts, 91)
        for number, name in enumerate(self.regions):
            table = self.cal["countries"].get(name)
            if not table:
                continue
            rows = regions == number
            codes = np.array([str(code) for code in table])
            shares = np.cumsum(np.array(list(table.values()), dtype=float))
            chosen = np.searchsorted(shares / shares[-1], draw[rows])
            result[rows] = codes[np.minimum(chosen, len(codes) - 1)]
        return result
