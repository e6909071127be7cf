"""Which models want a series, and where results go."""

import pytest

from config.settings import Rule
from dicom_io.volume import SeriesHeader
from node.routing import ModelNeed, destinations_for, models_for, why_none

NEEDS = (ModelNeed("segment", ("flair",)), ModelNeed("classify", ("t1c", "flair")))


def header(sequence: str) -> SeriesHeader:
    return SeriesHeader("1.2", "1.2.3", "1.2.840.10008.5.1.4.1.1.4", "MR", "", "1", sequence)


@pytest.mark.parametrize(
    ("sequence", "models"),
    [("flair", ("segment", "classify")), ("t1c", ("classify",)), ("t2", ()), ("other", ())],
)
def test_a_model_gets_the_series_of_the_sequences_it_accepts(sequence: str, models: tuple[str, ...]) -> None:
    assert models_for(header(sequence), NEEDS) == models


def test_the_reason_names_the_sequence_and_what_each_model_wants() -> None:
    reason = why_none(header("t2"), NEEDS)

    assert reason == "the sequence is t2; segment wants flair; classify wants t1c or flair"


def test_the_reason_says_so_where_no_model_is_switched_on() -> None:
    assert why_none(header("flair"), ()) == "no model is switched on"


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
