import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_io.candidate import Candidate
from dicom_io.study import tell_contrast

SE = "SE TR 550 TE 10"


def series(  # noqa: PLR0917
    number: int,
    name: str,
    at: str = "",
    sequence: str = "t1",
    agent: str = "",
    plane: str = "axial",
    timing: str = SE,
    reason: str = "",
) -> Candidate:
    return Candidate(
        series_instance_uid=f"1.2.{number}",
        series_number=str(number),
        series_description=name,
        sequence=sequence,
        confidence=0.99,
        rules=("as recognised",),
        timing=timing,
        agent=agent,
        plane=plane,
        acquired_at=datetime.fromisoformat(f"2024-05-01T{at}") if at else None,
        reason=reason,
    )


def agented(number: int, name: str, at: str = "", sequence: str = "t1c", **more: str) -> Candidate:
    return series(number, name, at, sequence, "Gadovist", **more)


T1, T1C = "t1", "t1c"
STUDIES: dict[str, tuple[list[Candidate], list[str]]] = {
    "a single T1 without evidence": ([series(5, "T1 AX", "10:15:02")], [T1]),
    "a single T1 with the agent": ([agented(5, "T1 AX", "10:15:02")], [T1C]),
    "the agent on a single T1 only, FLAIR before": (
        [series(4, "FLAIR", "10:00", "flair"), agented(5, "T1 AX", "10:15")],
        ["flair", T1C],
    ),
    "names tell, no agent in the headers": (
        [series(5, "T1 AX PRE", "10:15"), series(9, "T1 AX POST", "10:42", "t1c")],
        [T1, T1C],
    ),
    "names tell without times": ([series(5, "T1 nativ"), series(9, "T1 KM", "", "t1c")], [T1, T1C]),
    "the agent tells": ([series(5, "T1 AX", "10:15"), agented(9, "T1 AX", "10:42")], [T1, T1C]),
    "the agent tells without times": ([series(5, "T1 AX"), agented(9, "T1 AX")], [T1, T1C]),
    "nothing but the order": ([series(5, "T1 AX", "10:15:02"), series(9, "T1 AX", "10:42:10")], [T1, T1C]),
    "the order, stored the other way round": (
        [series(9, "T1 AX", "10:42:10"), series(5, "T1 AX", "10:15:02")],
        [T1C, T1],
    ),
    "equal times are no order": ([series(5, "T1 AX", "10:15"), series(6, "T1 AX ND", "10:15")], [T1, T1]),
    "missing times are no order": ([series(5, "T1 AX"), series(6, "T1 AX", "10:15")], [T1, T1]),
    "other timing is no repetition": (
        [series(5, "T1 AX", "10:15"), series(9, "MPRAGE", "10:42", timing="GR TR 2300 TE 3 TI 900")],
        [T1, T1],
    ),
    "another plane is no repetition": (
        [series(5, "T1 SAG", "10:15", plane="sagittal"), series(9, "T1 AX", "10:42")],
        [T1, T1],
    ),
    "unknown timing is no repetition": (
        [series(5, "T1 AX", "10:15", timing=""), series(9, "T1 AX", "10:42", timing="")],
        [T1, T1],
    ),
    "the agent entered once for the whole study, order decides": (
        [
            agented(2, "FLAIR", "10:05", "flair"),
            agented(5, "T1 AX", "10:15"),
            agented(7, "T2", "10:25", "t2"),
            agented(9, "T1 AX", "10:42"),
        ],
        ["flair", T1, "t2", T1C],
    ),
    "the agent entered after the localizer": (
        [
            series(1, "localizer", "10:00", "other", reason="a localizer: Image Type says LOCALIZER"),
            agented(5, "T1 AX", "10:15"),
            agented(9, "T1 AX", "10:42"),
        ],
        ["other", T1, T1C],
    ),
    "the agent throughout, one plane later than the repeat": (
        [
            agented(4, "T1 SAG", "10:10", plane="sagittal"),
            agented(5, "T1 AX", "10:15"),
            agented(9, "T1 AX", "10:42"),
            agented(10, "T1 COR", "10:50", plane="coronal"),
        ],
        [T1, T1, T1C, T1C],
    ),
    "the agent throughout, names tell one": (
        [agented(4, "T1 SAG", "10:10", plane="sagittal"), agented(9, "T1 AX +C", "10:42")],
        [T1, T1C],
    ),
    "the agent throughout, a T1 before the one named native": (
        [
            agented(4, "T1 SAG", "10:10", plane="sagittal"),
            agented(5, "T1 nativ", "10:15", "t1"),
            agented(9, "T1 AX", "10:42"),
        ],
        [T1, T1, T1C],
    ),
    "the agent throughout and no order": (
        [agented(4, "T1 SAG", plane="sagittal"), agented(9, "T1 AX")],
        [T1C, T1C],
    ),
    "a T1 without words after a coronal with the agent": (
        [
            series(5, "T1 AX", "10:15:02"),
            series(9, "T1 COR POST", "10:40", "t1c", plane="coronal"),
            series(10, "T1 AX", "10:46"),
        ],
        [T1, T1C, T1C],
    ),
    "a T1 repeated before the one with the agent moved": (
        [series(5, "T1 AX", "10:15"), series(6, "T1 AX", "10:21"), agented(9, "T1 AX", "10:42")],
        [T1, T1, T1C],
    ),
    "a T1 after a FLAIR named after the agent": (
        [series(8, "FLAIR POST", "10:38", "flair"), series(9, "T1 AX", "10:42")],
        ["flair", T1C],
    ),
    "a T1 after a perfusion": (
        [
            series(5, "T1 SAG", "10:15", plane="sagittal"),
            series(8, "ep2d_perf_DSC", "10:30", "other", reason="perfusion: named PERF"),
            series(9, "MPRAGE", "10:42", timing="GR TR 2300 TE 3 TI 900"),
        ],
        [T1, "other", T1C],
    ),
    "spin labelling injects nothing": (
        [series(8, "ASL perfusion", "10:30", "other", reason="arterial spin labelling"), series(9, "T1", "10:42")],
        ["other", T1],
    ),
    "a name before the agent stays against later evidence": (
        [series(8, "FLAIR POST", "10:38", "flair"), series(9, "T1 PRE", "10:42")],
        ["flair", T1],
    ),
    "a name after the agent stays against the order": (
        [series(5, "T1 AX POST", "10:15", "t1c"), series(9, "T1 AX PRE", "10:42")],
        [T1C, T1],
    ),
    "a reformat is no repetition": (
        [series(5, "T1 AX", "10:15"), series(100, "T1 AX", "10:42", reason="a reformat of other images")],
        [T1, T1],
    ),
    "named by the protocol alone": (
        [series(5, "AX", "10:15"), series(9, "AX", "10:42", "t1c"), series(10, "COR", "10:50", plane="coronal")],
        [T1, T1C, T1C],
    ),
    "two volumes of one series are no repetition": (
        [replace(series(5, "T1 AX", at), part=at) for at in ("10:15", "10:42")],
        [T1, T1],
    ),
    "two repeats": (
        [series(5, "T1 AX", "10:15"), series(9, "T1 AX", "10:42"), series(10, "T1 AX", "10:50")],
        [T1, T1C, T1C],
    ),
    "no T1 at all": ([series(5, "FLAIR", "10:15", "flair"), series(6, "T2", "10:20", "t2")], ["flair", "t2"]),
    "no series": ([], []),
}


