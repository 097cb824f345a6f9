"""One colour for one thing, in every figure.

Sources, sizes, regions, categories and authors have colours of their own; a model has its author's, lighter or
darker. They are told
apart by lightness too (tests/python/test_report.py looks at them as colour-blind readers see them), and bands are
drawn apart and in the order of the legend.
"""

from __future__ import annotations

from collections.abc import Iterable

GREY = "#6b6b6b"
FURTHER = "#6f7b8a"
"""Members without a colour of their own."""
SUPPRESSED = "#c9c9c9"

# A dimension's members in the order in which they are stacked.
PALETTES: dict[str, dict[str, str]] = {
    "source_type": {"closed": "#2b6aa3", "chinese_oss": "#f0a030", "row_oss": "#4fc1a6", "unknown": GREY},
    "size_bucket": {"small": "#f2c14e", "medium": "#3f9c94", "large": "#5a4a8f", "unknown": GREY},
    "is_reasoning_model": {"True": "#7a4fa3", "False": "#c3b091"},
    "region": {
        "North America": "#2b6aa3",
        "Europe": "#f0a030",
        "Asia": "#7d1447",
        "South America": "#57b894",
        "Africa": "#7a5c3e",
        "Oceania": "#8fc7ee",
        "unknown": GREY,
    },
    "category": {
        "programming": "#2b6aa3",
        "roleplay": "#f0a030",
        "technology": "#2f8f6b",
        "science": "#b7a2e0",
        "translation": "#a8375c",
        "academia": "#8fc7ee",
        "finance": "#7a5c3e",
        "health": "#e58fb5",
        "legal": "#4d5a8c",
        "marketing": "#c9cc5a",
        "marketing/seo": "#8a8f2f",
        "trivia": "#f3b79b",
        "all": GREY,
        "others": GREY,
    },
    "author_slug": {
        "anthropic": "#c8553d",
        "google": "#2b6aa3",
        "openai": "#57b894",
        "deepseek": "#5a4a8f",
        "qwen": "#e58fb5",
        "meta-llama": "#8fc7ee",
        "mistralai": "#f0a030",
        "minimax": "#a8375c",
        "z-ai": "#8a8f2f",
        "moonshotai": "#3f9c94",
        "x-ai": "#8c4a1f",
        "tngtech": "#d9cc6a",
        "other": GREY,
    },
    "quadrant": {
        "premium_workloads": "#c8553d",
        "mass_market": "#2b6aa3",
        "specialized_experts": "#f0a030",
        "niche_utilities": "#57b894",
    },
    # Lines of one measure each.
    "measure": {
        "token_share": "#2b6aa3",
        "token_share_without_top_account": "#f0a030",
        "avg_prompt_tokens": "#2b6aa3",
        "avg_completion_tokens": "#2b6aa3",
        "avg_reasoning_tokens": "#f0a030",
        "avg_sequence_tokens": "#2b6aa3",
    },
}

# How much white (above 0) or black (below) an author's first, second ... model takes.
SHADES = (0.0, 0.45, -0.3, 0.7, -0.5, 0.25)


def shade(colour: str, amount: float) -> str:
    """A colour mixed with white (amount above 0) or black (below)."""
    target = 255 if amount > 0 else 0
    parts = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(part + (target - part) * abs(amount)):02x}" for part in parts)


def of_models(model_ids: Iterable[str]) -> dict[str, str]:
    """Colours of models: those of their authors, one shade a model, in the order given."""
    colours: dict[str, str] = {}
    of_author: dict[str, int] = {}
    for model_id in dict.fromkeys(model_ids):
        author = model_id.split("/")[0]
        number = of_author[author] = of_author.get(author, -1) + 1
        base = PALETTES["author_slug"].get(author, FURTHER)
        colours[model_id] = GREY if model_id == "other" else shade(base, SHADES[number % len(SHADES)])
    return colours


def ramp(position: float) -> str:
    """A colour between a pale and a deep one, for something ordered.

    Args:
        position: 0 to 1.
    """
    stops = ["#f7d560", "#f0a030", "#c8553d", "#8a2f6b", "#3b2a75"]
    place = min(max(position, 0), 1) * (len(stops) - 1)
    first = min(int(place), len(stops) - 2)
    part = place - first
    pairs = [
        (int(stops[first][start : start + 2], 16), int(stops[first + 1][start : start + 2], 16)) for start in (1, 3, 5)
    ]
    return "#" + "".join(f"{round(low + (high - low) * part):02x}" for low, high in pairs)
