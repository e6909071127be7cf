"""Questions to models, and the reasons for those that are not asked."""

from datetime import UTC, datetime

from dicom_io.candidate import Candidate
from dicom_io.case import Case
from inference.card import Input
from node.decision import Need
from node.plan import plan
from node.predict.material import questions_of, unasked_of

AT = datetime(2026, 1, 5, tzinfo=UTC)
CANDIDATES = (
    Candidate(series_instance_uid="1.1", series_number="3", series_description="FLAIR AX", sequence="flair"),
    Candidate(series_instance_uid="1.2", series_number="4", sequence="t1"),
)
NEEDS = (
    Need("segment", (Input(("flair",)),)),
    Need("classify", (Input(("t1c", "t1")),)),
    Need("subtype", (Input(("flair",)), Input(("t2",)))),
)


def test_each_model_is_asked_about_what_the_plan_gives_it() -> None:
    read: list[tuple[str, str]] = []

    def reader(inputs: tuple, model: str) -> Case:
        read.append((model, inputs[0].series_instance_uid))
        return Case("1", {})

    segment, classify = questions_of("1", plan(CANDIDATES, NEEDS, clock=None), lambda _: AT, reader)
    segment.read()
    classify.read()

    assert segment.inputs == ("FLAIR: series 3 FLAIR AX",)
    assert (classify.model, classify.notes, classify.at) == ("classify", ("without T1 post contrast",), AT)
    assert read == [("segment", "1.1"), ("classify", "1.2")]


def test_a_model_that_lacks_something_is_not_asked_and_says_what() -> None:
    (lacking,) = unasked_of("1", plan(CANDIDATES, NEEDS, clock=None))

    assert (lacking.subject, lacking.model, lacking.reason) == ("1", "subtype", "lacks T2")
