"""BENCHMARKS.md from the results."""


def render(measurements):
    """Placeholder."""
    return ""
