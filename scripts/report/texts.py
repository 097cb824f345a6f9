"""How values and names read on a page."""

from __future__ import annotations

import datetime
import math
from typing import Any

NAMES = {
    "closed": "Closed",
    "chinese_oss": "Open, China",
    "row_oss": "Open, rest of world",
    "unknown": "Unknown",
    "small": "Small (under 15B)",
    "medium": "Medium (15B to 70B)",
    "large": "Large (70B and more)",
    "True": "Reasoning models",
    "False": "Other models",
    "other": "Other",
    "all": "All requests",
    "suppressed": "Suppressed",
    "token_share": "Tool calls",
    "token_share_without_top_account": "Without the largest account",
    "avg_prompt_tokens": "Prompt tokens",
    "avg_completion_tokens": "Completion tokens",
    "avg_reasoning_tokens": "Reasoning tokens among them",
    "avg_sequence_tokens": "Tokens of a request",
    "marketing/seo": "Marketing (SEO)",
    "premium_workloads": "Premium workloads",
    "mass_market": "Mass market",
    "specialized_experts": "Specialised experts",
    "niche_utilities": "Niche utilities",
    **{
        name: name.capitalize()
        for name in [
            "programming",
            "roleplay",
            "technology",
            "science",
            "translation",
            "academia",
            "finance",
            "health",
            "legal",
            "marketing",
            "trivia",
            "others",
        ]
    },
    "efficient_giants": "Efficient giants",
    "premium_leaders": "Premium leaders",
    "long_tail": "Long tail",
    "premium_specialists": "Premium specialists",
    "dominant_launch": "Dominant launch",
    "foundational": "Foundational",
    "boomerang": "Boomerang",
    "no_fit": "No fit",
    "unsettled": "Unsettled",
    "anthropic": "Anthropic",
    "google": "Google",
    "openai": "OpenAI",
    "deepseek": "DeepSeek",
    "qwen": "Qwen",
    "meta-llama": "Meta Llama",
    "mistralai": "Mistral AI",
    "minimax": "MiniMax",
    "z-ai": "Z.AI",
    "moonshotai": "Moonshot AI",
    "x-ai": "xAI",
    "tngtech": "TNG",
}

# What a column holds, where its name does not say.
SHARES = ("_share", "share_", "_rate", "rate", "_low", "_high", "_lift", "_jump", "_cheaper", "source_share")


def name_of(value: Any) -> str:
    """A member of a dimension as people write it."""
    if isinstance(value, datetime.date):
        return f"{value:%b %Y}"
    text = str(value)
    return NAMES.get(text, text)


def unit_of(column: str) -> str:
    """`share`, `usd`, `tokens`, `count` or empty: what the numbers of a column are."""
    if column in ("slope_low", "slope_high", "lift_p_value"):
        return ""
    if column.endswith("usd"):
        return "usd"
    if any(part in column for part in SHARES):
        return "share"
    if column.endswith("tokens"):
        return "tokens"
    return ""


def number(value: Any, unit: str = "") -> str:
    """A value with as many digits as are worth reading.

    Args:
        value: a number, a date, a truth value or a text; None is "–".
        unit: as unit_of says, or the unit of a claim.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (datetime.date, str)):
        return str(value)
    if unit in ("share", "rate", "relative_change"):
        return f"{100 * value:.1f}\u00a0%" if abs(value) < 0.995 or value == 1 else f"{100 * value:.0f}\u00a0%"
    if unit.startswith("usd"):
        return f"${value:,.0f}" if abs(value) >= 1000 else f"${value:,.2f}" if abs(value) >= 0.1 else f"${value:.2g}"
    size = abs(value)
    for limit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if size >= limit and unit == "tokens":
            return f"{value / limit:,.2f}{letter}"
    if isinstance(value, int) or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:,.1f}" if size >= 100 else f"{value:.3g}"


CLAIM_UNITS = {
    "share": "",
    "rate": "",
    "relative_change": "",
    "usd_per_1m": "a million tokens",
    "trillion_tokens_scaled": "trillion tokens (scaled)",
    "billion_generations_scaled": "billion requests (scaled)",
    "log10_million_tokens_scaled": "log₁₀ million tokens (scaled)",
    "months_from_stated": "months from the stated one",
    "days_from_stated": "days from the stated one",
    "month_of_cohort": "months after the first",
    "billion_parameters": "billion parameters",
    "ratio": "times",
    "rank": "(rank)",
}


def claim_value(value: float | None, unit: str) -> str:
    """A claim's number with its unit."""
    if value is None:
        return "–"
    return f"{number(value, unit)} {CLAIM_UNITS.get(unit, unit.replace('_', ' '))}".strip()


def claim_stated(claim: dict) -> str:
    """What the paper states: a number, a range or a bound."""
    low, high, unit = claim["paper_low"], claim["paper_high"], claim["unit"]
    if claim["paper_value"] is not None:
        return claim_value(claim["paper_value"], unit)
    if low is not None and high is not None:
        return f"{number(low, unit)} to {claim_value(high, unit)}"
    return f"at least {claim_value(low, unit)}" if low is not None else f"at most {claim_value(high, unit)}"


def change(now: float | None, before: float | None, unit: str) -> str:
    """A change against the week before: in points for shares, else in percent."""
    if now is None or before is None:
        return "–"
    if unit == "share":
        return f"{100 * (now - before):+.1f} points"
    return f"{100 * (now / before - 1):+.1f}\u00a0%" if before else "–"
