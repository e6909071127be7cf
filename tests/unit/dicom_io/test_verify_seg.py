import re
from collections.abc import Callable
from datetime import datetime
from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.pixels import pack_bits
from support.source_series import (
    case_of,
    classic_volume,
    enhanced_volume,
    lopsided,
    mask_findings,
)

from dicom_io.equipment import Equipment
from dicom_io.errors import ResultMismatch
from dicom_io.findings import Findings, Mask
from dicom_io.profile import Profile
from dicom_io.results import EncodedResult, encode
from dicom_io.verify_seg import verify_seg
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")
Fault = Callable[[Dataset], None]


def _results(volume: Volume, findings: Findings) -> tuple[EncodedResult, ...]:
    return encode(case_of(volume), findings, HERE, AT, Profile(objects=("SEG", "SR")))


def _with(fault: Fault, data: bytes) -> bytes:
    dataset = dcmread(BytesIO(data))
    fault(dataset)
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def _redrawn(change: Callable[[np.ndarray], np.ndarray]) -> Fault:
    """Pixels drawn anew, their description unchanged."""

    def fault(seg: Dataset) -> None:
        seg.PixelData = pack_bits(np.ascontiguousarray(change(seg.pixel_array)), pad=True)

    return fault


def _one_voxel_more(frames: np.ndarray) -> np.ndarray:
    frames = frames.copy()
    frames[0, 0, 0] ^= 1
    return frames


def _groups(seg: Dataset) -> list[Dataset]:
    return list(seg.PerFrameFunctionalGroupsSequence)


def _swap_sources(seg: Dataset) -> None:
    one, other = _groups(seg)
    one.DerivationImageSequence, other.DerivationImageSequence = (
        other.DerivationImageSequence,
        one.DerivationImageSequence,
    )


def _swap_positions(seg: Dataset) -> None:
    one, other = _groups(seg)
    one.PlanePositionSequence, other.PlanePositionSequence = other.PlanePositionSequence, one.PlanePositionSequence


def _swap_both(seg: Dataset) -> None:
    _swap_sources(seg)
    _swap_positions(seg)


def _shift_by(*millimetres: float) -> Fault:
    def fault(seg: Dataset) -> None:
        for group in _groups(seg):
            plane = group.PlanePositionSequence[0]
            plane.ImagePositionPatient = list(np.add(plane.ImagePositionPatient, millimetres).round(6))

    return fault


def _shared(seg: Dataset) -> Dataset:
    shared: Dataset = seg.SharedFunctionalGroupsSequence[0]
    return shared


def _turn(seg: Dataset) -> None:
    plane = _shared(seg).PlaneOrientationSequence[0]
    plane.ImageOrientationPatient = [-x for x in plane.ImageOrientationPatient[:3]] + plane.ImageOrientationPatient[3:]


def _transpose(seg: Dataset) -> None:
    plane = _shared(seg).PlaneOrientationSequence[0]
    plane.ImageOrientationPatient = plane.ImageOrientationPatient[3:] + plane.ImageOrientationPatient[:3]


def _space(keyword: str, value: object) -> Fault:
    return lambda seg: setattr(_shared(seg).PixelMeasuresSequence[0], keyword, value)


def _foreign_series(seg: Dataset) -> None:
    seg.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3"


def _second_series(seg: Dataset) -> None:
    seg.ReferencedSeriesSequence = [*seg.ReferencedSeriesSequence, *seg.ReferencedSeriesSequence]


def _missing_image(seg: Dataset) -> None:
    del seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]


def _foreign_frame_of_reference(seg: Dataset) -> None:
    seg.FrameOfReferenceUID = "1.2.3"


def _foreign_image(seg: Dataset) -> None:
    _groups(seg)[0].DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"


def _two_sources(seg: Dataset) -> None:
    images = _groups(seg)[0].DerivationImageSequence[0].SourceImageSequence
    images.append(images[0])


def _other_segment(seg: Dataset) -> None:
    _shared(seg).SegmentIdentificationSequence[0].ReferencedSegmentNumber = 2


def _unlisted_segment(seg: Dataset) -> None:
    seg.SegmentSequence[0].SegmentNumber = 2


def _lost_frame(seg: Dataset) -> None:
    seg.PixelData = pack_bits(seg.pixel_array[:1], pad=True)
    seg.NumberOfFrames = 1
    del seg.PerFrameFunctionalGroupsSequence[1]


def _doubled_frame(seg: Dataset) -> None:
    seg.PixelData = pack_bits(seg.pixel_array[[0, 0]], pad=True)
    seg.PerFrameFunctionalGroupsSequence = [_groups(seg)[0]] * 2


