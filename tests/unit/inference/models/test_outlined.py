from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dicom_io.case import Case
from dicom_io.findings import Algorithm, Findings, Mask, Segment
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume
from inference.errors import UnsuitableCase
from inference.models.outlined import above_source_intensity, bright_region, outline_of

AXIAL = Geometry((0.0, 0.0, 0.0), column_step=(1.0, 0.0, 0.0), row_step=(0.0, 1.0, 0.0), slice_step=(0.0, 0.0, 5.0))
TUMOUR = (slice(2, 4), slice(24, 34), slice(26, 36))


def head() -> np.ndarray:
    """A round head with a bright rim, as fat is, and a bright lesion inside."""
    rows, columns = np.mgrid[:64, :64] - 31.5
    radius = np.hypot(rows, columns)
    head = np.where(radius < 28, 100.0, 0.0) + np.where((radius >= 26) & (radius < 28), 400.0, 0.0)
    array = np.stack([head] * 6) + np.random.default_rng(0).normal(0, 2, (6, 64, 64))
    array[TUMOUR] += 300
    return array.astype(np.float32)


def case_of(sequence: str = "flair") -> Case:
    header = SeriesHeader("1", "1.1", "", "MR", "", "1", sequence)
    array = head()
    return Case("1", {sequence: Volume(array, AXIAL, header, tuple(SourceFrame(Path("x"), n, "") for n in range(6)))})


@dataclass
class Segmenter:
    found: np.ndarray

    def __call__(self, _: Case) -> Findings:
        mask = Mask(self.found.astype(np.uint8), (Segment(1, "flair_abnormality"),), "1.1")
        return Findings(Algorithm("seg", "1.2", "a" * 64), "segmentation", "1.1", True, (), mask, "")


def test_the_bright_region_is_the_lesion_and_not_the_rim() -> None:
    truth = np.zeros((6, 64, 64), dtype=bool)
    truth[TUMOUR] = True

    found = bright_region(head())

    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.7


def test_a_volume_without_a_bright_region_still_has_one_voxel() -> None:
    assert bright_region(np.zeros((3, 32, 32))).any()


def test_the_sources_rule_is_a_fixed_intensity() -> None:
    assert above_source_intensity(np.array([449.0, 450.0, 451.0])).tolist() == [False, False, True]


def test_the_outline_is_the_segmentations_and_says_which_build_drew_it() -> None:
    drawn = np.zeros((6, 64, 64), dtype=bool)
    drawn[1, 5:9, 5:9] = True

    outline = outline_of(case_of(), "a model", Segmenter(drawn))

    np.testing.assert_array_equal(outline.mask, drawn)
    assert outline.origin == "seg 1.2+waaaaaaaa"


def test_an_empty_segmentation_gives_way_to_the_brightest_part_and_says_so() -> None:
    outline = outline_of(case_of(), "a model", Segmenter(np.zeros((6, 64, 64))))

    assert outline.mask[TUMOUR].mean() > 0.5
    assert outline.origin == "the brightest part of FLAIR, because seg 1.2+waaaaaaaa found nothing"


def test_without_a_segmentation_the_brightest_part_is_outlined() -> None:
    assert outline_of(case_of(), "a model", None).origin == "the brightest part of FLAIR, without a segmentation"


def test_a_case_that_does_not_begin_with_flair_is_unsuitable() -> None:
    with pytest.raises(UnsuitableCase, match="a model needs a FLAIR series first; there are: t1"):
        outline_of(case_of("t1"), "a model", None)
