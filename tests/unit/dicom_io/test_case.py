import numpy as np
import pytest
from support.builders import make_geometry
from support.volumes import volume_of

from dicom_io.case import Case

SHAPE = (3, 4, 5)
FLAIR = volume_of(np.full(SHAPE, 1.0), make_geometry(shape=SHAPE))
T1 = volume_of(np.full((6, 8, 8), 2.0), make_geometry(shape=(6, 8, 8)), "t1")
ALIGNED = np.full(SHAPE, 3.0, np.float32)


def test_the_first_of_the_preferred_sequences_is_returned() -> None:
    case = Case("1.2", {"t1": T1, "flair": FLAIR})

    assert case.first("t2", "flair", "t1") is FLAIR


def test_a_case_without_any_of_the_sequences_says_what_it_has() -> None:
    with pytest.raises(KeyError, match="none of flair, t2 among t1"):
        Case("1.2", {"t1": T1}).first("flair", "t2")


def test_an_empty_case_says_that_it_is_empty() -> None:
    with pytest.raises(KeyError, match="no volumes"):
        Case("1.2.3", {}).first("flair")
    with pytest.raises(KeyError, match="no volumes"):
        _ = Case("1.2.3", {}).reference


def test_every_sequence_can_be_had_on_the_grid_of_the_first() -> None:
    case = Case("1.2", {"flair": FLAIR, "t1": T1}, {"t1": ALIGNED})

    assert case.reference is FLAIR
    assert case.on_reference("flair") is FLAIR.array
    assert case.on_reference("t1") is ALIGNED
    assert case.on_reference("t2") is None
    assert not ALIGNED.flags.writeable


def test_a_volume_that_was_not_aligned_is_not_on_the_reference() -> None:
    assert Case("1.2", {"flair": FLAIR, "t1": T1}).on_reference("t1") is None


def test_aligned_voxels_of_another_shape_are_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"t1 is aligned as \(6, 8, 8\), not as \(3, 4, 5\)"):
        Case("1.2", {"flair": FLAIR, "t1": T1}, {"t1": T1.array})


@pytest.mark.parametrize("sequence", ["t2", "flair"])
def test_only_volumes_beside_the_reference_are_aligned(sequence: str) -> None:
    with pytest.raises(ValueError, match=f"{sequence} is aligned, the volumes beside the reference are t1"):
        Case("1.2", {"flair": FLAIR, "t1": T1}, {sequence: ALIGNED})
