"""Where results go."""

import pytest

from config.settings import Rule
from dicom_io.profile import Profile
from node.routing import Route, Routes, destinations_for

PLAIN, SMALL = Profile(), Profile(objects=("SR",))


def rule(caller: str, model: str, *destinations: str) -> Rule:
    return Rule(calling_ae_title=caller, model=model, destinations=destinations)


def test_the_caller_is_put_in_where_a_rule_says_so() -> None:
    assert destinations_for("PACS", "segment", [rule("*", "*", "@caller", "ARCHIVE")]) == ("PACS", "ARCHIVE")


def test_the_first_rule_that_matches_sender_and_model_decides() -> None:
    rules = [rule("MR1", "classify", "A"), rule("MR1", "*", "B"), rule("*", "segment", "C")]

    assert destinations_for("MR1", "classify", rules) == ("A",)
    assert destinations_for("MR1", "segment", rules) == ("B",)
    assert destinations_for("MR2", "segment", rules) == ("C",)


def test_without_a_matching_rule_results_stay_here() -> None:
    assert destinations_for("MR2", "classify", [rule("MR1", "*", "A")]) == ()


def test_a_destination_named_twice_gets_a_result_once() -> None:
    assert destinations_for("PACS", "segment", [rule("*", "*", "PACS", "@caller")]) == ("PACS",)


@pytest.mark.parametrize(
    ("destinations", "routes"),
    [
        (("A",), (Route(("A",), SMALL),)),
        (("A", "B", "C"), (Route(("A", "C"), SMALL), Route(("B",), PLAIN))),
        (("B", "@caller"), (Route(("B", "SCANNER"), PLAIN),)),
        ((), (Route((), PLAIN),)),
    ],
    ids=["one", "two that want the same and one that does not", "one without an address", "none"],
)
def test_destinations_that_want_the_same_share_a_route(
    destinations: tuple[str, ...], routes: tuple[Route, ...]
) -> None:
    chosen = Routes((rule("*", "*", *destinations),), {"A": SMALL, "B": PLAIN, "C": Profile(objects=("SR",))}, PLAIN)

    assert chosen.routes_for("SCANNER", "segment") == routes
