"""Where what a model finds goes (pure)."""

from collections.abc import Sequence

from config.settings import CALLER, Rule

ANY = "*"


def destinations_for(calling_ae_title: str, model: str, rules: Sequence[Rule]) -> tuple[str, ...]:
    """Return the destinations of the first rule that matches; none where no rule does."""
    for rule in rules:
        if rule.calling_ae_title in (ANY, calling_ae_title) and rule.model in (ANY, model):
            named = (calling_ae_title if name == CALLER else name for name in rule.destinations)
            return tuple(dict.fromkeys(named))
    return ()
