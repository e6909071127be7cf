import numpy as np
import pytest
from support.orientations import STANDARD, Scan, at_any_orientation

from dicom_io.turn import side, view_of

SHOWN = {0: ((1, 1), (2, -1)), 1: ((0, 1), (2, -1)), 2: ((0, 1), (1, 1))}
"""By the axis of the normal: patient axis and sign to the right of the picture, and down."""


@at_any_orientation()
def test_slices_are_turned_as_radiologists_hang_them(scan: Scan) -> None:
    geometry = scan.geometry
    view = view_of(geometry)
    index = np.indices(scan.shape).reshape(3, -1)
    places = geometry.affine[:3, :3] @ index + geometry.affine[:3, 3:]
    x, y, z = (view.turned(axis.reshape(scan.shape)) for axis in places)

    (across, right), (along, down) = SHOWN[view.axis]

    assert right * np.diff((x, y, z)[across], axis=2).min() > -1e-9
    assert down * np.diff((x, y, z)[along], axis=1).min() > -1e-9
    for axis, spacing in ((2, view.spacing[0]), (3, view.spacing[1])):
        assert np.allclose(np.linalg.norm(np.diff([x, y, z], axis=axis), axis=0), spacing)


@pytest.mark.parametrize(
    ("name", "edges"),
    [
        ("axial", ("R", "L", "A", "P")),
        ("axial, prone", ("R", "L", "A", "P")),
        ("axial, seen from above", ("R", "L", "A", "P")),
        ("sagittal", ("A", "P", "H", "F")),
        ("sagittal, from right to left", ("A", "P", "H", "F")),
        ("coronal", ("R", "L", "H", "F")),
        ("coronal, upside down", ("R", "L", "H", "F")),
        ("oblique", ("R", "L", "AF", "PH")),
    ],
)
def test_the_edges_are_named(name: str, edges: tuple[str, ...]) -> None:
    assert view_of(Scan(turns=STANDARD[name]).geometry).edges == edges


def test_a_position_is_written_with_its_letter() -> None:
    assert [side(2, -34.52), side(2, 3.0), side(0, -1.0), side(1, 2.0)] == [
        "F 34.5 mm",
        "H 3.0 mm",
        "R 1.0 mm",
        "P 2.0 mm",
    ]
