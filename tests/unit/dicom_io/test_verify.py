import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.pixels import pack_bits
from support.source_series import (
    case_of,
    class_findings,
    classic_volume,
    enhanced_volume,
    lopsided,
    mask_findings,
)

from dicom_io.equipment import Equipment
from dicom_io.errors import ResultMismatch
from dicom_io.findings import Findings, Mask, Score
from dicom_io.results import EncodedResult, encode
from dicom_io.verify import verify_seg, verify_sr
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")
Fault = Callable[[Dataset], None]


def _results(volume: Volume, findings: Findings) -> tuple[EncodedResult, ...]:
    return encode(case_of(volume), findings, HERE, AT)


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

    verify_seg(_with(lambda _: None, data), volume, mask)


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


def _items(item: Dataset):
    for child in item.get("ContentSequence", []):
        yield child
        yield from _items(child)


def _edit(meaning: str, change: Callable[[Dataset], None], number: int = 0) -> Fault:
    """Change one item of a report, found by its name."""

    def fault(report: Dataset) -> None:
        found = [
            i for i in _items(report) if i.get("ConceptNameCodeSequence", [Dataset()])[0].get("CodeMeaning") == meaning
        ]
        change(found[number])

    return fault


def _code(value: str) -> Callable[[Dataset], None]:
    return lambda item: setattr(item.ConceptCodeSequence[0], "CodeValue", value)


def _number(value: float) -> Callable[[Dataset], None]:
    return lambda item: setattr(item.MeasuredValueSequence[0], "NumericValue", value)


def _unit(item: Dataset) -> None:
    item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue = "mm3"


def _text(value: str) -> Callable[[Dataset], None]:
    return lambda item: setattr(item, "TextValue", value)


def _point_at(uid: str) -> Callable[[Dataset], None]:
    return lambda item: setattr(item.ReferencedSOPSequence[0], "ReferencedSOPInstanceUID", uid)


def _point_segment_at_its_source(report: Dataset) -> None:
    source = next(item for item in _items(report) if item.ValueType == "IMAGE").ReferencedSOPSequence[0]
    _edit("Referenced Segment", _point_at(source.ReferencedSOPInstanceUID))(report)


def _second_segment(item: Dataset) -> None:
    item.ReferencedSOPSequence[0].ReferencedSegmentNumber = 2


def _lose_evidence(report: Dataset) -> None:
    del report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]


def _lose_group(report: Dataset) -> None:
    del report.ContentSequence[-1].ContentSequence[-1]


MASK_REPORT_FAULTS: dict[str, tuple[str, Fault]] = {
    "absent instead of present": ("presence", _edit("Lesion", _code("272519000"))),
    "without findings": ("summary", _edit("CAD Processing and Findings Summary", _code("111241"))),
    "another finding": ("finding", _edit("Finding", _code("108369006"))),
    "another certainty": ("certainty", _edit("Certainty of Finding", _number(93.5))),
    "another volume": ("volumes", _edit("Volume", _number(93.5))),
    "another unit": ("mm3", _edit("Volume", _unit)),
    "another segment number": ("volumes", _edit("Referenced Segment", _second_segment)),
    "a segment of an input image": ("another object", _point_segment_at_its_source),
    "an image that is no evidence": ("no evidence", _edit("Source", _point_at("1.2.3"))),
    "another sentence": ("sentence", _edit("Comment", _text("All is well. Research use only."))),
    "no research notice": ("sentence", _edit("Comment", _text("FLAIR abnormality on 2 slices."))),
    "an input image missing": ("lacks 1 objects", _lose_evidence),
    "a segment missing": ("volumes", _lose_group),
}
CLASS_REPORT_FAULTS: dict[str, tuple[str, Fault]] = {
    "another type": ("class scores", _edit("Finding", _code("393564001"), 1)),
    "another score": ("class scores", _edit("Certainty of Finding", _number(68.5), 1)),
    "a type missing": ("class scores", _lose_group),
}


def _verify(volume: Volume, findings: Findings, fault: Fault) -> None:
    *seg, report = _results(volume, findings)
    verify_sr(_with(fault, report.data), case_of(volume), findings, seg[0].sop_instance_uid if seg else None)


@pytest.mark.parametrize(("reason", "fault"), MASK_REPORT_FAULTS.values(), ids=MASK_REPORT_FAULTS.keys())
def test_a_faulty_report_of_a_mask_is_caught(tmp_path, reason: str, fault: Fault) -> None:
    volume = classic_volume(tmp_path)

    with pytest.raises(ResultMismatch, match=reason):
        _verify(volume, mask_findings(volume, lopsided()), fault)


@pytest.mark.parametrize(("reason", "fault"), CLASS_REPORT_FAULTS.values(), ids=CLASS_REPORT_FAULTS.keys())
def test_a_faulty_report_of_classes_is_caught(tmp_path, reason: str, fault: Fault) -> None:
    volume = classic_volume(tmp_path)

    with pytest.raises(ResultMismatch, match=reason):
        _verify(volume, class_findings(volume), fault)


@pytest.mark.parametrize("no_tumour", [0.02, 0.9])
def test_a_faultless_report_passes(tmp_path, no_tumour: float) -> None:
    volume = classic_volume(tmp_path)

    _verify(volume, class_findings(volume, no_tumour=no_tumour), lambda _: None)
    _verify(volume, mask_findings(volume, lopsided()), lambda _: None)


def test_a_report_of_other_findings_is_caught(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    seg, report = _results(volume, findings)
    other = replace(findings, scores=(Score("flair_abnormality", 0.5),))

    with pytest.raises(ResultMismatch, match="certainty"):
        verify_sr(report.data, case_of(volume), other, seg.sop_instance_uid)
