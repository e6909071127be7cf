from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from support.builders import change
from support.dcmtk import report_text, validate
from support.source_series import classic_volume, enhanced_volume

from dicom_io.equipment import Equipment
from dicom_io.errors import MissingSlices, ResultMismatch
from dicom_io.failure import Failure, read_remains
from dicom_io.findings import Algorithm
from dicom_io.profile import DEFAULT, Profile
from dicom_io.results import EncodedResult, encode_failure
from dicom_io.verify_sr import verify_failure

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")
MODEL = Algorithm("segment_unet2d", "0.1", "3f9c2a11" * 8)
REASON = "23.0 mm between slice 3 and 4, 5.0 mm elsewhere: 3 slices are missing"
CT = "1.2.840.10008.5.1.4.1.1.2"


def _series(folder: Path) -> list[Path]:
    return [source.path for source in classic_volume(folder).sources]


def _report(paths: list[Path], reason: str | Failure = REASON, profile: Profile = DEFAULT) -> EncodedResult:
    (report,) = encode_failure(paths, reason, MODEL, HERE, AT, profile)
    return report


def _read(result: EncodedResult) -> Dataset:
    return dcmread(BytesIO(result.data))


def _group(result: EncodedResult) -> dict[str, list[str]]:
    """Name and values of what the one group of a failure's report says."""
    (group,) = _read(result).ContentSequence[-1].ContentSequence
    said: dict[str, list[str]] = {}
    for item in group.ContentSequence:
        value = item.ConceptCodeSequence[0].CodeMeaning if item.ValueType == "CODE" else item.get("TextValue", "")
        said.setdefault(str(item.ConceptNameCodeSequence[0].CodeMeaning), []).append(str(value))
    return said


def _evidence(result: EncodedResult) -> dict[str, str]:
    """SOP Instance UID and SOP Class UID of what a report was made of."""
    (study,) = _read(result).CurrentRequestedProcedureEvidenceSequence
    images = [image for series in study.ReferencedSeriesSequence for image in series.ReferencedSOPSequence]
    return {str(image.ReferencedSOPInstanceUID): str(image.ReferencedSOPClassUID) for image in images}


def test_a_failure_is_no_finding_and_no_absence(tmp_path) -> None:
    said = _group(_report(_series(tmp_path)))

    assert said["CAD Processing and Findings Summary"] == ["No algorithms succeeded; without findings"]
    assert said["Neoplasm"] == ["Undetermined"]
    assert "Certainty of Finding" not in said
    assert said["Comment"] == [
        f"The analysis failed: {REASON}. It says nothing of the patient.",
        "Research use only, not a medical device.",
    ]


def test_a_skipped_analysis_is_called_that(tmp_path) -> None:
    report = _report(_series(tmp_path), Failure("no T1 post contrast came in 30 minutes.", skipped=True))

    assert _group(report)["Comment"][0].startswith("The analysis was skipped: no T1 post contrast came in 30 minutes. ")
    assert _read(report).SeriesDescription == "AI report: skipped [RESEARCH] segment_unet2d 0.1"


@pytest.mark.parametrize(
    ("kind", "coded"),
    [
        (MissingSlices.__name__, ["Anatomy coverage incomplete"]),
        ("UnsuitableCase", ["Incomplete study"]),
        ("ModelError", []),
        ("", []),
    ],
)
def test_a_reason_is_coded_where_the_standard_has_a_code(tmp_path, kind: str, coded: list[str]) -> None:
    assert _group(_report(_series(tmp_path), Failure(REASON, kind))).get("Quality Finding", []) == coded


def test_the_evidence_is_all_that_could_be_read(tmp_path) -> None:
    volume = classic_volume(tmp_path / "series")
    paths = [source.path for source in volume.sources]
    paths[1].write_bytes(b"no DICOM")
    change(paths[3], StudyInstanceUID="")

    evidence = _evidence(_report(paths))

    assert set(evidence) == {volume.sources[i].sop_instance_uid for i in (0, 2, 4)}


