import random
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_io.candidate import Candidate
from dicom_io.choice import choose


def flair(number: int, name: str = "FLAIR", **more: object) -> Candidate:
    fields = {
        "plane": "axial",
        "shape": (30, 512, 512),
        "spacing": (5.0, 0.45, 0.45),
        "acquired_at": datetime(2024, 5, 1, 10, 15, 2),
        "sequence": "flair",
        **more,
    }
    return Candidate(series_instance_uid=f"1.2.{number}", series_number=str(number), series_description=name, **fields)


def test_the_only_one_needs_no_reason() -> None:
    only = flair(3)

    choice = choose([only, flair(4, sequence="t2"), flair(5, reason="a localizer")], "flair")

    assert choice is not None
    assert choice.candidate is only
    assert choice.reason == ""


def test_nothing_fits_when_all_are_of_another_sequence_or_refused() -> None:
    assert choose([flair(4, sequence="t2"), flair(5, reason="a mosaic")], "flair") is None
    assert choose([], "flair") is None


@pytest.mark.parametrize(
    ("best", "loser", "reason"),
    [
        (
            flair(3),
            flair(7, "FLAIR SAG", plane="sagittal"),
            "axial, 5.0 mm: preferred to series 7 FLAIR SAG (sagittal)",
        ),
        (
            flair(7, "FLAIR 3D", plane="sagittal", spacing=(1.0, 1.0, 1.0), shape=(170, 256, 256)),
            flair(3),
            "sagittal, isotropic, 1.0 mm: preferred to series 3 FLAIR (5.0 mm)",
        ),
        (
            flair(3),
            flair(7, "FLAIR COR", plane="coronal", spacing=(3.0, 0.9, 0.9), shape=(60, 256, 256)),
            "axial, 5.0 mm: preferred to series 7 FLAIR COR (coronal)",
        ),
        (
            flair(3),
            flair(7, "FLAIR COR", plane="coronal", spacing=(1.2, 0.5, 0.5), shape=(150, 512, 512)),
            "axial, 5.0 mm: preferred to series 7 FLAIR COR (coronal)",
        ),
        (flair(3), flair(4, spacing=(6.0, 0.4, 0.4)), "axial, 5.0 mm: preferred to series 4 FLAIR (6.0 mm)"),
        (
            flair(3),
            flair(4, spacing=(5.0, 0.9, 0.9)),
            "axial, 5.0 mm, 0.45 mm in plane: preferred to series 4 FLAIR (0.90 mm in plane)",
        ),
        (
            flair(4, acquired_at=datetime(2024, 5, 1, 10, 42, 10)),
            flair(3),
            "axial, 5.0 mm, 0.45 mm in plane, acquired 10:42:10: preferred to series 3 FLAIR (acquired 10:15:02)",
        ),
        (
            flair(4),
            flair(3, acquired_at=None),
            "axial, 5.0 mm, 0.45 mm in plane, acquired 10:15:02: "
            "preferred to series 3 FLAIR (acquired at an unknown time)",
        ),
        (
            flair(9),
            flair(10),
            "axial, 5.0 mm, 0.45 mm in plane, acquired 10:15:02, series number 9: "
            "preferred to series 10 FLAIR (series number 10)",
        ),
        (
            flair(3),
            flair(4, "FLAIR IAC", spacing=(0.6, 0.6, 0.6), shape=(64, 256, 256)),
            "axial, 5.0 mm: preferred to series 4 FLAIR IAC (covers 38 mm)",
        ),
        (
            flair(3),
            flair(4, spacing=(5.0000003, 0.45, 0.45), acquired_at=datetime(2024, 5, 1, 10, 0)),
            "axial, 5.0 mm, 0.45 mm in plane, acquired 10:15:02: preferred to series 4 FLAIR (acquired 10:00:00)",
        ),
    ],
)
def test_the_better_one_is_chosen_and_the_reason_names_what_it_lost_by(
    best: Candidate, loser: Candidate, reason: str
) -> None:
    choice = choose([loser, best], "flair")

    assert choice is not None
    assert (choice.candidate, choice.reason) == (best, reason)


def test_every_loser_is_named() -> None:
    choice = choose([flair(3), flair(7, "FLAIR SAG", plane="sagittal"), flair(4, spacing=(6.0, 0.4, 0.4))], "flair")

    assert choice is not None
    assert choice.reason == ("axial, 5.0 mm: preferred to series 4 FLAIR (6.0 mm) and series 7 FLAIR SAG (sagittal)")


_CANDIDATES = st.lists(
    st.builds(
        Candidate,
        series_instance_uid=st.sampled_from(["1.1", "1.2", "1.3"]),
        part=st.sampled_from(["", "echo 2"]),
        series_number=st.sampled_from(["", "2", "10", "x"]),
        sequence=st.sampled_from(["flair", "t2"]),
        plane=st.sampled_from(["axial", "sagittal"]),
        shape=st.sampled_from([(20, 10, 10), (150, 10, 10)]),
        spacing=st.sampled_from([(1.0, 1.0, 1.0), (5.0, 0.5, 0.5), (0.0, 0.0, 0.0)]),
        acquired_at=st.sampled_from([None, datetime(2024, 5, 1), datetime(2024, 5, 2)]),
        reason=st.sampled_from(["", "a mosaic"]),
    ),
    max_size=6,
)


@given(_CANDIDATES, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(candidates: list[Candidate], chance: random.Random) -> None:
    assert choose(chance.sample(candidates, len(candidates)), "flair") == choose(candidates, "flair")
