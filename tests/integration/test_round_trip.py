"""A mask drawn in the patient comes back at the same places, whoever decodes the SEG it left in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from support.oracles import Reading, by_dcmqi
from support.orientations import CENTRE, SHAPE, STANDARD, Scan, at_any_orientation
from support.source_series import mask_findings

from dicom_io.case import Case
from dicom_io.equipment import Equipment
from dicom_io.profile import Profile
from dicom_io.read import read_volume
from dicom_io.results import encode
from dicom_io.volume import Geometry

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")
TOLERANCE_MM = 1e-3
ON_THE_SURFACE = 1e-3
PACKED = (12, 40, 32)  # in bits; a matrix that fills no whole bytes goes as bytes
BYTES = (12, 39, 33)

Points = NDArray[np.float64]
Decode = Callable[[Path, Path], Reading]


def depth(points: Points) -> Points:
    """How deep points (n, 3) in mm lie in an ellipsoid off the centre or in a ball beside it: below 1 is inside."""
    about = points - np.array(CENTRE)
    ellipsoid = np.linalg.norm((about - [3.1, -2.2, 4.3]) / [6.2, 4.1, 3.3], axis=1)
    ball = np.linalg.norm((about - [-5.3, 6.1, -2.9]) / 3.1, axis=1)
    return np.minimum(ellipsoid, ball)


def positions(geometry: Geometry, indices: NDArray[np.intp]) -> Points:
    return indices @ geometry.affine[:3, :3].T + geometry.affine[:3, 3]


def drawn(scan: Scan) -> NDArray[np.uint8]:
    """Return the mask on the grid of a scan."""
    indices = np.indices(scan.shape).reshape(3, -1).T
    return (depth(positions(scan.geometry, indices)) < 1).reshape(scan.shape).astype(np.uint8)


def by_highdicom(seg: Path, _: Path) -> Reading:
    volume = hd.seg.segread(seg).get_volume(combine_segments=True)
    return Reading(volume.array.astype(np.float64), volume.affine)


def by_dcmqi_alone(seg: Path, target: Path) -> Reading:
    (segment,) = by_dcmqi(seg, target)
    return segment


DECODERS: tuple[Decode, ...] = (by_highdicom, by_dcmqi_alone)


def seg_of(scan: Scan, form: str, mask: NDArray[np.uint8], folder: Path) -> Path:
    """Write the scan, read it, and write the SEG of a mask on what was read."""
    volume = read_volume(getattr(scan, f"write_{form}")(folder / "series"))
    case = Case(volume.header.study_instance_uid, {volume.header.sequence: volume})
    (seg,) = encode(case, mask_findings(volume, mask), HERE, AT, Profile(objects=("SEG",)))
    path = folder / "seg.dcm"
    path.write_bytes(seg.data)
    return path


def assert_at_the_same_places(reading: Reading, expected: Points) -> None:
    """Check that the voxels of a decoded mask are the expected ones, one for one."""
    found = points_of(reading, inside=True)
    assert len(found) == len(expected) > 0
    apart, nearest = cKDTree(expected).query(found)
    assert apart.max() < TOLERANCE_MM
    assert len(set(nearest)) == len(expected)


def points_of(reading: Reading, *, inside: bool) -> Points:
    indices = np.argwhere((reading.array > 0) == inside)
    return indices @ reading.affine[:3, :3].T + reading.affine[:3, 3]


@pytest.mark.parametrize("form", ["classic", "enhanced", "legacy_converted"])
@at_any_orientation(shapes=(PACKED, BYTES))
def test_a_mask_drawn_in_the_patient_comes_back_where_it_was_drawn(
    form: str, tmp_path_factory: pytest.TempPathFactory, scan: Scan
) -> None:
    folder = tmp_path_factory.mktemp(form)
    mask = drawn(scan)
    expected = positions(scan.geometry, np.argwhere(mask))

    seg = seg_of(scan, form, mask, folder)

    for decode in DECODERS:
        reading = decode(seg, folder / decode.__name__)
        assert_at_the_same_places(reading, expected)
        assert depth(points_of(reading, inside=True)).max() < 1 + ON_THE_SURFACE
        assert depth(points_of(reading, inside=False)).min() > 1 - ON_THE_SURFACE


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("shape", [PACKED, BYTES, SHAPE])
@pytest.mark.parametrize("slices", [(4,), (0,), (11,), (1, 9), (0, 11), (2, 3, 8)])
def test_slices_without_a_mask_shift_nothing(
    slices: tuple[int, ...], shape: tuple[int, int, int], decode: Decode, tmp_path: Path
) -> None:
    scan = replace(Scan(turns=STANDARD["double oblique"]), shape=shape)
    mask = np.zeros(shape, np.uint8)
    mask[slices, 5:9, 20:31] = 1
    mask[slices, 8, 3] = 1

    seg = seg_of(scan, "classic", mask, tmp_path)

    assert_at_the_same_places(decode(seg, tmp_path / "out"), positions(scan.geometry, np.argwhere(mask)))
