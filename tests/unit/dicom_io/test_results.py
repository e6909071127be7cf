from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from support.builders import change
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
from dicom_io.results import EncodedResult, encode
from dicom_io.volume import Geometry, Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")


def _read(result: EncodedResult) -> Dataset:
    return dcmread(BytesIO(result.data))


def test_a_mask_with_voxels_gives_a_seg_and_a_report(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    results = encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT)

    assert [r.kind for r in results] == ["SEG", "SR"]
    assert [_read(r).Modality for r in results] == ["SEG", "SR"]
    assert [r.sop_class_uid for r in results] == ["1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.34"]


def test_an_empty_mask_gives_a_report_alone(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    (report,) = encode(case_of(volume), mask_findings(volume, lopsided() * np.uint8(0)), HERE, AT)

    assert report.kind == "SR"


def test_no_mask_gives_a_report_alone(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    (report,) = encode(case_of(volume), class_findings(volume), HERE, AT)

    assert report.kind == "SR"


def test_what_is_said_of_a_result_is_what_its_bytes_say(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    for result in encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT):
        dataset = _read(result)
        assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID == result.sop_instance_uid
        assert dataset.SOPClassUID == result.sop_class_uid
        assert dataset.SeriesInstanceUID == result.series_instance_uid


@pytest.mark.parametrize("make", [classic_volume, enhanced_volume])
def test_the_same_arguments_give_the_same_bytes(tmp_path, make) -> None:
    volume = make(tmp_path)
    findings = mask_findings(volume, lopsided())

    assert encode(case_of(volume), findings, HERE, AT) == encode(case_of(volume), findings, HERE, AT)


def test_headers_follow_the_conventions_of_the_node(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    seg, report = (_read(r) for r in encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT))

    assert (seg.SeriesNumber, report.SeriesNumber) == (9001, 9002)
    assert seg.SeriesDescription == "AI SEG FLAIR abnormality [RESEARCH] segment_unet2d 0.1"
    assert report.SeriesDescription == "AI report FLAIR abnormality [RESEARCH] segment_unet2d 0.1"
    for dataset in (seg, report):
        assert (dataset.Manufacturer, dataset.ManufacturerModelName) == ("Glia", "segment_unet2d")
        assert (dataset.SoftwareVersions, dataset.DeviceSerialNumber) == ("0.1+w3f9c2a11", "0001")
        assert dataset.ContentQualification == "RESEARCH"
        assert (dataset.StudyInstanceUID, dataset.StudyDate) == (volume.header.study_instance_uid, "20260110")
        assert (dataset.PatientID, dataset.PatientName, dataset.PatientSex) == ("PHANTOM", "PHANTOM^GLIA", "O")


def test_the_node_names_itself_as_contributing_equipment(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())

    for result in encode(case_of(volume), findings, HERE, AT):
        (own,) = [i for i in _read(result).ContributingEquipmentSequence if "DeviceUID" in i]
        assert own.DeviceUID == HERE.device_uid(findings.algorithm)
        assert (own.ManufacturerModelName, own.SoftwareVersions) == ("segment_unet2d", "0.1+w3f9c2a11")
        assert own.ContributionDateTime == "20260102030405"


def test_every_time_in_a_result_is_the_time_of_the_analysis(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    for result in encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT):
        dataset = _read(result)
        for kind in ("InstanceCreation", "Content", "Series"):
            assert (dataset[f"{kind}Date"].value, dataset[f"{kind}Time"].value) == ("20260102", "030405")
        contributed = [item.ContributionDateTime for item in dataset.ContributingEquipmentSequence]
        assert contributed == ["20260110101500", "20260102030405", "20260102030405"]  # the scanner's stays


def test_a_time_with_zone_is_written_as_local_time(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    at = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)

    (report,) = encode(case_of(volume), class_findings(volume), HERE, at)

    assert _read(report).ContentTime == at.astimezone().strftime("%H%M%S")


def test_two_models_on_one_study_never_share_a_series_or_an_instance(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    newer = replace(findings, algorithm=replace(findings.algorithm, version="0.2"))
    retrained = replace(findings, algorithm=replace(findings.algorithm, weights_sha256="00" * 32))

    results = [
        result
        for one in (findings, newer, retrained, class_findings(volume))
        for result in encode(case_of(volume), one, HERE, AT)
    ]

    assert len(results) == 7
    assert len({r.series_instance_uid for r in results}) == len({r.sop_instance_uid for r in results}) == 7


def test_other_input_images_give_other_uids(tmp_path) -> None:
    flair, t1 = classic_volume(tmp_path / "flair"), classic_volume(tmp_path / "t1", sequence="t1")
    findings = class_findings(flair)

    (alone,) = encode(case_of(flair), findings, HERE, AT)
    (together,) = encode(case_of(flair, t1), findings, HERE, AT)

    assert alone.sop_instance_uid != together.sop_instance_uid


def test_an_image_replaced_under_its_uid_gives_other_uids(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    before = encode(case_of(volume), findings, HERE, AT)

    change(volume.sources[2].path, PatientID="CORRECTED")
    after = encode(case_of(volume), findings, HERE, AT)

    assert not {r.sop_instance_uid for r in before} & {r.sop_instance_uid for r in after}


def test_the_dimension_uid_is_derived_and_one(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    seg = _read(encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT)[0])

    items = [*seg.DimensionOrganizationSequence, *seg.DimensionIndexSequence]

    assert len({item.DimensionOrganizationUID for item in items}) == 1
    assert items[0].DimensionOrganizationUID.startswith("2.25.")


def test_a_long_name_is_cut_where_the_standard_wants_it(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    long = replace(findings, algorithm=replace(findings.algorithm, name="a_model_of_a_very_long_name_indeed_yes"))

    for result in encode(case_of(volume), long, HERE, AT):
        assert len(_read(result).SeriesDescription) <= 64
        assert _read(result).SeriesDescription.startswith("AI ")


def _mirrored(volume: Volume) -> Volume:
    """A volume whose geometry runs the other way than its files say."""
    geometry = volume.geometry
    x, y, z = geometry.column_step
    return Volume(
        volume.array,
        Geometry(
            geometry.origin, (-x, -y, -z), geometry.row_step, geometry.slice_step, geometry.frame_of_reference_uid
        ),
        volume.header,
        volume.sources,
    )


def test_a_volume_that_is_not_where_its_files_are_gets_no_seg(tmp_path) -> None:
    volume = _mirrored(classic_volume(tmp_path))

    with pytest.raises(ResultMismatch, match="orientation"):
        encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT)


def test_slices_in_another_order_than_their_files_get_no_seg(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    shuffled = Volume(volume.array, volume.geometry, volume.header, volume.sources[::-1])

    with pytest.raises(ResultMismatch, match="names slice"):
        encode(case_of(shuffled), mask_findings(shuffled, lopsided()), HERE, AT)


def test_findings_on_a_series_that_the_case_lacks_are_refused(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    stray = replace(class_findings(volume), series_instance_uid="1.2.3")

    with pytest.raises(KeyError, match=r"1\.2\.3"):
        encode(case_of(volume), stray, HERE, AT)


def test_a_mask_on_the_grid_of_another_series_gets_no_seg(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    assert findings.mask is not None
    stray = replace(findings, mask=replace(findings.mask, series_instance_uid="1.2.3"))

    with pytest.raises(ResultMismatch, match="grid of series"):
        encode(case_of(volume), stray, HERE, AT)


def test_a_series_of_several_multiframe_files_is_one_source(tmp_path) -> None:
    lower, upper = enhanced_volume(tmp_path / "lower"), enhanced_volume(tmp_path / "upper")
    for source in upper.sources[:1]:
        change(source.path, SOPInstanceUID="1.2.3.4")
    other = [replace(source, sop_instance_uid="1.2.3.4") for source in upper.sources]
    volume = Volume(lower.array, lower.geometry, lower.header, (*lower.sources[:3], *other[3:]))

    seg, _ = encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT)

    (series,) = _read(seg).ReferencedSeriesSequence
    assert len(series.ReferencedInstanceSequence) == 2
