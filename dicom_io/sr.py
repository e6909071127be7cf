"""Findings -> Structured Report after TID 1500, readable as text; negative findings too (PS3.16)."""

from collections.abc import Iterator
from typing import Any, TypeVar

import highdicom as hd
from highdicom import sr
from highdicom.sr.utils import find_content_items
from pydicom import Dataset

from dicom_io import codes
from dicom_io.context import Context
from dicom_io.findings import Findings, Segment
from dicom_io.measure import centre_of_mass, presence_score, slices_touched, volume_cm3
from dicom_io.sources import is_multiframe

AnyGroup = sr.MeasurementsAndQualitativeEvaluations | sr.VolumetricROIMeasurementsAndQualitativeEvaluations
Group = TypeVar("Group", bound=AnyGroup)
DISCLAIMER = "Certainty is the score for presence, not calibrated. Research use only, not a medical device."


def build_report(context: Context, seg: hd.seg.Segmentation | None) -> sr.Comprehensive3DSR:
    """Build the report of an analysis; ``seg`` where the mask has voxels.

    Raises
    ------
    KeyError
        When a label has no code, or the case lacks the series of the findings.
    """
    groups: list[AnyGroup] = [_study_group(context)]
    if context.findings.present:
        groups += _class_groups(context)
    if seg is not None:
        groups += _segment_groups(context, seg)
    report = sr.MeasurementReport(
        observation_context=_observer(context),
        procedure_reported=codes.PROCEDURE,
        imaging_measurements=groups,
        title=codes.REPORT_TITLE,
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(
            sr.CodedConcept.from_code(codes.ENGLISH)
        ),
        referenced_images=_middle_images(context),
    )
    _separate(report[0])
    _name_frames(report[0], context)
    inputs = [header for source in context.sources.values() for header in source.headers]
    document = sr.Comprehensive3DSR(
        evidence=[*inputs, seg] if seg is not None else inputs,
        content=report[0],
        is_complete=True,
        **context.header("SR", "report"),
    )
    context.settle(document)
    return document


def _study_group(context: Context) -> sr.MeasurementsAndQualitativeEvaluations:
    """Say what was looked for, whether it is there, and the sentence for the reader (TID 1501)."""
    findings, sought = context.findings, codes.sought(context.findings)
    score = presence_score(findings)
    group = sr.MeasurementsAndQualitativeEvaluations(
        **_group_start(context, "study", "AI study result"),
        finding_type=sought,
        qualitative_evaluations=[
            sr.QualitativeEvaluation(codes.FINDINGS_SUMMARY, codes.SUMMARY_OF[findings.present]),
            sr.QualitativeEvaluation(sought, codes.STATE_OF[findings.present]),
        ],
        measurements=[] if score is None else [_certainty(score)],
    )
    return _commented(group, _sentence(findings))


def _class_groups(context: Context) -> Iterator[sr.MeasurementsAndQualitativeEvaluations]:
    """One group per type of tumour, the likeliest first; "no tumour" is no finding."""
    segments = {segment.label for segment in context.findings.mask.segments} if context.findings.mask else set()
    for score in sorted(context.findings.scores, key=lambda score: -score.value):
        if score.label != codes.NO_TUMOUR and score.label not in segments:
            yield sr.MeasurementsAndQualitativeEvaluations(
                **_group_start(context, score.label, f"AI tumour type: {score.label}"),
                finding_type=codes.class_code(score.label),
                measurements=[_certainty(score.value)],
            )


def _segment_groups(
    context: Context, seg: hd.seg.Segmentation
) -> Iterator[sr.VolumetricROIMeasurementsAndQualitativeEvaluations]:
    """One group per segment that has voxels, with its volume (TID 1411)."""
    assert context.findings.mask is not None
    source = sr.SourceSeriesForSegmentation(context.findings.series_instance_uid)
    for segment in context.findings.mask.segments:
        voxels = context.findings.mask.array == segment.number
        if not voxels.any():
            continue
        written = codes.segment_codes(segment.label)
        cm3 = round(volume_cm3(voxels, context.volume.geometry), 2)
        group = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            **_group_start(context, segment.label, f"AI {written.name}"),
            finding_type=written.type,
            finding_category=written.category,
            referenced_segment=sr.ReferencedSegment(
                seg.SOPClassUID, seg.SOPInstanceUID, segment.number, source_series=source
            ),
            measurements=[sr.Measurement(codes.VOLUME, cm3, codes.CUBIC_CENTIMETRE, method=codes.VOLUME_METHOD)],
        )
        yield _commented(group, _place(context, segment))


