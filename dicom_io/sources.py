"""The headers of a volume's source images, re-read from their files and made fit to build results on.

highdicom takes patient, study and geometry from the source images and stops at what real archives hold:
missing or unreadable attributes, a sex that is no code, an orientation that differs in the last digit,
geometry kept per frame. Here such headers are mended in a copy; values are dropped, never invented.
"""

import math
from dataclasses import dataclass
from hashlib import file_digest

from pydicom import DataElement, Dataset, config, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import BaseTag
from pydicom.uid import MRImageStorage
from pydicom.valuerep import DA, DS, TM, DSfloat, validate_value

from dicom_io.errors import NONSENSE
from dicom_io.stretch import InstanceFile, opened
from dicom_io.uids import derive
from dicom_io.volume import Volume

# PS3.3 C.7.1.1 and C.7.2.1: type 2, so empty where the source has none
TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
DATES_AND_TIMES = {"PatientBirthDate": DA, "StudyDate": DA, "StudyTime": TM}
SEXES = ("M", "F", "O")

MACROS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
}
"""Where multi-frame images keep the geometry of their frames, PS3.3 C.7.6.16.2."""

LAST_GROUP = 0x0020
"""Patient, study and equipment lie in groups up to this one."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceSeries:
    """The source images of one volume, as results are built on them.

    Attributes
    ----------
    headers
        One per slice, in the volume's order, flat also where the file keeps many frames, and without the
        patient's name.
    patient_name
        Patient's Name (0010,0010), kept apart: highdicom warns of names it finds odd, and prints them.
    digests
        SHA-256 of each file: a sender may replace an image, or its header, under the same UID.
    """

    headers: tuple[Dataset, ...]
    patient_name: DataElement
    digests: tuple[str, ...]


def read_sources(volume: Volume) -> SourceSeries:
    """Read the headers of a volume's source files.

    Raises
    ------
    OSError
        When a source file is gone.
    """
    digests, files = {}, {}
    for path in {source.path for source in volume.sources}:
        digests[path], files[path] = _read(path)
    first = volume.sources[0]
    shared = entities(files[first.path])
    patient_name = shared["PatientName"]
    shared.add_new("PatientName", "PN", "")
    shared.update(_series(files[first.path], first.frame, volume))
    headers = []
    for source in volume.sources:
        header = Dataset()
        header.update(shared)
        header.add_new("SOPInstanceUID", "UI", source.sop_instance_uid)
        header.add(_element(files[source.path], source.frame, "ImagePositionPatient"))
        headers.append(header)
    return SourceSeries(tuple(headers), patient_name, tuple(sorted(digests.values())))


def is_multiframe(header: Dataset) -> bool:
    """Whether an MR image has frames to be named by number (PS3.3 C.7.6.16)."""
    return bool(header.SOPClassUID != MRImageStorage)


def _read(path: InstanceFile) -> tuple[str, Dataset]:
    with opened(path) as file:
        digest = file_digest(file, "sha256").hexdigest()
        file.seek(0)
        return digest, dcmread(file, stop_before_pixels=True)


def entities(file: Dataset) -> Dataset:
    """Patient, study and equipment of an image, with every type 2 attribute and no unreadable one."""
    kept = Dataset()
    for tag in file.keys():  # noqa: SIM118 - iterating a Dataset parses every element
        if tag.group <= LAST_GROUP and not tag.is_private and _is_sound(file, tag):
            kept.add(file[tag])
    for keyword in TYPE_2:
        if keyword not in kept:
            setattr(kept, keyword, "")
    for keyword, parse in DATES_AND_TIMES.items():
        try:
            parse(kept[keyword].value)
        except ValueError:
            setattr(kept, keyword, "")
    if kept.PatientSex not in SEXES:
        kept.PatientSex = ""
    return kept


def _is_sound(file: Dataset, tag: BaseTag) -> bool:
    """Whether an element can be read and written again, and is a number where it should be one."""
    probe = Dataset()
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    try:
        element = file[tag]
        if element.VR in ("DS", "IS", "AS"):
            for value in element.value if element.VM > 1 else [element.value or ""]:
                validate_value(element.VR, str(value), config.RAISE)
        probe.add(element)
        write_dataset(buffer, probe, file.get("SpecificCharacterSet", "ISO_IR 6"))
    except NONSENSE:
        return False
    return True


def _series(file: Dataset, frame: int, volume: Volume) -> Dataset:
    """Return what all slices of the volume share: identity, matrix, orientation and spacing."""
    header, geometry = Dataset(), volume.geometry
    header.SOPClassUID = file.SOPClassUID
    header.StudyInstanceUID = volume.header.study_instance_uid
    header.SeriesInstanceUID = volume.header.series_instance_uid
    header.Modality = volume.header.modality
    # A SEG needs a frame of reference; one of the series' own claims nothing about any other series.
    header.FrameOfReferenceUID = geometry.frame_of_reference_uid or derive(
        "frame of reference", volume.header.series_instance_uid
    )
    header.Rows, header.Columns = volume.array.shape[1:]
    for keyword in ("ImageOrientationPatient", "PixelSpacing"):
        header.add(_element(file, frame, keyword))
    # The attribute is often missing and sometimes the gap alone; the positions are what counts.
    header.SpacingBetweenSlices = DS(round(geometry.spacing[0], 6), auto_format=True)
    header.SliceThickness = _thickness(file, frame) or header.SpacingBetweenSlices
    return header


def _thickness(file: Dataset, frame: int) -> DSfloat | None:
    """Return Slice Thickness; None where it is no length. Reading does not need it, so nobody has looked yet."""
    try:
        millimetres = float(_element(file, frame, "SliceThickness").value or 0)
    except NONSENSE:
        return None
    return DSfloat(millimetres, auto_format=True) if 0 < millimetres < math.inf else None


def _element(file: Dataset, frame: int, keyword: str) -> DataElement:
    """Return an attribute of a frame: its own, the one all frames share, or the data set's; else an empty one."""
    groups: list[Dataset] = []
    if "PerFrameFunctionalGroupsSequence" in file:
        groups += [file.PerFrameFunctionalGroupsSequence[frame], *file.SharedFunctionalGroupsSequence]
    items = (group[MACROS[keyword]][0] for group in groups if group.get(MACROS[keyword]))
    empty = DataElement(keyword, "DS", None)
    return next((place[keyword] for place in (*items, file) if keyword in place), empty)
