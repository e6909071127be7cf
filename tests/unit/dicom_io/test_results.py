import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from support.builders import change
from support.dcmtk import validate
from support.require import REPOSITORY
from support.source_series import (
    SQUARE,
    case_of,
    class_findings,
    classic_volume,
    enhanced_volume,
    lopsided,
    mask_findings,
)

from dicom_io.codes import SUBTYPES
from dicom_io.equipment import Equipment
from dicom_io.errors import ResultMismatch
from dicom_io.findings import Mask, Score, Segment
from dicom_io.profile import KINDS, Profile
from dicom_io.results import EncodedResult, Predecessor, encode
from dicom_io.volume import Geometry, Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")
SEG_AND_REPORT = Profile(objects=("SEG", "SR"))


def _read(result: EncodedResult) -> Dataset:
    return dcmread(BytesIO(result.data))


def test_a_mask_with_voxels_gives_a_seg_and_a_report(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    results = encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT, SEG_AND_REPORT)

    assert [r.kind for r in results] == ["SEG", "SR"]
    assert [_read(r).Modality for r in results] == ["SEG", "SR"]
    assert [r.sop_class_uid for r in results] == ["1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.34"]


def test_an_empty_mask_gives_a_report_alone(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    (report,) = encode(case_of(volume), mask_findings(volume, lopsided() * np.uint8(0)), HERE, AT, SEG_AND_REPORT)

    assert report.kind == "SR"


def test_no_mask_gives_a_report_alone(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    (report,) = encode(case_of(volume), class_findings(volume), HERE, AT, SEG_AND_REPORT)

    assert report.kind == "SR"


def test_what_is_said_of_a_result_is_what_its_bytes_say(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    for result in encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT, SEG_AND_REPORT):
        dataset = _read(result)
        assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID == result.sop_instance_uid
        assert dataset.SOPClassUID == result.sop_class_uid
        assert dataset.SeriesInstanceUID == result.series_instance_uid


@pytest.mark.parametrize("make", [classic_volume, enhanced_volume])
def test_the_same_arguments_give_the_same_bytes(tmp_path, make) -> None:
    volume = make(tmp_path)
    findings = mask_findings(volume, lopsided())

    assert encode(case_of(volume), findings, HERE, AT, SEG_AND_REPORT) == encode(
        case_of(volume), findings, HERE, AT, SEG_AND_REPORT
    )


def test_headers_follow_the_conventions_of_the_node(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    seg, report = (
        _read(r) for r in encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT, SEG_AND_REPORT)
    )

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

    for result in encode(case_of(volume), findings, HERE, AT, SEG_AND_REPORT):
        (own,) = [i for i in _read(result).ContributingEquipmentSequence if "DeviceUID" in i]
        assert own.DeviceUID == HERE.device_uid(findings.algorithm)
        assert (own.ManufacturerModelName, own.SoftwareVersions) == ("segment_unet2d", "0.1+w3f9c2a11")
        assert own.ContributionDateTime == "20260102030405"


def test_every_time_in_a_result_is_the_time_of_the_analysis(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    for result in encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT, SEG_AND_REPORT):
        dataset = _read(result)
        for kind in ("InstanceCreation", "Content", "Series"):
            assert (dataset[f"{kind}Date"].value, dataset[f"{kind}Time"].value) == ("20260102", "030405")
        contributed = [item.ContributionDateTime for item in dataset.ContributingEquipmentSequence]
        assert contributed == ["20260110101500", "20260102030405", "20260102030405"]  # the scanner's stays


def test_a_time_with_zone_is_written_as_local_time(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    at = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)

    (report,) = encode(case_of(volume), class_findings(volume), HERE, at, SEG_AND_REPORT)

    assert _read(report).ContentTime == at.astimezone().strftime("%H%M%S")


def test_two_models_on_one_study_never_share_a_series_or_an_instance(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    newer = replace(findings, algorithm=replace(findings.algorithm, version="0.2"))
    retrained = replace(findings, algorithm=replace(findings.algorithm, weights_sha256="00" * 32))

    results = [
        result
        for one in (findings, newer, retrained, class_findings(volume))
        for result in encode(case_of(volume), one, HERE, AT, SEG_AND_REPORT)
    ]

    assert len(results) == 7
    assert len({r.series_instance_uid for r in results}) == len({r.sop_instance_uid for r in results}) == 7


def test_other_input_images_give_other_uids(tmp_path) -> None:
    flair, t1 = classic_volume(tmp_path / "flair"), classic_volume(tmp_path / "t1", sequence="t1")
    findings = class_findings(flair)

    (alone,) = encode(case_of(flair), findings, HERE, AT, SEG_AND_REPORT)
    (together,) = encode(case_of(flair, t1), findings, HERE, AT, SEG_AND_REPORT)

    assert alone.sop_instance_uid != together.sop_instance_uid


def test_an_image_replaced_under_its_uid_gives_other_uids(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    before = encode(case_of(volume), findings, HERE, AT, SEG_AND_REPORT)

    change(volume.sources[2].path, PatientID="CORRECTED")
    after = encode(case_of(volume), findings, HERE, AT, SEG_AND_REPORT)

    assert not {r.sop_instance_uid for r in before} & {r.sop_instance_uid for r in after}


def test_the_dimension_uid_is_derived_and_one(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    seg = _read(encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT, SEG_AND_REPORT)[0])

    items = [*seg.DimensionOrganizationSequence, *seg.DimensionIndexSequence]

    assert len({item.DimensionOrganizationUID for item in items}) == 1
    assert items[0].DimensionOrganizationUID.startswith("2.25.")


def test_a_long_name_is_cut_where_the_standard_wants_it(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    long = replace(findings, algorithm=replace(findings.algorithm, name="a_model_of_a_very_long_name_indeed_yes"))

    for result in encode(case_of(volume), long, HERE, AT, SEG_AND_REPORT):
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
        encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT, SEG_AND_REPORT)


def test_slices_in_another_order_than_their_files_get_no_seg(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    shuffled = Volume(volume.array, volume.geometry, volume.header, volume.sources[::-1])

    with pytest.raises(ResultMismatch, match="names slice"):
        encode(case_of(shuffled), mask_findings(shuffled, lopsided()), HERE, AT, SEG_AND_REPORT)


def test_findings_on_a_series_that_the_case_lacks_are_refused(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    stray = replace(class_findings(volume), series_instance_uid="1.2.3")

    with pytest.raises(KeyError, match=r"1\.2\.3"):
        encode(case_of(volume), stray, HERE, AT, SEG_AND_REPORT)


def test_a_mask_on_the_grid_of_another_series_gets_no_seg(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    assert findings.mask is not None
    stray = replace(findings, mask=replace(findings.mask, series_instance_uid="1.2.3"))

    with pytest.raises(ResultMismatch, match="grid of series"):
        encode(case_of(volume), stray, HERE, AT, SEG_AND_REPORT)


def test_a_series_of_several_multiframe_files_is_one_source(tmp_path) -> None:
    lower, upper = enhanced_volume(tmp_path / "lower"), enhanced_volume(tmp_path / "upper")
    for source in upper.sources[:1]:
        change(source.path, SOPInstanceUID="1.2.3.4")
    other = [replace(source, sop_instance_uid="1.2.3.4") for source in upper.sources]
    volume = Volume(lower.array, lower.geometry, lower.header, (*lower.sources[:3], *other[3:]))

    seg, _ = encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT, SEG_AND_REPORT)

    (series,) = _read(seg).ReferencedSeriesSequence
    assert len(series.ReferencedInstanceSequence) == 2


def _all(volume: Volume, **profile: object) -> dict[str, EncodedResult]:
    """Results of a mask by a profile of every object, by kind."""
    wanted = Profile(**{"objects": KINDS, **profile})  # type: ignore[arg-type]
    return {r.kind: r for r in encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT, wanted)}


def test_a_destination_gets_the_objects_it_asks_for_in_series_of_their_own(tmp_path) -> None:
    volume = classic_volume(tmp_path, geometry=SQUARE)

    everything = _all(volume)

    assert tuple(everything) == KINDS
    assert [_read(result).SeriesNumber for result in everything.values()] == [9001, 9002, 9003, 9004, 9005]
    assert len({result.series_instance_uid for result in everything.values()}) == len(KINDS)
    for kind in KINDS:
        assert tuple(_all(volume, objects=(kind,))) == (kind,)


def test_of_pixels_that_are_not_square_no_diameters_are_sent_for_viewers_to_draw_wrong(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    assert tuple(_all(volume)) == ("SEG", "SR", "KEY IMAGE", "PDF")


@pytest.mark.parametrize("kind", KINDS)
def test_what_differs_between_profiles_differs_in_its_uid_and_nothing_else_does(tmp_path, kind: str) -> None:
    volume = classic_volume(tmp_path, geometry=SQUARE)
    profiles: list[dict[str, object]] = [
        {},
        {"seg_encoding": "binary"},
        {"seg_encoding": "fractional"},
        {"sr_class": "comprehensive"},
        {"maximum_frames": 1},
        {"maximum_frames": 2},
        {"objects": (kind,)},
    ]
    objects = tuple(dict.fromkeys(("SEG", kind)))

    made = [result for profile in profiles if (result := _all(volume, **{"objects": objects, **profile}).get(kind))]

    assert len({r.sop_instance_uid for r in made}) == len({r.series_instance_uid for r in made})
    assert len({r.sop_instance_uid for r in made}) == len({r.data for r in made})
    assert made[0].sop_instance_uid == made[1].sop_instance_uid  # binary is what auto chose


@pytest.mark.parametrize("shape", [(5, 12, 16), (5, 11, 13)], ids=["even", "odd"])
@pytest.mark.parametrize(
    "profile",
    [
        {},
        {"seg_encoding": "binary"},
        {"seg_encoding": "fractional", "sr_class": "comprehensive"},
        {"maximum_frames": 1},
    ],
    ids=["default", "binary", "fractional and comprehensive", "too many frames"],
)
def test_every_profile_makes_valid_objects(tmp_path, profile, shape) -> None:
    volume = classic_volume(tmp_path / "series", shape=shape)
    case = replace(case_of(volume), notes=("T1 left out: it has 3 slices",))
    old = [Predecessor("1.2", "1.3", "1.2.840.10008.5.1.4.1.1.88.34", "1.4")]
    wanted = Profile(**{"objects": ("SEG", "SR", "MEASUREMENTS"), **profile})

    for result in encode(case, mask_findings(volume, lopsided(shape)), HERE, AT, wanted, old):
        file = tmp_path / "result.dcm"
        file.write_bytes(result.data)
        assert validate(file).errors == (), result.kind


@pytest.mark.parametrize("labels", [("tumour", "no_tumour"), ("grade_2", "grade_3"), tuple(SUBTYPES)], ids="_".join)
def test_the_report_of_every_kind_of_findings_is_valid(tmp_path, labels: tuple[str, ...]) -> None:
    volume = classic_volume(tmp_path / "series")
    scores = tuple(Score(label, 1 / len(labels)) for label in labels)
    file = tmp_path / "report.dcm"

    for present in (True, False, None):
        findings = replace(class_findings(volume), scores=scores, present=present)
        (report,) = encode(case_of(volume), findings, HERE, AT, SEG_AND_REPORT)
        file.write_bytes(report.data)
        assert validate(file).errors == ()


def test_a_seg_of_too_many_frames_is_left_out(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    assert "SEG" in _all(volume, maximum_frames=2)
    assert "SEG" not in _all(volume, maximum_frames=1)


def test_the_segment_is_tracked_under_one_uid_whatever_the_profile(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    tracked = {
        _read(_all(volume, seg_encoding=encoding)["SEG"]).SegmentSequence[0].TrackingUID
        for encoding in ("auto", "binary", "fractional")
    }

    assert len(tracked) == 1


def test_other_notes_of_the_case_and_other_predecessors_make_another_report_of_the_same_seg(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings, case = mask_findings(volume, lopsided()), case_of(volume)
    old = Predecessor("1.2", "1.3", "1.2.840.10008.5.1.4.1.1.88.34", "1.4")

    plain = encode(case, findings, HERE, AT, SEG_AND_REPORT)
    noted = encode(replace(case, notes=("T1 left out",)), findings, HERE, AT, SEG_AND_REPORT)
    newer = encode(case, findings, HERE, AT, SEG_AND_REPORT, [old])

    assert plain[0] == noted[0] == newer[0]
    assert len({results[1].sop_instance_uid for results in (plain, noted, newer)}) == 3


def test_of_what_is_replaced_the_reports_alone_are_named(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    old = [
        Predecessor("1.2", "1.3", "1.2.840.10008.5.1.4.1.1.88.34", "1.4"),
        Predecessor("1.2", "1.5", "1.2.840.10008.5.1.4.1.1.66.4", "1.6"),
    ]

    _, report = encode(case_of(volume), mask_findings(volume, lopsided()), HERE, AT, SEG_AND_REPORT, old)

    (study,) = _read(report).PredecessorDocumentsSequence
    assert [s.SeriesInstanceUID for s in study.ReferencedSeriesSequence] == ["1.3"]


def test_a_product_shares_no_uid_with_the_research_it_was(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    cleared = replace(HERE, qualification="PRODUCT")

    before = encode(case_of(volume), findings, HERE, AT, SEG_AND_REPORT)
    after = encode(case_of(volume), findings, cleared, AT, SEG_AND_REPORT)

    assert not {r.sop_instance_uid for r in before} & {r.sop_instance_uid for r in after}


CHILD = """
import sys
from hashlib import sha256
from pathlib import Path
import test_results as t
volume = t._volume_at(Path(sys.argv[1]))
print([(k, r.sop_instance_uid, sha256(r.data).hexdigest()) for k, r in t._all(volume).items()])
"""


def _volume_at(folder: Path) -> Volume:
    return enhanced_volume(folder)


def test_another_process_at_another_time_makes_the_same_bytes(tmp_path) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests"), str(Path(__file__).parent)])
    said = []  # a process takes seconds to start: what comes from the clock differs
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed}
        said.append(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)

    assert said[0] == said[1]
    assert "PDF" in said[0]


@pytest.mark.parametrize(("asked", "written"), [("", "ISO_IR 100"), ("ISO_IR 192", "ISO_IR 192")])
def test_a_destination_gets_names_in_the_character_set_it_asks_for(tmp_path, asked: str, written: str) -> None:
    def name(header: Dataset) -> None:
        header.SpecificCharacterSet, header.PatientName = "ISO_IR 100", "Müller^Jürgen"

    volume = classic_volume(tmp_path, edit=name, geometry=SQUARE)

    made = _all(volume, character_set=asked)

    for kind, result in made.items():
        read = _read(result)
        assert read.SpecificCharacterSet == written, kind
        assert read.PatientName == "Müller^Jürgen", kind
    assert "Müller^Jürgen".encode("utf-8" if asked else "latin-1") in made["SR"].data


def test_another_character_set_makes_other_objects(tmp_path) -> None:
    def latin(header: Dataset) -> None:
        header.SpecificCharacterSet = "ISO_IR 100"

    volume = classic_volume(tmp_path, edit=latin, geometry=SQUARE)

    own, other = _all(volume), _all(volume, character_set="ISO_IR 192")

    for kind in KINDS:
        assert own[kind].sop_instance_uid != other[kind].sop_instance_uid
    report = _read(other["SR"])
    assert report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[1].ReferencedSOPSequence[
        0
    ].ReferencedSOPInstanceUID in {other["SEG"].sop_instance_uid}


def test_two_segments_of_one_label_are_tracked_apart_and_alike_in_every_object(tmp_path) -> None:
    volume = classic_volume(tmp_path, geometry=SQUARE)
    array = lopsided()
    array[3][array[3] > 0] = 2
    one = mask_findings(volume, array)
    label = one.mask.segments[0].label
    findings = replace(one, mask=Mask(array, (Segment(1, label), Segment(2, label)), one.mask.series_instance_uid))

    made = {r.kind: _read(r) for r in encode(case_of(volume), findings, HERE, AT)}

    tracked = [str(segment.TrackingUID) for segment in made["SEG"].SegmentSequence]
    assert len(set(tracked)) == 2
    for kind in ("SR", "MEASUREMENTS"):
        assert set(tracked) <= set(_uids(made[kind]))


def _uids(item: Dataset) -> list[str]:
    below = [uid for child in item.get("ContentSequence", []) for uid in _uids(child)]
    return [str(item.UID), *below] if "UID" in item else below