def _turned(paths: list[Path]) -> list[Path]:
    change(paths[1], ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    return paths


def _computed_tomography(paths: list[Path]) -> list[Path]:
    for path in paths:
        change(path, SOPClassUID=CT, Modality="CT")
    return paths


def _private_class(paths: list[Path]) -> list[Path]:
    for path in paths:
        change(path, SOPClassUID="1.2.3.4.5")
    return paths


def _no_geometry(paths: list[Path]) -> list[Path]:
    for path in paths:
        change(path, ImagePositionPatient=None, PixelSpacing=None, Rows=None, PatientSex="?", StudyDate="yesterday")
    return paths


BROKEN: dict[str, Callable[[list[Path]], list[Path]]] = {
    "mixed orientations": _turned,
    "a single slice": lambda paths: paths[:1],
    "CT": _computed_tomography,
    "a private class": _private_class,
    "nonsense in the header": _no_geometry,
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("sr_class", ["comprehensive 3d", "comprehensive"])
def test_a_series_that_is_no_volume_gets_a_valid_report(tmp_path, broken, sr_class) -> None:
    paths = broken(_series(tmp_path / "series"))
    file = tmp_path / "report.dcm"

    report = _report(paths, Failure(REASON, "MissingSlices"), Profile(sr_class=sr_class))
    file.write_bytes(report.data)

    assert set(_evidence(report).values()) == {str(dcmread(path).SOPClassUID) for path in paths}
    assert validate(file).errors == ()
    assert REASON in report_text(file)


def test_a_multiframe_file_is_enough(tmp_path) -> None:
    source = enhanced_volume(tmp_path).sources[0]

    assert set(_evidence(_report([source.path]))) == {source.sop_instance_uid}


def test_without_a_readable_file_there_is_nothing_to_report_on(tmp_path) -> None:
    file = tmp_path / "noise"
    file.write_bytes(b"no DICOM")

    assert encode_failure([file], REASON, MODEL, HERE, AT) == ()
    assert encode_failure([], REASON, MODEL, HERE, AT) == ()


def test_a_destination_without_reports_gets_none(tmp_path) -> None:
    assert encode_failure(_series(tmp_path), REASON, MODEL, HERE, AT, Profile(objects=("SEG",))) == ()


def test_a_file_that_is_gone_is_no_fault_of_the_series(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        encode_failure([*_series(tmp_path), tmp_path / "gone"], REASON, MODEL, HERE, AT)


def test_the_patient_is_the_study_s_and_the_time_the_analysis_s(tmp_path) -> None:
    paths = _series(tmp_path)
    for path in paths:
        change(path, SpecificCharacterSet="ISO_IR 192", PatientName="山田^太郎")

    report = _read(_report(paths))

    assert (report.PatientName, report.PatientID) == ("山田^太郎", "PHANTOM")
    assert (report.ContentDate, report.ContentTime, report.InstanceCreationTime) == ("20260102", "030405", "030405")
    assert (report.SeriesNumber, report.ContentQualification) == (9002, "RESEARCH")
    (own,) = [item for item in report.ContributingEquipmentSequence if "DeviceUID" in item]
    assert own.DeviceUID == HERE.device_uid(MODEL)


def test_the_same_failure_is_the_same_bytes_in_whatever_order_the_files_come(tmp_path) -> None:
    paths = _series(tmp_path)

    assert _report(paths) == _report(paths[::-1])


def test_another_failure_is_another_report(tmp_path) -> None:
    paths = _series(tmp_path)
    first = _report(paths)
    others = [
        _report(paths, REASON + "!"),
        _report(paths, Failure(REASON, "MissingSlices")),
        _report(paths, Failure(REASON, skipped=True)),
        _report(paths, profile=Profile(sr_class="comprehensive")),
        _report(paths[1:]),
        *encode_failure(paths, REASON, replace(MODEL, version="0.2"), HERE, AT),
        *encode_failure(paths, REASON, MODEL, replace(HERE, qualification="PRODUCT"), AT),
    ]

    assert len({report.sop_instance_uid for report in (first, *others)}) == len(others) + 1
    assert len({report.series_instance_uid for report in (first, *others)}) == len(others) + 1
    assert encode_failure(paths, REASON, MODEL, HERE, AT + timedelta(1))[0].sop_instance_uid == first.sop_instance_uid


def test_images_of_another_study_are_left_out(tmp_path) -> None:
    paths = _series(tmp_path)
    change(paths[0], StudyInstanceUID="1.2.3")

    assert len(_evidence(_report(paths))) == 4


FAULTS: dict[str, tuple[str, Failure, Profile]] = {
    "another reason": ("sentence", Failure("the disk is full", "MissingSlices"), DEFAULT),
    "skipped instead of failed": ("sentence", Failure(REASON, "MissingSlices", skipped=True), DEFAULT),
    "another code": ("reason", Failure(REASON, "UnsuitableCase"), DEFAULT),
    "another class": ("its class", Failure(REASON, "MissingSlices"), Profile(sr_class="comprehensive")),
}


@pytest.mark.parametrize(("what", "failure", "profile"), FAULTS.values(), ids=FAULTS.keys())
def test_a_report_of_another_failure_is_caught(tmp_path, what: str, failure: Failure, profile: Profile) -> None:
    paths = _series(tmp_path)
    written = Failure(REASON, "MissingSlices")
    data = _report(paths, written).data

    verify_failure(data, read_remains(paths), written, DEFAULT)
    with pytest.raises(ResultMismatch, match=what):
        verify_failure(data, read_remains(paths), failure, profile)


def test_a_report_that_lacks_an_image_is_caught(tmp_path) -> None:
    paths = _series(tmp_path)
    data = _report(paths[1:]).data

    with pytest.raises(ResultMismatch, match="lacks 1 objects"):
        verify_failure(data, read_remains(paths), Failure(REASON), DEFAULT)
