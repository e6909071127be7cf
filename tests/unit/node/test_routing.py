"""Where results go."""

from config.settings import Rule
from node.routing import destinations_for


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