@pytest.mark.parametrize(("candidates", "sequences"), STUDIES.values(), ids=STUDIES.keys())
def test_the_t1s_of_a_study_are_told_apart(candidates: list[Candidate], sequences: list[str]) -> None:
    told = tell_contrast(candidates)

    assert [one.sequence for one in told] == sequences, [one.rules for one in told]
    assert [one.series_instance_uid for one in told] == [one.series_instance_uid for one in candidates]


def test_the_rule_of_a_repetition_gives_the_times() -> None:
    first, second = tell_contrast([series(5, "T1 AX", "10:15:02"), series(9, "T1 AX", "10:42:10")])

    assert second.rules == (
        "as recognised",
        "acquired 10:42:10, after series 5 T1 AX at 10:15:02 of the same timing and plane (SE TR 550 TE 10, axial): "
        "taken for the one after the contrast agent",
    )
    assert second.confidence == 0.6
    assert first.rules[-1] == "nothing speaks for a contrast agent"


@pytest.mark.parametrize("name", ["AX T1 RPT", "T1 AX REPEAT", "T1 tra Wdh", "T1 AX MOTION"])
def test_a_t1_named_a_repeat_is_not_taken_for_the_one_after_the_agent(name: str) -> None:
    _, second = tell_contrast([series(5, "T1 AX", "10:15:02"), series(9, name, "10:42:10")])

    assert second.sequence == "t1"


