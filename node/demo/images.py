"""The images that test objects are made of: a phantom's, or borrowed ones under the name of nobody."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import DataElement, Dataset, dcmread

from dicom_io.equipment import Equipment
from dicom_io.errors import DicomInputError
from dicom_io.findings import Algorithm
from dicom_io.mr import PHANTOM_SERIES, SeriesAttributes, StudyAttributes, write_classic
from dicom_io.phantom import brain_phantom
from dicom_io.profile import Profile
from dicom_io.read import read_volume
from dicom_io.uids import derive
from dicom_io.volume import Volume
from node.demo.errors import DemoError
from node.demo.send import series_in

STUDY_DESCRIPTION = "GLIA TEST OBJECTS - NOT A PATIENT"
PATIENT_NAME, PATIENT_ID = "GLIA^TEST", "GLIA-TEST"
SHAPE, SPACING = (16, 192, 192), (7.5, 1.2, 1.2)
EMPTIED = (
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
REMOVED = (
    "OtherPatientIDs",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "PatientComments",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "RequestAttributesSequence",
    "ReferencedStudySequence",
    "ReferencedPatientSequence",
    "OriginalAttributesSequence",
)


@dataclass(frozen=True, slots=True)
class TestSet:
    """What a set of test objects is made for.

    Attributes
    ----------
    folder
        Where the files go.
    name
        What no other set is called: its UIDs are made of it.
    profile
        How the destination wants its objects.
    at
        When it is made.
    software
        Version of the software that makes it.
    """

    __test__ = False

    folder: Path
    name: str
    profile: Profile
    at: datetime
    software: str

    def algorithm(self, what: str) -> Algorithm:
        """Return who signs: no model has this name."""
        return Algorithm(f"GLIA TEST {what}", self.software, "0" * 64)

    @property
    def equipment(self) -> Equipment:
        """Where it comes from: a set has nothing to do with the installation's results."""
        return Equipment(site=self.name, serial="TEST")

    @property
    def study_instance_uid(self) -> str:
        """The study all objects of the set are in."""
        return derive("test objects", self.name)


def scan_phantom(wanted: TestSet) -> tuple[Volume, NDArray[np.bool_]]:
    """Write one series of a patient who does not exist; return it with where its tumour is."""
    phantom = brain_phantom(SHAPE, SPACING)
    study = StudyAttributes(
        study_instance_uid=wanted.study_instance_uid,
        acquired=wanted.at.astimezone(),
        patient_name=PATIENT_NAME,
        patient_id=PATIENT_ID,
        description=STUDY_DESCRIPTION,
    )
    attributes = dict(PHANTOM_SERIES["flair"]) | {"description": "GLIA TEST FLAIR AX"}
    series = SeriesAttributes(series_instance_uid=derive(wanted.study_instance_uid, "flair"), number=1, **attributes)
    geometry = replace(phantom.geometry, frame_of_reference_uid=derive(wanted.study_instance_uid, "frame"))
    stored = np.clip(np.rint(phantom.contrasts["flair"]), 0, 4095).astype(np.uint16)
    return read_volume(write_classic(wanted.folder / "images", stored, geometry, study, series)), phantom.tumour


def borrow_images(wanted: TestSet, study: Path) -> tuple[Volume, NDArray[np.bool_]]:
    """Copy the first series of a folder that is a volume, under the test patient's name; a box in it is the finding.

    Names, numbers and UIDs of the patient are replaced and private attributes left out. It is no de-identification:
    what is drawn into the pixels, and other attributes, stay.

    Raises
    ------
    DemoError
        When no series of the folder is a volume.
    """
    reasons = ["there are no DICOM files in it"]
    for series in series_in(study):
        try:
            read_volume(series.paths)
            volume = read_volume([_renamed(path, number, wanted) for number, path in enumerate(series.paths, start=1)])
        except DicomInputError as error:
            reasons.append(f"{series.description}: {error}")
            continue
        found = np.zeros(volume.array.shape, np.bool_)
        slices, rows, columns = (slice(2 * size // 5, 2 * size // 5 + 1 + size // 5) for size in volume.array.shape)
        found[slices, rows, columns] = True
        return volume, found
    raise DemoError(f"{study}: no series of it is a volume: {'; '.join(reasons[1:] or reasons)}")


def _renamed(path: Path, number: int, wanted: TestSet) -> Path:
    """Copy an image of somebody as one of nobody."""
    image = dcmread(path)
    image.remove_private_tags()
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
        if image.get(keyword):
            setattr(image, keyword, derive(wanted.study_instance_uid, str(image[keyword].value)))
    image.StudyInstanceUID = wanted.study_instance_uid
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.PatientName, image.PatientID, image.StudyDescription = PATIENT_NAME, PATIENT_ID, STUDY_DESCRIPTION
    for keyword in EMPTIED:
        setattr(image, keyword, "")
    image.walk(_forget_person)
    for keyword in REMOVED:
        if keyword in image:
            delattr(image, keyword)
    copy = wanted.folder / "images" / f"{number:04d}.dcm"
    copy.parent.mkdir(exist_ok=True)
    image.save_as(copy, enforce_file_format=True)
    return copy


def _forget_person(_: Dataset, element: DataElement) -> None:
    """Empty every name of a person but that of the test patient."""
    if element.VR == "PN" and element.keyword != "PatientName":
        element.value = ""