SEG_FAULTS: dict[str, tuple[str, Fault]] = {
    "mirrored left to right": ("in 40 of 960 voxels", _redrawn(lambda frames: frames[:, :, ::-1])),
    "mirrored top to bottom": ("in 32 of", _redrawn(lambda frames: frames[:, ::-1])),
    "frames in another order": ("in 48 of", _redrawn(lambda frames: frames[::-1])),
    "shifted by a row": ("in 18 of", _redrawn(lambda frames: np.roll(frames, 1, axis=1))),
    "shifted by a column": ("in 18 of", _redrawn(lambda frames: np.roll(frames, 1, axis=2))),
    "one voxel more": ("in 1 of 960", _redrawn(_one_voxel_more)),
    "nothing drawn": ("in 28 of", _redrawn(np.zeros_like)),
    "source images exchanged": ("names slice", _swap_sources),
    "positions exchanged": ("lies at voxel", _swap_positions),
    "frames exchanged consistently": ("in 48 of", _swap_both),
    "a slice higher": ("lies at voxel", _shift_by(-2.4, 3.2, 3.0)),
    "half a pixel off": ("0.5]", _shift_by(0.2, 0.15, 0.0)),
    "turned by 180 degrees": ("orientation", _turn),
    "transposed": ("orientation", _transpose),
    "spacing exchanged": ("spacing", _space("PixelSpacing", [0.5, 0.75])),
    "slices too far apart": ("spacing", _space("SpacingBetweenSlices", 6.0)),
    "another series": ("refers to series", _foreign_series),
    "two series": ("refers to series", _second_series),
    "an image missing": ("images that are not", _missing_image),
    "another frame of reference": ("frame of reference", _foreign_frame_of_reference),
    "another image": ("which is no image of its volume", _foreign_image),
    "two sources of one frame": ("2 source images", _two_sources),
    "another segment": ("in 28 of", _other_segment),
    "segment not listed": ("lists segments", _unlisted_segment),
    "a frame lost": ("in 24 of", _lost_frame),
    "a frame doubled": ("twice on slice", _doubled_frame),
}


@pytest.fixture(scope="module", params=[classic_volume, enhanced_volume], ids=["classic", "enhanced"])
def seg(request, tmp_path_factory) -> tuple[Volume, Mask, bytes]:
    """A volume, a mask on it, and the bytes of a faultless SEG of both."""
    volume = request.param(tmp_path_factory.mktemp("series"))
    findings = mask_findings(volume, lopsided())
    assert findings.mask is not None
    return volume, findings.mask, _results(volume, findings)[0].data


def test_a_faultless_seg_passes(seg: tuple[Volume, Mask, bytes]) -> None:
    volume, mask, data = seg

    held = verify_seg(_with(lambda _: None, data), volume, mask)

    assert np.array_equal(held.array, mask.array)
    assert held.array is not mask.array


@pytest.mark.parametrize(("reason", "fault"), SEG_FAULTS.values(), ids=SEG_FAULTS.keys())
def test_a_faulty_seg_is_caught(seg: tuple[Volume, Mask, bytes], reason: str, fault: Fault) -> None:
    volume, mask, data = seg

    with pytest.raises(ResultMismatch, match=re.escape(reason)):
        verify_seg(_with(fault, data), volume, mask)


def test_a_wrong_frame_number_is_caught(tmp_path) -> None:
    volume = enhanced_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    seg, _ = _results(volume, findings)

    def fault(dataset: Dataset) -> None:
        for group in _groups(dataset):
            image = group.DerivationImageSequence[0].SourceImageSequence[0]
            image.ReferencedFrameNumber = int(image.ReferencedFrameNumber) % 5 + 1

    assert findings.mask is not None
    with pytest.raises(ResultMismatch, match="names slice"):
        verify_seg(_with(fault, seg.data), volume, findings.mask)


def test_a_grey_value_in_a_fractional_seg_is_caught(tmp_path) -> None:
    volume = classic_volume(tmp_path, shape=(5, 11, 13))
    findings = mask_findings(volume, lopsided((5, 11, 13)))
    seg, _ = _results(volume, findings)

    def fault(dataset: Dataset) -> None:
        dataset.PixelData = dataset.PixelData.replace(b"\xff", b"\x7f", 1)

    assert findings.mask is not None
    with pytest.raises(ResultMismatch, match="other than 0 and 255"):
        verify_seg(_with(fault, seg.data), volume, findings.mask)


def test_a_seg_of_another_matrix_is_caught(tmp_path) -> None:
    volume = classic_volume(tmp_path / "small")
    larger = classic_volume(tmp_path / "large", shape=(5, 16, 24))
    findings = mask_findings(larger, lopsided((5, 16, 24)))
    seg, _ = _results(larger, findings)

    with pytest.raises(ResultMismatch, match=r"matrix of \(16, 24\)"):
        verify_seg(seg.data, volume, mask_findings(volume, lopsided()).mask)  # type: ignore[arg-type]


def test_the_message_counts_the_wrong_voxels(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    seg, _ = _results(volume, findings)

    assert findings.mask is not None
    with pytest.raises(ResultMismatch, match=f"in 1 of {5 * 12 * 16} voxels"):
        verify_seg(_with(_redrawn(_one_voxel_more), seg.data), volume, findings.mask)
