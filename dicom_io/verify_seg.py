"""A SEG decoded from its own bytes and compared with the mask it was made of, before it may leave.

Nothing here comes from the code that builds results: frames are placed by what the written object says.
"""

from collections.abc import Iterator
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from dicom_io.errors import ResultMismatch
from dicom_io.findings import Mask
from dicom_io.volume import Volume

POSITION_TOLERANCE = 0.25
"""In voxels. A regular grid idealises positions as scanners write them; a shift is a whole voxel at least."""
DIRECTION_TOLERANCE = 0.01
"""In direction cosines, which headers round."""
SPACING_TOLERANCE = 0.01
"""As a share of the spacing."""


def verify_seg(encoded: bytes, volume: Volume, mask: Mask) -> Mask:
    """Check that a SEG lies on the frames of its volume and holds the mask, voxel for voxel.

    Every frame is placed twice: by the source image it names and by its position in the patient.

    Returns
    -------
    Mask
        What the SEG's own bytes hold.

    Raises
    ------
    dicom_io.errors.ResultMismatch
        When it does not; the message says by how much.
    """
    if mask.series_instance_uid != volume.header.series_instance_uid:
        raise ResultMismatch(f"the mask is on the grid of series {mask.series_instance_uid}, not on the volume's")
    dataset = dcmread(BytesIO(encoded))
    decoded = decode_seg(dataset, volume)
    wrong = int(np.count_nonzero(decoded != mask.array))
    if wrong:
        raise ResultMismatch(f"SEG differs from the mask in {wrong} of {mask.array.size} voxels")
    listed = [int(item.SegmentNumber) for item in dataset.SegmentSequence]
    if listed != [segment.number for segment in mask.segments]:
        raise ResultMismatch(f"SEG lists segments {listed}")
    return Mask(decoded, mask.segments, mask.series_instance_uid)


def decode_seg(dataset: Dataset, volume: Volume) -> NDArray[np.uint8]:
    """Return the mask (slices, rows, columns) that a SEG holds on the grid of its source series.

    Raises
    ------
    dicom_io.errors.ResultMismatch
        When it is not on that grid, or its source images and positions contradict each other.
    """
    _check_source(dataset, volume)
    _check_grid(dataset, volume)
    decoded = np.zeros(volume.array.shape, dtype=np.uint8)
    for number, slice_, plane in _frames(dataset, volume):
        if (decoded[slice_][plane] == number).any():
            raise ResultMismatch(f"SEG holds segment {number} twice on slice {slice_}")
        decoded[slice_][plane] = number
    return decoded


def _check_source(dataset: Dataset, volume: Volume) -> None:
    """Check that the one referenced series is the volume's, with all its images, in its frame of reference."""
    series = [str(item.SeriesInstanceUID) for item in dataset.ReferencedSeriesSequence]
    if series != [volume.header.series_instance_uid]:
        raise ResultMismatch(f"SEG refers to series {series}, not to {volume.header.series_instance_uid}")
    images = dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    named = {str(item.ReferencedSOPInstanceUID) for item in images}
    if named != {source.sop_instance_uid for source in volume.sources}:
        raise ResultMismatch(f"SEG refers to {len(named)} images that are not those of its volume")
    expected = volume.geometry.frame_of_reference_uid
    if expected and dataset.FrameOfReferenceUID != expected:
        raise ResultMismatch(f"SEG is in frame of reference {dataset.FrameOfReferenceUID}, not {expected}")


def _check_grid(dataset: Dataset, volume: Volume) -> None:
    """Check that matrix, orientation and spacing are the volume's."""
    geometry = volume.geometry
    matrix = (int(dataset.Rows), int(dataset.Columns))
    if matrix != volume.array.shape[1:]:
        raise ResultMismatch(f"SEG has a matrix of {matrix}, its volume of {volume.array.shape[1:]}")
    shared = dataset.SharedFunctionalGroupsSequence[0]
    measures = shared.PixelMeasuresSequence[0]
    spacing = np.array([measures.SpacingBetweenSlices, *measures.PixelSpacing], dtype=float)
    if not np.allclose(spacing, geometry.spacing, rtol=SPACING_TOLERANCE, atol=0):
        raise ResultMismatch(f"SEG has spacing {spacing.tolist()}, its volume {list(geometry.spacing)}")
    written = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
    meant = np.concatenate([np.array(v) / np.linalg.norm(v) for v in (geometry.column_step, geometry.row_step)])
    if not np.allclose(written, meant, rtol=0, atol=DIRECTION_TOLERANCE):
        raise ResultMismatch(f"SEG has orientation {written.tolist()}, its volume {meant.tolist()}")


def _frames(dataset: Dataset, volume: Volume) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
    """Yield segment number, slice of the volume and voxels (rows, columns) of every frame."""
    pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    groups = dataset.PerFrameFunctionalGroupsSequence
    if len(groups) != len(pixels):
        raise ResultMismatch(f"SEG has {len(pixels)} frames and describes {len(groups)}")
    full = 1 if dataset.SegmentationType == "BINARY" else int(dataset.MaximumFractionalValue)
    if not np.isin(pixels, (0, full)).all():
        raise ResultMismatch(f"SEG has values other than 0 and {full}")
    slices = {(source.sop_instance_uid, source.frame): k for k, source in enumerate(volume.sources)}
    to_index = np.linalg.inv(volume.geometry.affine)
    for frame, (group, plane) in enumerate(zip(groups, pixels, strict=True), start=1):
        source = _named_source(group)
        if source not in slices:
            raise ResultMismatch(f"SEG frame {frame} names {source}, which is no image of its volume")
        slice_ = slices[source]
        position = np.array([*group.PlanePositionSequence[0].ImagePositionPatient, 1.0], dtype=float)
        index = (to_index @ position)[:3]
        if np.abs(index - (slice_, 0, 0)).max() > POSITION_TOLERANCE:
            raise ResultMismatch(f"SEG frame {frame} names slice {slice_} and lies at voxel {index.round(2).tolist()}")
        yield _segment_number(dataset, group), slice_, plane == full


def _named_source(group: Dataset) -> tuple[str, int]:
    """Return SOP Instance UID and frame (0-based) of the source image of a frame."""
    images = group.DerivationImageSequence[0].SourceImageSequence
    if len(images) != 1:
        raise ResultMismatch(f"a SEG frame names {len(images)} source images")
    return str(images[0].ReferencedSOPInstanceUID), int(images[0].get("ReferencedFrameNumber", 1)) - 1


def _segment_number(dataset: Dataset, group: Dataset) -> int:
    shared = dataset.SharedFunctionalGroupsSequence[0]
    item = group if "SegmentIdentificationSequence" in group else shared
    return int(item.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
