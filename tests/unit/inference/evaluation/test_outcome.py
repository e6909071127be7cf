import numpy as np
import pytest

from inference.evaluation.outcome import Outcome, summarise

SPACING = (5.0, 1.0, 2.0)


def mask(*boxes: tuple[int, int, int]) -> np.ndarray:
    """Squares of 10 x 10 voxels at (slice, row, column), of (4, 40, 40)."""
    array = np.zeros((4, 40, 40), dtype=bool)
    for slice_, row, column in boxes:
        array[slice_, row : row + 10, column : column + 10] = True
    return array


def test_a_patient_is_compared_in_the_units_of_the_scanner() -> None:
    one = Outcome.of("p", mask((1, 0, 0)), mask((1, 0, 5), (3, 20, 20)), SPACING)

    assert one.true_cm3 == pytest.approx(1.0)
    assert one.found_cm3 == pytest.approx(2.0)
    assert one.dice == pytest.approx(2 * 50 / 300)
    assert one.iou == pytest.approx(50 / 250)
    assert one.row()["false_positives"] == 1
    assert one.row()["hausdorff95_mm"] > 10


def test_patients_are_summed_up_with_intervals_and_false_positives_on_empty_slices() -> None:
    right = Outcome.of("a", mask((1, 0, 0)), mask((1, 0, 0)), SPACING)
    extra = Outcome.of("b", mask((1, 0, 0)), mask((1, 0, 0), (3, 20, 20)), SPACING)
    blind = Outcome.of("c", mask((1, 0, 0)), mask(), SPACING)

    figures = summarise([right, extra, blind])

    assert figures["volume_overlap"]["dice_mean"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert figures["volume_overlap"]["dice_lowest"] == 0.0
    assert figures["volume_overlap"]["dice_mean_low"] < figures["volume_overlap"]["dice_mean"]
    assert figures["lesions"]["sensitivity"] == pytest.approx(2 / 3)
    assert figures["lesions"]["false_positives_per_patient"] == pytest.approx(1 / 3)
    assert figures["empty_slices"]["slices"] == 9
    assert figures["empty_slices"]["with_false_positives"] == 1
    assert figures["empty_slices"]["false_mm2_per_slice"] == pytest.approx(200 / 9)
    assert figures["hausdorff95"]["patients_without"] == 1
    assert figures["hausdorff95"]["median_mm"] > 0


def test_patients_without_an_empty_slice_have_no_false_positives_there() -> None:
    full = np.ones((2, 8, 8), dtype=bool)

    figures = summarise([Outcome.of("a", full, full, SPACING)])

    assert figures["empty_slices"]["slices"] == 0
    assert figures["empty_slices"]["share"] == 0.0