def test_the_rule_of_a_later_t1_names_what_it_is_later_than() -> None:
    *_, later = tell_contrast(
        [series(9, "T1 COR POST", "10:40:00", "t1c", plane="coronal"), series(10, "T1 AX", "10:46:30")]
    )

    assert later.rules[-1] == "acquired 10:46:30, after series 9 T1 COR POST at 10:40:00 (named POST)"
    assert later.confidence == 0.8


def test_an_agent_entered_for_the_whole_study_is_said_to_be() -> None:
    first, second = tell_contrast([agented(5, "T1 AX", "10:15:02"), agented(9, "T1 AX", "10:42:10")])

    assert first.rules[-1] == (
        "contrast agent Gadovist recorded throughout the study, but acquired 10:15:02, "
        "before series 9 T1 AX at 10:42:10 (a T1 repeated)"
    )
    assert (first.confidence, second.confidence) == (0.7, 0.6)


@pytest.mark.parametrize(("without_agent", "confidence"), [("localizer", 0.6), ("T2", 0.9)])
def test_a_localizer_without_the_agent_does_not_make_the_agent_credible(without_agent: str, confidence: float) -> None:
    others = [series(1, without_agent, "10:00", "other"), agented(4, "FLAIR", "10:05", "flair")]

    *_, told = tell_contrast([*others, agented(5, "T1 AX", "10:15")])

    assert (told.sequence, told.confidence) == ("t1c", confidence)


def test_a_contradicted_name_is_less_sure() -> None:
    _, named = tell_contrast([series(8, "FLAIR POST", "10:38", "flair"), series(9, "T1 PRE", "10:42")])

    assert named.confidence == 0.6
    assert named.rules[-1] == (
        "named PRE: before the contrast agent, "
        "but acquired 10:42:00, after series 8 FLAIR POST at 10:38:00 (named POST)"
    )


def test_what_is_no_t1_is_left_as_it_is() -> None:
    flair = series(5, "FLAIR POST", "10:15", "flair")

    assert tell_contrast([flair, series(6, "T1", "10:20")])[0] is flair


_CANDIDATES = st.lists(
    st.builds(
        Candidate,
        series_instance_uid=st.sampled_from(["1.1", "1.2", "1.3", "1.4"]),
        part=st.sampled_from(["", "echo 2"]),
        series_number=st.sampled_from(["", "1", "2"]),
        series_description=st.sampled_from(["T1", "T1 POST", "T1 PRE", "DSC", "LOC", ""]),
        sequence=st.sampled_from(["t1", "t1c", "flair", "other"]),
        confidence=st.floats(0, 1),
        timing=st.sampled_from(["", SE]),
        agent=st.sampled_from(["", "Gadovist"]),
        plane=st.sampled_from(["axial", "sagittal"]),
        acquired_at=st.none() | st.integers(0, 5).map(lambda hour: datetime(2024, 5, 1) + timedelta(hours=hour)),
        reason=st.sampled_from(["", "a localizer"]),
    ),
    max_size=6,
)


@given(_CANDIDATES, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(candidates: list[Candidate], chance: random.Random) -> None:
    shuffled = chance.sample(candidates, len(candidates))

    def by_text(told: tuple[Candidate, ...]) -> list[str]:
        return sorted(map(repr, told))

    assert by_text(tell_contrast(shuffled)) == by_text(tell_contrast(candidates))
