"""One test object of every kind that a profile has, each labelled."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_io.profile import KINDS, Profile
from node.demo.images import PATIENT_NAME, STUDY_DESCRIPTION, TestSet, scan_phantom
from node.demo.objects import TITLES, TestObject, with_every_kind, write_test_objects

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
IMAGES = 16


def objects(folder: Path, profile: Profile) -> list[TestObject]:
    wanted = TestSet(folder, "one", profile, NOW, "1.0")
    return list(write_test_objects(wanted, *scan_phantom(wanted)))


@pytest.mark.parametrize(
    ("profile", "names"),
    [
        (
            with_every_kind(Profile(objects=("SR",))),
            [*(TITLES[kind] for kind in KINDS), "report: nothing found", "report: failed"],
        ),
        (Profile(objects=("KEY IMAGE",)), ["key image"]),
        (Profile(objects=("SR", "SEG")), ["segmentation", "report", "report: nothing found", "report: failed"]),
    ],
    ids=["every kind", "no report", "two kinds"],
)
def test_there_is_one_of_every_kind_of_the_profile(tmp_path: Path, profile: Profile, names: list[str]) -> None:
    assert Counter(one.name for one in objects(tmp_path, profile)) == Counter(
        {"image": IMAGES, **dict.fromkeys(names, 1)}
    )


def test_every_object_is_labelled_belongs_to_one_study_and_is_there_once(tmp_path: Path) -> None:
    made = [(one, dcmread(one.result.path)) for one in objects(tmp_path, with_every_kind(Profile()))]

    assert {(str(d.PatientName), d.StudyDescription) for _, d in made} == {(PATIENT_NAME, STUDY_DESCRIPTION)}
    assert len({d.StudyInstanceUID for _, d in made}) == 1
    assert len({d.SOPInstanceUID for _, d in made}) == len(made)
    for one, dataset in made:
        result = one.result
        assert (dataset.SOPInstanceUID, dataset.SOPClassUID) == (result.sop_instance_uid, result.sop_class_uid)
        assert one.name == "image" or "TEST" in dataset.SeriesDescription