def _group_start(context: Context, key: str, name: str) -> dict[str, Any]:
    """Return what every group begins with: tracking, site and algorithm (TID 4019)."""
    algorithm = context.findings.algorithm
    return {
        "tracking_identifier": sr.TrackingIdentifier(uid=context.uid("track", key), identifier=name),
        "finding_sites": [sr.FindingSite(codes.BRAIN)],
        "algorithm_id": sr.AlgorithmIdentification(name=algorithm.name, version=algorithm.full_version),
    }


def _certainty(score: float) -> sr.Measurement:
    return sr.Measurement(codes.CERTAINTY, round(100 * score, 1), codes.PERCENT)


def _sentence(findings: Findings) -> str:
    """Return the model's own sentence, every score in words, and what kind of statement this is."""
    scores = ", ".join(f"{score.label.replace('_', ' ')} {score.value:.1%}" for score in findings.scores)
    said = f"{findings.summary.rstrip('. ')}."
    return f"{said} Scores: {scores}. {DISCLAIMER}" if scores else f"{said} {DISCLAIMER}"


def _place(context: Context, segment: Segment) -> str:
    """Where a segment lies, for a reader who leafs through the slices."""
    assert context.findings.mask is not None
    voxels = context.findings.mask.array == segment.number
    centre = centre_of_mass(voxels, context.volume.geometry)
    letters = (("R", "L"), ("A", "P"), ("I", "S"))  # of minus and plus, PS3.3 C.7.6.2.1.1
    place = ", ".join(f"{abs(mm):.0f} {pair[mm > 0]}" for mm, pair in zip(centre, letters, strict=True))
    return f"On {slices_touched(voxels)} of {len(voxels)} slices; centre of mass at {place} (mm, patient coordinates)."


def _commented(group: Group, text: str) -> Group:
    """Add a comment, which highdicom's groups have no argument for."""
    comment = sr.TextContentItem(codes.COMMENT, text, relationship_type=sr.RelationshipTypeValues.CONTAINS)
    group[0].ContentSequence.append(comment)
    return group


def _middle_images(context: Context) -> list[Dataset]:
    """Return the middle slice of every volume: one image of each series for the image library (TID 1600)."""
    return [source.headers[len(source.headers) // 2] for source in context.sources.values()]


def _name_frames(content: Dataset, context: Context) -> None:
    """Say which frame of a multi-frame image the image library describes; highdicom names the file alone."""
    frames = {
        volume.sources[len(volume.sources) // 2].sop_instance_uid: volume.sources[len(volume.sources) // 2].frame
        for volume in context.case.volumes.values()
        if is_multiframe(context.sources[volume.header.series_instance_uid].headers[0])
    }
    for item in find_content_items(content, value_type=sr.ValueTypeValues.IMAGE, recursive=True):
        reference = item.ReferencedSOPSequence[0]
        if reference.ReferencedSOPInstanceUID in frames:
            reference.ReferencedFrameNumber = frames[reference.ReferencedSOPInstanceUID] + 1


def _separate(item: Dataset) -> None:
    """Let viewers print each value with its name: OHIF and Weasis run CONTINUOUS ones together."""
    if item.ValueType == "CONTAINER":
        item.ContinuityOfContent = "SEPARATE"
    for child in item.get("ContentSequence", []):
        _separate(child)


def _observer(context: Context) -> sr.ObservationContext:
    """Name the device that observed: this installation with this build (TID 1004)."""
    algorithm, equipment = context.findings.algorithm, context.equipment
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=equipment.device_uid(algorithm),
        name=algorithm.name,
        manufacturer_name=equipment.manufacturer,
        model_name=algorithm.name,
        serial_number=equipment.serial,
    )
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(sr.CodedConcept.from_code(codes.DEVICE), device)
    )
