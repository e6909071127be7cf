"""Where what a model finds goes, and how it is wanted there (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.settings import CALLER, Rule
from dicom_io.profile import Profile

ANY = "*"


@dataclass(frozen=True, slots=True)
class Route:
    """Destinations that want the same objects; none of them where results stay here."""

    destinations: tuple[str, ...]
    profile: Profile


@dataclass(frozen=True, slots=True)
class Routes:
    """The rules, and how each destination wants its results.

    Attributes
    ----------
    profiles
        By the AE title of the destination.
    otherwise
        Of a destination without an address: its results wait for one.
    """

    rules: tuple[Rule, ...]
    profiles: Mapping[str, Profile]
    otherwise: Profile

    def routes_for(self, calling_ae_title: str, model: str) -> tuple[Route, ...]:
        """Return one route per distinct profile, in the order of the destinations; never none: results are made."""
        destinations = destinations_for(calling_ae_title, model, self.rules)
        if not destinations:
            return (Route((), self.otherwise),)
        wanted = {title: self.profiles.get(title, self.otherwise) for title in destinations}
        return tuple(
            Route(tuple(title for title, theirs in wanted.items() if theirs == profile), profile)
            for profile in dict.fromkeys(wanted.values())
        )


def destinations_for(calling_ae_title: str, model: str, rules: Sequence[Rule]) -> tuple[str, ...]:
    """Return the destinations of the first rule that matches; none where no rule does."""
    for rule in rules:
        if rule.calling_ae_title in (ANY, calling_ae_title) and rule.model in (ANY, model):
            named = (calling_ae_title if name == CALLER else name for name in rule.destinations)
            return tuple(dict.fromkeys(named))
    return ()
