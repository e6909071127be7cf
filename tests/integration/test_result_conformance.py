"""Results judged by other people's eyes: dicom3tools, DCMTK and highdicom's own reader."""

from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from numpy.typing import NDArray
from support.builders import make_geometry, write_multiframe, write_series
from support.dcmtk import report_text, validate
from support.require import require_data
from support.source_series import class_findings, mask_findings

from dicom_io.case import Case
from dicom_io.equipment import Equipment
from dicom_io.read import read_volume
from dicom_io.results import encode
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")
Source = Callable[[Path], Volume]


def _brainix(_: Path) -> Volume:
    return read_volume(sorted(require_data("dicom/brainix/FLAIR").iterdir()))


def _brainix_t1(_: Path) -> Volume:
    return read_volume(sorted(require_data("dicom/brainix/T1").iterdir()))


def _interleaved(_: Path) -> Volume:
    return read_volume([require_data("dicom/enhanced/BRTUM003.dcm")])


def _odd_matrix(folder: Path) -> Volume:
    shape = (6, 187, 181)
    return read_volume(
        write_series(folder, voxels=np.zeros(shape, np.uint16), geometry=make_geometry(shape=shape, spacing=(5, 1, 1)))
    )


def _small(folder: Path) -> Volume:
    return read_volume(write_series(folder, voxels=np.zeros((6, 32, 24), np.uint16)))


def _scattered(folder: Path) -> Volume:
    voxels = np.zeros((6, 32, 24), np.uint16)
    return read_volume([write_multiframe(folder / "frames.dcm", voxels=voxels, frame_order=(3, 0, 4, 1, 5, 2))])


def _poor_headers(folder: Path) -> Volume:
    nothing = dict.fromkeys(("PatientID", "PatientName", "PatientSex", "StudyDate", "StudyTime", "StudyID"))
    more = {"PatientBirthDate": "00000000", "SliceThickness": None, "SpacingBetweenSlices": None}
    return read_volume(write_series(folder, voxels=np.zeros((6, 32, 24), np.uint16), **nothing, **more))


SOURCES = [_brainix, _brainix_t1, _interleaved, _odd_matrix, _small, _scattered, _poor_headers]


@pytest.fixture(params=SOURCES, ids=lambda source: source.__name__.strip("_"))
def volume(request, tmp_path: Path) -> Volume:
    """A series as it came from somewhere."""
    return request.param(tmp_path / "source")


def _lopsided(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a mask that no mirroring, turn or shift maps onto itself."""
    slices, rows, columns = shape
    array = np.zeros(shape, np.uint8)
    array[1 : slices // 2, rows // 4 : rows // 2, columns // 4 : columns // 3] = 1
    array[1:3, rows // 4 : rows // 3, columns // 3 : columns - columns // 5] = 1
    return array


def _write(folder: Path, volume: Volume, findings) -> dict[str, Path]:
    case = Case(volume.header.study_instance_uid, {volume.header.sequence: volume})
    paths = {}
    for result in encode(case, findings, HERE, AT):
        paths[result.kind] = folder / f"{result.kind}.dcm"
        paths[result.kind].write_bytes(result.data)
    return paths


def test_dicom3tools_find_no_error_in_seg_and_report(volume: Volume, tmp_path: Path) -> None:
    paths = _write(tmp_path, volume, mask_findings(volume, _lopsided(volume.array.shape)))

    assert {kind: validate(path).errors for kind, path in paths.items()} == {"SEG": (), "SR": ()}


def test_dicom3tools_find_no_error_in_other_reports(volume: Volume, tmp_path: Path) -> None:
    negative = mask_findings(volume, np.zeros(volume.array.shape, np.uint8))

    for findings in (negative, class_findings(volume), class_findings(volume, no_tumour=0.9)):
        (report,) = _write(tmp_path, volume, findings).values()
        assert validate(report).errors == ()


def test_dcmtk_prints_the_report(volume: Volume, tmp_path: Path) -> None:
    paths = _write(tmp_path, volume, mask_findings(volume, _lopsided(volume.array.shape)))

    text = report_text(paths["SR"])

    for line in (
        "Oncology Measurement Report",
        '"Lesion")=(52101004,SCT,"Present")',
        '"Certainty of Finding")="93.4" (%',
        '"Volume")=',
        '"Referenced Segment")=(SG image,,1)',
        "Preliminary Flag    : PRELIMINARY",
    ):
        assert line in text


def test_highdicom_finds_every_voxel_where_it_lies_in_the_patient(volume: Volume, tmp_path: Path) -> None:
    array = _lopsided(volume.array.shape)
    paths = _write(tmp_path, volume, mask_findings(volume, array))
    read = hd.seg.segread(BytesIO(paths["SEG"].read_bytes())).get_volume(combine_segments=True)

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
