"""The few figures that tell most of how good a model is, in words: first on its page, and all that a list shows."""

from collections.abc import Mapping


def with_interval(value: float, low: float, high: float) -> str:
    """Return a figure with its 95 % confidence interval."""
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def in_words(figures: Mapping[str, float], name: str) -> str:
    """Return the figure of this name, whose interval is beside it as ``name_low`` and ``name_high``."""
    return with_interval(figures[name], figures[f"{name}_low"], figures[f"{name}_high"])
