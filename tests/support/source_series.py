"""Small oblique series with a known geometry as the volumes they stand for, and findings on them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import Dataset
from support.builders import make_study, write_multiframe, write_series

from dicom_io.case import Case
from dicom_io.findings import Algorithm, Findings, Mask, Score, Segment
from dicom_io.uids import derive
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume

SHAPE = (5, 12, 16)
FRAME_OF_REFERENCE = derive("frame of reference of the sources")
GEOMETRY = Geometry(  # 0.5 mm along rows, 0.75 mm along columns, slices 5 mm apart
    origin=(-31.0, 12.5, -40.25),
    column_step=(0.4, 0.3, 0.0),
    row_step=(-0.27, 0.36, -0.6),
    slice_step=(-2.4, 3.2, 3.0),
    frame_of_reference_uid=FRAME_OF_REFERENCE,
)
SQUARE = replace(GEOMETRY, row_step=(-0.18, 0.24, -0.4))
"""The same with square pixels: of others no diameters are sent, for viewers draw them wrong."""
SCATTERED = (3, 0, 4, 1, 2)

Edit = Callable[[Dataset], None]


def as_is(_: Dataset) -> None:
    """Leave a header as it is."""


def position(slice_: int) -> list[float]:
    """Image Position (Patient) of a slice."""
    return [round(x, 6) for x in GEOMETRY.position((slice_, 0, 0))]


def classic_volume(
    folder: Path,
    shape: tuple[int, int, int] = SHAPE,
    edit: Edit = as_is,
    sequence: str = "flair",
    frame_of_reference: str = FRAME_OF_REFERENCE,
    geometry: Geometry = GEOMETRY,
) -> Volume:
    """Write one MR image per slice; ``edit`` makes each header odd."""
    paths = write_series(folder, voxels=np.zeros(shape, np.uint16), geometry=geometry, sequence=sequence)
    for path in paths:
        _edit(path, edit)
    return _volume(shape, [(path, 0) for path in paths], replace(geometry, frame_of_reference_uid=frame_of_reference))


def enhanced_volume(
    folder: Path, order: tuple[int, ...] = SCATTERED, edit: Edit = as_is, *, all_per_frame: bool = False
) -> Volume:
    """Write one Enhanced MR image; slice k of the volume is its frame ``order[k]`` (0-based), others lie elsewhere."""
    slices = [order.index(frame) if frame in order else 40 + frame for frame in range(max(order) + 1)]
    voxels = np.zeros((max(slices) + 1, *SHAPE[1:]), np.uint16)
    path = write_multiframe(folder / "enhanced.dcm", voxels=voxels, geometry=GEOMETRY, frame_order=slices)
    _edit(path, _own_geometry if all_per_frame else edit)
    geometry = replace(GEOMETRY, frame_of_reference_uid=FRAME_OF_REFERENCE)
    return _volume(SHAPE, [(path, frame) for frame in order], geometry)


def lopsided(shape: tuple[int, int, int] = SHAPE) -> NDArray[np.uint8]:
    """Return a mask on two inner slices that no mirroring, shift or turn maps onto itself."""
    array = np.zeros(shape, np.uint8)
    array[1, 2:9, 3:5] = 1
    array[1, 7:9, 3:10] = 1
    array[3, 3:5, 4:6] = 1
    return array


def mask_findings(volume: Volume, array: NDArray[np.uint8]) -> Findings:
    """What a segmentation model says of a volume."""
    series, found = volume.header.series_instance_uid, bool(array.any())
    return Findings(
        algorithm=Algorithm("segment_unet2d", "0.1", "3f9c2a11" * 8),
        task="segmentation",
        series_instance_uid=series,
        present=found,
        scores=(Score("flair_abnormality", 0.934 if found else 0.121),),
        mask=Mask(array, (Segment(1, "flair_abnormality"),), series),
        summary="FLAIR abnormality on 2 slices" if found else "No FLAIR abnormality found",
    )


def class_findings(volume: Volume, *, no_tumour: float = 0.02) -> Findings:
    """What a classification model says of a volume."""
    rest = 1.0 - no_tumour
    shares = {"glioma": 0.25 * rest, "meningioma": 0.7 * rest, "no_tumour": no_tumour, "pituitary": 0.05 * rest}
    return Findings(
        algorithm=Algorithm("classify_efficientnetb0", "0.1", "77aa0c19" * 8),
        task="classification",
        series_instance_uid=volume.header.series_instance_uid,
        present=no_tumour < 0.5,
        scores=tuple(Score(label, value) for label, value in shares.items()),
        mask=None,
        summary="meningioma is the likeliest tumour type" if no_tumour < 0.5 else "No tumour found",
    )


def case_of(*volumes: Volume) -> Case:
    """Return a case of these volumes, the first as FLAIR."""
    return Case(make_study().study_instance_uid, dict(zip(("flair", "t1"), volumes, strict=False)))


def _own_geometry(image: Dataset) -> None:
    """Keep orientation and spacing with each frame, as many scanners do."""
    shared = image.SharedFunctionalGroupsSequence[0]
    for keyword in ("PlaneOrientationSequence", "PixelMeasuresSequence"):
        for group in image.PerFrameFunctionalGroupsSequence:
            group.add(shared[keyword])
        del shared[keyword]


def _edit(path: Path, edit: Edit) -> None:
    if edit is not as_is:
        header = pydicom.dcmread(path)
        edit(header)
        header.save_as(path)


def _volume(shape: tuple[int, int, int], frames: list[tuple[Path, int]], geometry: Geometry) -> Volume:
    headers = [(pydicom.dcmread(path, stop_before_pixels=True), path, frame) for path, frame in frames]
    first = headers[0][0]
    return Volume(
        array=np.zeros(shape, np.float32),
        geometry=geometry,
        header=SeriesHeader(
            first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPClassUID, "MR", "FLAIR AX", "1", "flair"
        ),
        sources=tuple(SourceFrame(path, frame, header.SOPInstanceUID) for header, path, frame in headers),
    )
