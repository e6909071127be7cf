"""Test objects: images of nobody, and one result of every kind made of them, labelled as what they are."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from db.records import Result
from dicom_io.case import Case
from dicom_io.findings import Findings, Mask, Score, Segment
from dicom_io.profile import KINDS, Profile
from dicom_io.results import EncodedResult, Failure, encode, encode_failure
from dicom_io.volume import Volume
from node.demo.images import TestSet

LABEL = "flair_abnormality"
TITLES = {
    "SEG": "segmentation",
    "SR": "report",
    "MEASUREMENTS": "measurements",
    "KEY IMAGE": "key image",
    "PDF": "PDF summary",
}


@dataclass(frozen=True, slots=True)
class TestObject:
    """One object, and what to call it."""

    __test__ = False  # no test, for all its name

    name: str
    result: Result


def write_test_objects(wanted: TestSet, volume: Volume, found: NDArray[np.bool_]) -> Iterator[TestObject]:
    """Yield the images, then one result of every kind of the profile, a negative report and one of a failure.

    Raises
    ------
    dicom_io.errors.ResultMismatch
        When a result, decoded from its own bytes, differs from what it was made of.
    """
    # The test study is read from files of its own.
    paths = list(dict.fromkeys(source.path for source in volume.sources if isinstance(source.path, Path)))
    yield from (TestObject("image", _image(path)) for path in paths)
    case = Case(volume.header.study_instance_uid, {volume.header.sequence: volume})
    positive, negative = _findings(wanted, volume, found), _findings(wanted, volume, np.zeros_like(found))
    reports = replace(wanted.profile, objects=tuple(kind for kind in wanted.profile.objects if kind == "SR"))
    for encoded in encode(case, positive, wanted.equipment, wanted.at, wanted.profile):
        yield _kept(TITLES[encoded.kind], encoded, wanted)
    for encoded in encode(case, negative, wanted.equipment, wanted.at, reports):
        yield _kept("report: nothing found", encoded, wanted)
    failure = Failure("this is a test, and nothing has failed")
    for encoded in encode_failure(
        paths, failure, wanted.algorithm("failed"), wanted.equipment, wanted.at, wanted.profile
    ):
        yield _kept("report: failed", encoded, wanted)


def with_every_kind(profile: Profile) -> Profile:
    """Return a profile that has all objects, otherwise as it is."""
    return replace(profile, objects=KINDS)


def _findings(wanted: TestSet, volume: Volume, found: NDArray[np.bool_]) -> Findings:
    present, uid = bool(found.any()), volume.header.series_instance_uid
    said = f"found on {found.any(axis=(1, 2)).sum()} slices" if present else "nothing found"
    return Findings(
        algorithm=wanted.algorithm("positive" if present else "negative"),
        task="segmentation",
        series_instance_uid=uid,
        present=present,
        scores=(Score(LABEL, 0.9 if present else 0.1),),
        mask=Mask(found.astype(np.uint8), (Segment(1, LABEL),), uid),
        summary=f"TEST OBJECT, NOT A PATIENT, drawn and not found by any model: {said}",
    )


def _kept(name: str, encoded: EncodedResult, wanted: TestSet) -> TestObject:
    path = wanted.folder / f"{encoded.sop_instance_uid}.dcm"
    path.write_bytes(encoded.data)
    return TestObject(
        name,
        Result(
            sop_instance_uid=encoded.sop_instance_uid,
            sop_class_uid=encoded.sop_class_uid,
            series_instance_uid=encoded.series_instance_uid,
            kind=encoded.kind,
            path=path,
        ),
    )


def _image(path: Path) -> Result:
    header = dcmread(path, stop_before_pixels=True)
    return Result(
        sop_instance_uid=header.SOPInstanceUID,
        sop_class_uid=header.SOPClassUID,
        series_instance_uid=header.SeriesInstanceUID,
        kind="MR",
        path=path,
    )
