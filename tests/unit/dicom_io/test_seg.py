from dataclasses import replace
from datetime import datetime
from io import BytesIO

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset
from support.source_series import (
    SCATTERED,
    case_of,
    classic_volume,
    enhanced_volume,
    lopsided,
    mask_findings,
    position,
)

from dicom_io.context import Context
from dicom_io.equipment import Equipment
from dicom_io.findings import Mask, Segment
from dicom_io.profile import Profile
from dicom_io.seg import build_seg
from dicom_io.sources import read_sources
from dicom_io.verify_seg import verify_seg
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")


def _context(volume: Volume, array: np.ndarray) -> Context:
    case = case_of(volume)
    sources = {v.header.series_instance_uid: read_sources(v) for v in case.volumes.values()}
    return Context(case, mask_findings(volume, array), HERE, AT, sources)


def _build(volume: Volume, array: np.ndarray | None = None) -> Dataset:
    context = _context(volume, lopsided(volume.array.shape) if array is None else array)
    assert context.findings.mask is not None
    return build_seg(context, context.findings.mask)


def _bytes(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _voxels_in_patient(volume: Volume, array: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple(np.round(volume.geometry.position(index), 2)) for index in np.argwhere(array)}


@pytest.mark.parametrize("make", [classic_volume, enhanced_volume])
def test_another_reader_finds_the_mask_where_it_lies_in_the_patient(tmp_path, make) -> None:
    volume = make(tmp_path)
    seg = hd.seg.segread(BytesIO(_bytes(_build(volume))))

    read = seg.get_volume(combine_segments=True)
    indices = np.argwhere(read.array)
    found = (read.affine @ np.column_stack([indices, np.ones(len(indices))]).T).T[:, :3]

    assert {tuple(p) for p in np.round(found, 2)} == _voxels_in_patient(volume, lopsided())


def test_each_frame_names_the_slice_it_lies_on(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    seg = _build(volume)

    named = [g.DerivationImageSequence[0].SourceImageSequence[0] for g in seg.PerFrameFunctionalGroupsSequence]
    assert {str(n.ReferencedSOPInstanceUID) for n in named} == {
        volume.sources[1].sop_instance_uid,
        volume.sources[3].sop_instance_uid,
    }
    assert not any("ReferencedFrameNumber" in n for n in named)
    assert {n.SpatialLocationsPreserved for n in named} == {"YES"}


def test_each_frame_names_the_frame_of_a_multiframe_source(tmp_path) -> None:
    seg = _build(enhanced_volume(tmp_path))

    for group in seg.PerFrameFunctionalGroupsSequence:
        (named,) = group.DerivationImageSequence[0].SourceImageSequence
        slice_ = SCATTERED.index(int(named.ReferencedFrameNumber) - 1)
        assert list(group.PlanePositionSequence[0].ImagePositionPatient) == position(slice_)
        assert named.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.4.1"
    assert {int(i.ReferencedFrameNumber) for i in _named(seg)} == {SCATTERED[1] + 1, SCATTERED[3] + 1}


def _named(seg: Dataset) -> list[Dataset]:
    return [g.DerivationImageSequence[0].SourceImageSequence[0] for g in seg.PerFrameFunctionalGroupsSequence]


def test_frames_of_the_source_that_are_not_in_the_volume_do_no_harm(tmp_path) -> None:
    seg = _build(enhanced_volume(tmp_path, order=(6, 2, 8, 0, 4)))

    assert {int(i.ReferencedFrameNumber) for i in _named(seg)} == {3, 1}


@pytest.mark.parametrize(("make", "images"), [(classic_volume, 5), (enhanced_volume, 1)])
def test_one_series_is_referred_to_with_each_of_its_images_once(tmp_path, make, images: int) -> None:
    volume = make(tmp_path)
    seg = _build(volume)

    (series,) = seg.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == volume.header.series_instance_uid
    assert len(series.ReferencedInstanceSequence) == len(seg.SourceImageSequence) == images


def test_a_matrix_of_whole_bytes_is_binary(tmp_path) -> None:
    seg = _build(classic_volume(tmp_path))

    assert (seg.SegmentationType, seg.BitsAllocated) == ("BINARY", 1)


@pytest.mark.parametrize("shape", [(5, 11, 13), (5, 12, 14), (5, 16, 17)])
def test_another_matrix_is_fractional_with_nothing_between_0_and_255(tmp_path, shape) -> None:
    seg = _build(classic_volume(tmp_path, shape=shape))

    assert (seg.SegmentationType, seg.SegmentationFractionalType) == ("FRACTIONAL", "OCCUPANCY")
    assert (seg.BitsAllocated, seg.MaximumFractionalValue) == (8, 255)
    assert set(np.unique(seg.pixel_array)) == {0, 255}


@pytest.mark.parametrize(
    ("encoding", "shape", "kind", "values"),
    [
        ("binary", (5, 11, 13), "BINARY", {0, 1}),
        ("binary", (5, 12, 16), "BINARY", {0, 1}),
        ("fractional", (5, 12, 16), "FRACTIONAL", {0, 255}),
        ("fractional", (5, 11, 13), "FRACTIONAL", {0, 255}),
    ],
)
def test_a_profile_has_bits_or_bytes_whatever_the_matrix(tmp_path, encoding, shape, kind, values) -> None:
    volume = classic_volume(tmp_path, shape=shape)
    context = replace(_context(volume, lopsided(shape)), profile=Profile(seg_encoding=encoding))
    assert context.findings.mask is not None

    seg = build_seg(context, context.findings.mask)

    assert seg.SegmentationType == kind
    assert set(np.unique(seg.pixel_array)) == values
    assert len(seg.PixelData) % 2 == 0


def test_an_odd_number_of_bytes_is_padded_with_a_zero(tmp_path) -> None:
    array = lopsided((5, 11, 13))
    array[3] = 0
    seg = _build(classic_volume(tmp_path, shape=(5, 11, 13)), array)

    assert len(seg.PixelData) == 11 * 13 + 1
    assert seg.PixelData[-1] == 0


def test_the_mask_itself_is_left_alone(tmp_path) -> None:
    array = lopsided((5, 11, 13))

    _build(classic_volume(tmp_path, shape=(5, 11, 13)), array)

    assert array.max() == 1


def test_empty_frames_are_left_out(tmp_path) -> None:
    assert _build(classic_volume(tmp_path)).NumberOfFrames == 2


def test_a_segment_without_voxels_is_listed_all_the_same(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    context = _context(volume, lopsided())
    both = (Segment(1, "flair_abnormality"), Segment(2, "flair_abnormality"))
    mask = Mask(lopsided(), both, volume.header.series_instance_uid)

    seg = build_seg(replace(context, findings=replace(context.findings, mask=mask)), mask)

    assert [int(s.SegmentNumber) for s in seg.SegmentSequence] == [1, 2]
    assert seg.NumberOfFrames == 2


@pytest.mark.parametrize("make", [classic_volume, enhanced_volume])
def test_segments_that_lie_on_one_slice_name_the_same_image(tmp_path, make) -> None:
    volume = make(tmp_path)
    array = lopsided()
    array[1, 7:9, 3:10] = 2
    two = (Segment(1, "flair_abnormality"), Segment(2, "flair_abnormality"))
    mask = Mask(array, two, volume.header.series_instance_uid)
    context = _context(volume, array)

    seg = build_seg(replace(context, findings=replace(context.findings, mask=mask)), mask)

    images = [group.DerivationImageSequence[0].SourceImageSequence[0] for group in seg.PerFrameFunctionalGroupsSequence]
    named = [image.ReferencedSOPInstanceUID for image in images]
    assert sorted(named) == sorted(volume.sources[slice_].sop_instance_uid for slice_ in (1, 3, 1))
    verify_seg(_bytes(seg), volume, mask)


def test_a_segment_says_what_it_is_who_drew_it_and_in_which_colour(tmp_path) -> None:
    (segment,) = _build(classic_volume(tmp_path)).SegmentSequence

    assert segment.SegmentLabel == "FLAIR abnormality"
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Lesion"
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    assert segment.SegmentAlgorithmName == "segment_unet2d"
    assert len(segment.RecommendedDisplayCIELabValue) == 3
    assert segment.TrackingUID.startswith("2.25.")


def test_building_twice_gives_the_same_bytes(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    assert _bytes(_build(volume)) == _bytes(_build(volume))


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("ISO_IR 100", "M\u00fcller^J\u00f6rg"),
        ("ISO_IR 144", "\u041b\u044e\u043a^\u0406\u0432\u0430\u043d"),
        ("ISO_IR 192", "\u5c71\u7530^\u592a\u90ce"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce"),
    ],
)
def test_the_patient_keeps_name_and_character_set(tmp_path, character_set, name: str) -> None:
    def edit(header: Dataset) -> None:
        header.SpecificCharacterSet, header.PatientName = character_set, name

    seg = hd.seg.segread(BytesIO(_bytes(_build(classic_volume(tmp_path, edit=edit)))))

    assert str(seg.PatientName) == name
    assert seg.get("SpecificCharacterSet") == character_set


def test_no_name_is_printed_however_odd_it_is(tmp_path, recwarn, caplog) -> None:
    def edit(header: Dataset) -> None:
        header.PatientName = "ONENAME"

    seg = _build(classic_volume(tmp_path, edit=edit))

    assert seg.PatientName == "ONENAME"
    assert "ONENAME" not in caplog.text + "".join(str(w.message) for w in recwarn)


def test_the_acquisition_keeps_its_place_in_the_contributing_equipment(tmp_path) -> None:
    def edit(header: Dataset) -> None:
        header.Manufacturer = "Scanner Works"

    seg = _build(classic_volume(tmp_path, edit=edit))

    assert [item.Manufacturer for item in seg.ContributingEquipmentSequence][:2] == ["Scanner Works", "Glia"]
