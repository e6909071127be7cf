"""Results judged by other people's eyes: dicom3tools, DCMTK, PixelMed, dcmqi and highdicom's own readers."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from numpy.typing import NDArray
from support.accepted_warnings import not_accepted
from support.builders import make_geometry, write_multiframe, write_series
from support.dcmtk import report_messages, report_text, validate
from support.oracles import by_dcmqi
from support.orientations import STANDARD, Scan
from support.require import require_data
from support.source_series import class_findings, mask_findings
from support.validators import by_tid1500reader, entity_complaints, template_complaints

from dicom_io import codes
from dicom_io.case import Case
from dicom_io.equipment import Equipment
from dicom_io.findings import Findings, Mask, Segment
from dicom_io.profile import KINDS, Profile
from dicom_io.read import read_volume
from dicom_io.results import Failure, encode, encode_failure
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")
EVERYTHING = Profile(objects=KINDS)
ODD = (6, 187, 181)  # a matrix that fills no whole bytes in bits
SQUARE = (12, 48, 48)
ISOTROPIC = (3.3, 0.9, 0.9)
FOUND = ("SEG", "SR", "MEASUREMENTS", "KEY IMAGE", "PDF")
NOTHING_DRAWN = ("SR", "KEY IMAGE", "PDF")
REPORTS = ("SR", "MEASUREMENTS")
Source = Callable[[Path], list[Path]]


def _brainix(_: Path) -> list[Path]:
    return sorted(require_data("dicom/brainix/FLAIR").iterdir())


def _brainix_t1(_: Path) -> list[Path]:
    return sorted(require_data("dicom/brainix/T1").iterdir())


def _interleaved(_: Path) -> list[Path]:
    return [require_data("dicom/enhanced/BRTUM003.dcm")]


def _odd_matrix(folder: Path) -> list[Path]:
    return write_series(folder, voxels=np.zeros(ODD, np.uint16), geometry=make_geometry(shape=ODD, spacing=(5, 1, 1)))


def _odd_matrix_enhanced(folder: Path) -> list[Path]:
    geometry = make_geometry(shape=ODD, spacing=(5, 1, 1))
    return [write_multiframe(folder / "frames.dcm", voxels=np.zeros(ODD, np.uint16), geometry=geometry)]


def _oblique(folder: Path) -> list[Path]:
    return Scan(turns=STANDARD["double oblique"], spacing=ISOTROPIC, shape=SQUARE).write_classic(folder)


def _oblique_enhanced(folder: Path) -> list[Path]:
    return Scan(turns=STANDARD["double oblique coronal"], spacing=ISOTROPIC, shape=SQUARE).write_enhanced(folder)


def _scattered(folder: Path) -> list[Path]:
    voxels = np.zeros((6, 32, 24), np.uint16)
    return [write_multiframe(folder / "frames.dcm", voxels=voxels, frame_order=(3, 0, 4, 1, 5, 2))]


def _poor_headers(folder: Path) -> list[Path]:
    nothing = dict.fromkeys(("PatientID", "PatientName", "PatientSex", "StudyDate", "StudyTime", "StudyID"))
    more = {"PatientBirthDate": "00000000", "SliceThickness": None, "SpacingBetweenSlices": None}
    return write_series(folder, voxels=np.zeros((6, 32, 24), np.uint16), **nothing, **more)


def _rich_headers(folder: Path) -> list[Path]:
    patient = {"PatientAge": "061Y", "PatientWeight": 71.5, "PatientSize": 1.72, "PatientComments": "left-handed"}
    study = {"ReferringPhysicianName": "House^Gregory", "StudyDescription": "MR brain", "AccessionNumber": "A-17"}
    return write_series(folder, voxels=np.zeros((6, 32, 24), np.uint16), **patient, **study)


SOURCES = [
    *(_brainix, _brainix_t1, _interleaved, _odd_matrix, _odd_matrix_enhanced, _oblique, _oblique_enhanced),
    *(_scattered, _poor_headers, _rich_headers),
]


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """All results of several analyses of one series, as files; ``objects`` is by analysis and kind."""

    source: Sequence[Path]
    volume: Volume
    findings: dict[str, Findings]
    objects: dict[tuple[str, str], Path]

    @property
    def reports(self) -> list[Path]:
        return [path for (_, kind), path in self.objects.items() if kind in REPORTS]


@pytest.fixture(scope="module", params=SOURCES, ids=lambda source: source.__name__.strip("_"))
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The results of a series as it came from somewhere."""
    return _write_all(request.param, tmp_path_factory.mktemp("conformance"))


