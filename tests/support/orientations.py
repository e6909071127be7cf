"""Phantom series at any orientation, in no order: where every voxel lies is known from the start."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from scipy.spatial.transform import Rotation
from support.builders import make_slices, make_voxels
from support.enhanced import make_enhanced, make_legacy_converted

from dicom_io.uids import derive
from dicom_io.volume import Geometry

Test = Callable[..., None]

SHAPE = (12, 40, 36)
CENTRE = (11.5, -23.25, 37.125)
FRAME_OF_REFERENCE = derive("frame of reference of the orientations")


@dataclass(frozen=True, slots=True)
class Scan:
    """How a phantom lies in the scanner.

    Attributes
    ----------
    turns
        Degrees by which axial slices are turned about the patient's x, then y, then z axis.
    spacing
        In mm along (slice, row, column).
    order
        The slice of each file, by file name, and of each frame.
    numbers
        Instance Number - 1 of each slice.
    shape
        (slices, rows, columns).
    """

    turns: tuple[int, int, int] = (0, 0, 0)
    spacing: tuple[float, float, float] = (3.3, 0.7, 1.1)
    order: tuple[int, ...] = (5, 0, 9, 2, 7, 11, 4, 1, 10, 3, 8, 6)
    numbers: tuple[int, ...] = (8, 3, 0, 10, 6, 1, 11, 5, 2, 9, 4, 7)
    shape: tuple[int, int, int] = SHAPE

    @property
    def geometry(self) -> Geometry:
        """Where the voxels lie; the middle of the grid is ``CENTRE``."""
        turned = Rotation.from_euler("xyz", self.turns, degrees=True).as_matrix().round(12)
        along_row, along_column, normal = turned.T
        steps = [d * s for d, s in zip((normal, along_column, along_row), self.spacing, strict=True)]
        origin = np.array(CENTRE) - sum(step * (n - 1) / 2 for step, n in zip(steps, self.shape, strict=True))
        slice_step, row_step, column_step, corner = ((float(x), float(y), float(z)) for x, y, z in (*steps, origin))
        return Geometry(corner, column_step, row_step, slice_step, FRAME_OF_REFERENCE)

    @property
    def voxels(self) -> NDArray[np.uint16]:
        """Grey values that differ everywhere."""
        return make_voxels(shape=self.shape)

    def slices(self, **more: object) -> list[Dataset]:
        """Return the data sets, from the lowest slice to the highest; ``more`` as in `set_all`."""
        slices = make_slices(voxels=self.voxels, geometry=self.geometry, **more)
        for slice_, number in zip(slices, self.numbers, strict=True):
            slice_.InstanceNumber = number + 1
        return slices

    def write_classic(self, folder: Path, slices: Sequence[Dataset] = ()) -> list[Path]:
        """Write a file per slice."""
        folder.mkdir(parents=True)
        slices = slices or self.slices()
        paths = [folder / f"{number:04d}.dcm" for number in range(len(slices))]
        for path, index in zip(paths, self.order, strict=True):
            slices[index].save_as(path, enforce_file_format=True)
        return paths

    def write_enhanced(self, folder: Path, slices: Sequence[Dataset] = ()) -> list[Path]:
        """Write an Enhanced MR Image."""
        image = make_enhanced(slices or self.slices(), sequence="flair", frame_order=self.order)
        return _write_one(folder, image)

    def write_legacy_converted(self, folder: Path, slices: Sequence[Dataset] = ()) -> list[Path]:
        """Write a Legacy Converted Enhanced MR Image."""
        return _write_one(folder, make_legacy_converted(slices or self.slices(), frame_order=self.order))


STANDARD = {  # turns
    "axial": (0, 0, 0),
    "axial, seen from above": (180, 0, 0),
    "axial, prone": (0, 0, 180),
    "sagittal": (90, 180, 90),
    "sagittal, from right to left": (-90, 0, 90),
    "coronal": (-90, 0, 0),
    "coronal, upside down": (90, 0, 0),
    "oblique": (20, 0, 0),
    "double oblique": (20, -15, 10),
    "double oblique coronal": (-75, 12, 170),
}


@st.composite
def scans(draw: st.DrawFn, shapes: Sequence[tuple[int, int, int]] = (SHAPE,)) -> Scan:
    """Draw phantoms at any orientation, with any spacing, in any order."""
    shape = draw(st.sampled_from(shapes))
    degrees = st.integers(-180, 180)
    within = st.integers(6, 14).map(lambda tenths: tenths / 10)
    between = st.integers(20, 60).map(lambda tenths: tenths / 10)
    order = st.permutations(range(shape[0])).map(tuple)
    return Scan(
        turns=draw(st.tuples(degrees, degrees, degrees)),
        spacing=draw(st.tuples(between, within, within)),
        order=draw(order),
        numbers=draw(order),
        shape=shape,
    )


def at_any_orientation(**more: object) -> Callable[[Test], Test]:
    """Run a test on 30 random ``scan``s, the same at each run, and on the orientations that scanners are set to.

    ``more`` are the arguments of `scans`.
    """

    def decorate(test: Test) -> Test:
        for turns in STANDARD.values():
            test = example(scan=Scan(turns=turns))(test)
        quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
        steady = settings(max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=quiet)
        return steady(given(scan=scans(**more))(test))

    return decorate


def _write_one(folder: Path, image: Dataset) -> list[Path]:
    folder.mkdir(parents=True)
    image.save_as(folder / "image.dcm", enforce_file_format=True)
    return [folder / "image.dcm"]
