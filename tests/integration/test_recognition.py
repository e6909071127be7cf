"""The sequences of every real MR series at hand, as their headers tell them, against what they are."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.require import require_data

from dicom_io.candidate import Candidate
from dicom_io.errors import NotEligible
from dicom_io.study import tell_contrast
from dicom_io.survey import Survey, survey

TRUTH = {
    "brainix/FLAIR": "flair",
    "brainix/T1": "t1",
    "enhanced/BRTUM003.dcm": "flair",
    "enhanced/BRTUM004.dcm": "t2",
    "enhanced/BRTUM005.dcm": "t1",
    "enhanced/BRTUM008.dcm": "t1c",
    "quirks/ge/anatomical/001": "t1",
    "quirks/ge/anatomical/001_implicit": "t1",
    "quirks/ge/anatomical/001_single_slice": "t1",
    "quirks/generic/anatomical/001": "flair",
    "quirks/generic/anatomical/001_implicit": "flair",
    "quirks/generic/compressed/001": "flair",
    "quirks/generic/compressed_j2k/001": "flair",
    "quirks/generic/compressed_jpeg/001": "flair",
    "quirks/generic/compressed_jpegls/001": "flair",
    "quirks/generic/compressed_rle/001": "flair",
    "quirks/siemens/anatomical/001": "flair",
    "quirks/siemens/anatomical/001_implicit": "flair",
    "quirks/hyperfine/anatomical/001": "flair",
    "quirks/failing/sliceorientation/001": "t2",
    "quirks/failing/slicecount/001": "flair",
}
NOT_ELIGIBLE = {
    "brainix/ROI": "a mask or region, not an image: named ROI",
    "quirks/generic/anatomical/002_non_isotropic": "a reformat of other images: Image Type says MPR",
    "quirks/generic/rgb/001": "Secondary Capture Image Storage of modality MR, not an MR image",
    "quirks/failing/gantrytilting/001": "CT Image Storage of modality CT, not an MR image",
    "quirks/failing/notavolume/001": "CT Image Storage of modality CT, not an MR image",
    "quirks/failing/sliceincrement/001": "CT Image Storage of modality CT, not an MR image",
    "quirks/failing/sliceincrement/002": "CT Image Storage of modality CT, not an MR image",
}


def surveyed(series: str) -> Survey:
    place = require_data(f"dicom/{series}")
    return survey(sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place])


def candidates(series: str) -> tuple[Candidate, ...]:
    return surveyed(series).candidates


def test_every_real_series_is_in_one_of_the_two_tables() -> None:
    folder = require_data("dicom")
    files = [path for path in folder.rglob("*") if path.is_file()]
    series = {str((path if path.parent.name == "enhanced" else path.parent).relative_to(folder)) for path in files}

    assert series == set(TRUTH) | set(NOT_ELIGIBLE)


def test_every_real_series_is_recognised(record_property: Callable[[str, object], None]) -> None:
    told = {series: {one.sequence for one in candidates(series)} for series in TRUTH}

    wrong = {series: said for series, said in told.items() if said != {TRUTH[series]}}
    record_property("recognition_accuracy", f"{len(TRUTH) - len(wrong)} of {len(TRUTH)}")
    assert not wrong


def test_the_recognition_of_real_series_is_at_least_as_sure_as_timing_alone() -> None:
    unsure = {series: one for series in TRUTH for one in candidates(series) if one.confidence < 0.8}

    assert not unsure


@pytest.mark.parametrize(("series", "reason"), NOT_ELIGIBLE.items(), ids=NOT_ELIGIBLE.keys())
def test_a_real_series_that_no_model_may_see_is_refused_with_its_reason(series: str, reason: str) -> None:
    found = candidates(series)

    assert found
    assert all(one.reason.startswith(reason) for one in found), [one.reason for one in found]


@pytest.mark.parametrize("series", TRUTH)
def test_a_real_anatomical_series_is_not_refused_for_what_it_shows(series: str) -> None:
    refused = surveyed(series).refused

    assert not [one.candidate.reason for one in refused if isinstance(one.error, NotEligible)]


def test_before_and_after_the_agent_are_told_apart_in_a_real_study() -> None:
    folder = Path("enhanced")
    study = [one for name in ("003", "004", "005", "008") for one in candidates(str(folder / f"BRTUM{name}.dcm"))]

    assert [one.sequence for one in tell_contrast(study)] == ["flair", "t2", "t1", "t1c"]