def _write_all(source: Source, folder: Path) -> Written:
    paths = source(folder / "source")
    volume = read_volume(paths)
    case = Case(volume.header.study_instance_uid, {volume.header.sequence: volume})
    analyses = _analyses(volume)
    results = {name: encode(case, findings, HERE, AT, EVERYTHING) for name, findings in analyses.items()}
    algorithm = analyses["one_segment"].algorithm
    for name, why in {
        "failed": Failure("its slices are 0 mm apart"),
        "skipped": Failure("2 of 22 slices are missing", kind="MissingSlices", skipped=True),
    }.items():
        results[name] = encode_failure(paths, why, algorithm, HERE, AT)
    objects = {}
    for name, encoded in results.items():
        for result in encoded:
            objects[name, result.kind] = path = folder / f"{name} {result.kind}.dcm"
            path.write_bytes(result.data)
    return Written(paths, volume, analyses, objects)


def _analyses(volume: Volume) -> dict[str, Findings]:
    """Findings of every kind, each of a model of its own: one model has one set of UIDs for one series."""
    one = mask_findings(volume, _lopsided(volume.array.shape))
    series = volume.header.series_instance_uid
    segments = (Segment(1, "flair_abnormality"), Segment(2, "flair_abnormality"))
    analyses = {
        "one_segment": one,
        "two_segments": replace(one, mask=Mask(_in_two(one.mask.array), segments, series)),
        "empty_mask": mask_findings(volume, np.zeros(volume.array.shape, np.uint8)),
        "classes": class_findings(volume),
        "no_tumour": class_findings(volume, no_tumour=0.9),
    }
    return {
        name: replace(findings, algorithm=replace(findings.algorithm, version=f"0.1.{number}"))
        for number, (name, findings) in enumerate(analyses.items())
    }


