"""Which models want a series, and where what they find goes (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass

from config.settings import CALLER, Rule
from dicom_io.volume import SeriesHeader

ANY = "*"


@dataclass(frozen=True, slots=True)
class ModelNeed:
    """A model that is switched on, and the MR sequences it accepts (any one is enough)."""

    name: str
    sequences: tuple[str, ...]


def models_for(header: SeriesHeader, needs: Sequence[ModelNeed]) -> tuple[str, ...]:
    """Return the models that accept the series' sequence, in their given order."""
    return tuple(need.name for need in needs if header.sequence in need.sequences)


def why_none(header: SeriesHeader, needs: Sequence[ModelNeed]) -> str:
    """Return the reason why no model accepts the series."""
    if not needs:
        return "no model is switched on"
    wants = "; ".join(f"{need.name} wants {' or '.join(need.sequences)}" for need in needs)
    return f"the sequence is {header.sequence}; {wants}"


def destinations_for(calling_ae_title: str, model: str, rules: Sequence[Rule]) -> tuple[str, ...]:
    """Return the destinations of the first rule that matches; none where no rule does."""
    for rule in rules:
        if rule.calling_ae_title in (ANY, calling_ae_title) and rule.model in (ANY, model):
            named = (calling_ae_title if name == CALLER else name for name in rule.destinations)
            return tuple(dict.fromkeys(named))
    return ()