def _lopsided(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a mask that no mirroring, turn or shift maps onto itself."""
    slices, rows, columns = shape
    array = np.zeros(shape, np.uint8)
    array[1 : slices // 2, rows // 4 : rows // 2, columns // 4 : columns // 3] = 1
    array[1:3, rows // 4 : rows // 3, columns // 3 : columns - columns // 5] = 1
    return array


def _in_two(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a mask with a second segment beside the first, on fewer slices."""
    two = array.copy()
    two[2, -4:, -6:] = 2
    return two


def test_every_analysis_has_all_its_objects(written: Written) -> None:
    kinds = {name: tuple(kind for of, kind in written.objects if of == name) for name, _ in written.objects}

    found = tuple(kind for kind in FOUND if kind != "MEASUREMENTS" or _has_square_pixels(written.volume))
    assert kinds == {
        **dict.fromkeys(("one_segment", "two_segments"), found),
        **dict.fromkeys(("empty_mask", "classes", "no_tumour"), NOTHING_DRAWN),
        **dict.fromkeys(("failed", "skipped"), ("SR",)),
    }


def _has_square_pixels(volume: Volume) -> bool:
    """Whether there are measurements: viewers draw wrong lengths on other pixels."""
    _, row, column = volume.geometry.spacing
    return row == pytest.approx(column, rel=1e-3)


def test_dicom3tools_find_no_error_and_no_new_warning_in_any_object(written: Written) -> None:
    of_source = validate(written.source[0]).warnings
    verdicts = {" ".join(name): validate(path) for name, path in written.objects.items()}

    assert {name: verdict.errors for name, verdict in verdicts.items() if verdict.errors} == {}
    warnings = {name: not_accepted("dciodvfy", verdict.warnings, of_source) for name, verdict in verdicts.items()}
    assert {name: new for name, new in warnings.items() if new} == {}


def test_dicom3tools_find_one_patient_and_study_in_source_and_objects(written: Written) -> None:
    complaints = entity_complaints(written.source, {" ".join(name): path for name, path in written.objects.items()})

    assert not_accepted("dcentvfy", complaints) == []


def test_dcmtk_reads_every_report_without_a_message(written: Written) -> None:
    messages = {path.name: not_accepted("dsrdump", report_messages(path)) for path in written.reports}

    assert {name: new for name, new in messages.items() if new} == {}


def test_dcmtk_prints_the_report(written: Written) -> None:
    text = report_text(written.objects["one_segment", "SR"])

    for line in (
        "Oncology Measurement Report",
        '"Lesion")=(52101004,SCT,"Present")',
        '"Certainty of Finding")="93.4" (%',
        '"Volume")=',
        '"Referenced Segment")=(SG image,,1)',
        "Preliminary Flag    : PRELIMINARY",
    ):
        assert line in text


def test_pixelmed_finds_reports_after_their_templates(tmp_path: Path) -> None:
    written = _write_all(_oblique_enhanced, tmp_path)
    chosen = [(name, "SR") for name in ("one_segment", "classes", "no_tumour", "skipped")]
    chosen.append(("two_segments", "MEASUREMENTS"))

    with ThreadPoolExecutor(2) as two:
        complaints = two.map(template_complaints, [written.objects[name] for name in chosen])
        new = {name: not_accepted("DicomSRValidator", said) for name, said in zip(chosen, complaints, strict=True)}

    assert {name: said for name, said in new.items() if said} == {}


def test_dcmqi_counts_the_voxels_of_each_segment(written: Written, tmp_path: Path) -> None:
    for name in ("one_segment", "two_segments"):
        mask = written.findings[name].mask
        meant = [np.count_nonzero(mask.array == segment.number) for segment in mask.segments]

        segments = by_dcmqi(written.objects[name, "SEG"], tmp_path / name)

        assert [np.count_nonzero(segment.array) for segment in segments] == meant


def test_dcmqi_reads_the_groups_of_reports(written: Written, tmp_path: Path) -> None:
    long_and_short = ["Long Axis", "Short Axis"]
    measured = ["Volume", *long_and_short]
    expected = {
        ("one_segment", "SR"): [["Certainty of Finding"], measured],
        ("two_segments", "SR"): [["Certainty of Finding"], measured, measured],
        ("two_segments", "MEASUREMENTS"): [long_and_short, long_and_short],
        ("empty_mask", "SR"): [["Certainty of Finding"]],
        ("classes", "SR"): [["Certainty of Finding"]] * 4,
        ("skipped", "SR"): [[]],
    }

    if not _has_square_pixels(written.volume):
        del expected["two_segments", "MEASUREMENTS"]
    for (name, kind), names in expected.items():
        groups = by_tid1500reader(written.objects[name, kind], tmp_path / f"{name} {kind}.json")
        found = [[item["quantity"]["CodeMeaning"] for item in group.get("measurementItems", [])] for group in groups]
        assert found == names, (name, kind)


def test_highdicom_reads_volumes_and_references_from_reports(written: Written) -> None:
    seg_uid = hd.seg.segread(written.objects["two_segments", "SEG"]).SOPInstanceUID
    array, voxel_mm3 = written.findings["two_segments"].mask.array, written.volume.geometry.voxel_volume

    report = hd.sr.srread(written.objects["two_segments", "SR"])

    groups = report.content.get_volumetric_roi_measurement_groups()
    found = [(group.referenced_segment, group.get_measurements(name=codes.VOLUME)) for group in groups]
    assert [(str(segment.referenced_sop_instance_uid), _number(segment)) for segment, _ in found] == [
        (str(seg_uid), 1),
        (str(seg_uid), 2),
    ]
    for number, (_, (volume,)) in enumerate(found, start=1):
        assert volume.value == pytest.approx(np.count_nonzero(array == number) * voxel_mm3 / 1000, abs=0.006)


@pytest.mark.parametrize("name", ["one_segment", "empty_mask", "classes", "no_tumour", "failed", "skipped"])
def test_highdicom_writes_a_report_as_it_read_it(name: str, written: Written) -> None:
    path = written.objects[name, "SR"]
    again = BytesIO()

    hd.sr.srread(path).save_as(again, enforce_file_format=True)

    assert again.getvalue() == path.read_bytes()


def _number(segment: hd.sr.ReferencedSegment) -> int:
    (item,) = (item for item in segment if item.ValueType == "IMAGE")
    return int(item.ReferencedSOPSequence[0].ReferencedSegmentNumber)


def test_highdicom_finds_every_voxel_where_it_lies_in_the_patient(written: Written) -> None:
    volume, array = written.volume, written.findings["one_segment"].mask.array
    read = hd.seg.segread(BytesIO(written.objects["one_segment", "SEG"].read_bytes())).get_volume(combine_segments=True)

    meant = np.array([volume.geometry.position(tuple(index)) for index in np.argwhere(array)])
    indices = np.argwhere(read.array)
    found = (np.column_stack([indices, np.ones(len(indices))]) @ read.affine.T)[:, :3]

    assert len(found) == len(meant)
    assert np.abs(_ordered(found, volume) - _ordered(meant, volume)).max() < 0.05


def _ordered(points: NDArray[np.float64], volume: Volume) -> NDArray[np.float64]:
    """Sort patient positions (n, 3) by the voxel they are nearest to."""
    to_index = np.linalg.inv(volume.geometry.affine)
    index = np.rint(np.column_stack([points, np.ones(len(points))]) @ to_index.T)
    return points[np.lexsort(index[:, :3].T)]
