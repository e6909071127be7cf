"""Findings -> Structured Report after TID 1500, readable as text; negative findings too (PS3.16)."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import highdicom as hd
from highdicom import sr
from highdicom.sr.utils import find_content_items
from pydicom import Dataset

from dicom_io import codes, wording
from dicom_io.context import Context, Signature
from dicom_io.findings import Findings
from dicom_io.measure import SegmentMeasures, measures, presence_score
from dicom_io.profile import Profile
from dicom_io.sources import is_multiframe

AnyGroup = sr.MeasurementsAndQualitativeEvaluations | sr.VolumetricROIMeasurementsAndQualitativeEvaluations
Group = TypeVar("Group", bound=AnyGroup)
AnyReport = sr.Comprehensive3DSR | sr.ComprehensiveSR
CLASSES = {"comprehensive 3d": sr.Comprehensive3DSR, "comprehensive": sr.ComprehensiveSR}
DISCLAIMER = "Certainty is the model's own score. Research use only, not a medical device."


def build_report(context: Context, seg: hd.seg.Segmentation | None) -> AnyReport:
    """Build the report of an analysis; ``seg`` where one is sent, which the report then refers to.

    Raises
    ------
    KeyError
        When a label has no code, or the case lacks the series of the findings.
    """
    groups: list[AnyGroup] = [_study_group(context), *_class_groups(context), *_segment_groups(context, seg)]
    tree = content(context.signature, groups, _middle_images(context))
    _name_frames(tree, context)
    inputs = [header for source in context.sources.values() for header in source.headers]
    evidence = [*inputs, seg] if seg is not None else inputs
    report = document(context.profile, evidence, tree, context.header("SR", "report"))
    _name_predecessors(report, context)
    context.settle(report)
    return report


def content(signature: Signature, groups: Iterable[AnyGroup], library: list[Dataset]) -> Dataset:
    """Return the content of a report: who observed what of which images (TID 1500)."""
    report = sr.MeasurementReport(
        observation_context=_observer(signature),
        procedure_reported=codes.PROCEDURE,
        imaging_measurements=list(groups),
        title=codes.REPORT_TITLE,
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(
            sr.CodedConcept.from_code(codes.ENGLISH)
        ),
        referenced_images=library,
    )
    _separate(report[0])
    return report[0]


def document(profile: Profile, evidence: list[Dataset], tree: Dataset, header: dict[str, Any]) -> AnyReport:
    """Return content as a document of the class that a destination takes."""
    report: AnyReport = CLASSES[profile.sr_class](evidence=evidence, content=tree, is_complete=True, **header)
    return report


def group_start(signature: Signature, uid: str, name: str) -> dict[str, Any]:
    """Return what every group begins with: tracking, site and algorithm (TID 4019)."""
    algorithm = signature.algorithm
    return {
        "tracking_identifier": sr.TrackingIdentifier(uid=uid, identifier=name),
        "finding_sites": [sr.FindingSite(codes.BRAIN)],
        "algorithm_id": sr.AlgorithmIdentification(name=algorithm.name, version=algorithm.full_version),
    }


def commented(group: Group, *texts: str) -> Group:
    """Add comments, which highdicom's groups have no argument for."""
    for text in texts:
        item = sr.TextContentItem(codes.COMMENT, text, relationship_type=sr.RelationshipTypeValues.CONTAINS)
        group[0].ContentSequence.append(item)
    return group


def _study_group(context: Context) -> sr.MeasurementsAndQualitativeEvaluations:
    """Say what was looked for, whether it is there, and the sentences for the reader (TID 1501)."""
    findings, sought = context.findings, codes.sought(context.findings)
    score = presence_score(findings)
    states = [] if codes.asks_of_glioma(findings) else [(sought, codes.STATE_OF[findings.present])]
    group = sr.MeasurementsAndQualitativeEvaluations(
        **group_start(context.signature, context.uid("track", "study"), "AI study result"),
        finding_type=sought,
        qualitative_evaluations=[
            sr.QualitativeEvaluation(name, value)
            for name, value in ((codes.FINDINGS_SUMMARY, codes.summary(findings)), *states)
        ],
        measurements=[] if score is None else [_certainty(score)],
    )
    notes = [f"Note: {note.rstrip('. ')}." for note in (*context.case.notes, *findings.notes)]
    sentences = [_sentence(findings), *notes, wording.explanation(context), context.without_seg, DISCLAIMER]
    return commented(group, *(context.text(sentence) for sentence in sentences if sentence))


def _class_groups(context: Context) -> Iterator[sr.MeasurementsAndQualitativeEvaluations]:
    """One group per class, the likeliest first; the score of what was sought stands in the first group already."""
    findings = context.findings
    if not (findings.present or codes.summary(findings) == codes.WITH_FINDINGS):
        return
    asked = codes.question(findings)
    segments = {segment.label for segment in findings.mask.segments} if findings.mask else set()
    for score in sorted(findings.scores, key=lambda score: -score.value):
        if score.label in segments or score.label in (codes.NO_TUMOUR, *codes.TUMOUR):
            continue
        finding = codes.class_code(score.label)
        yield sr.MeasurementsAndQualitativeEvaluations(
            **group_start(context.signature, context.uid("track", score.label), f"AI {asked}: {finding.meaning}"),
            finding_type=finding,
            measurements=[_certainty(score.value)],
        )


def _segment_groups(context: Context, seg: hd.seg.Segmentation | None) -> Iterator[AnyGroup]:
    """One group per segment that has voxels, with its volume and diameters (TID 1411, or TID 1501 without a SEG)."""
    mask = context.findings.mask
    for one in measures(mask, context.volume.geometry) if mask else ():
        written = codes.segment_codes(one.label)
        start = {
            **group_start(context.signature, context.track(one.number, one.label), f"AI {written.name}"),
            "finding_type": written.type,
            "finding_category": written.category,
            "measurements": list(_numbers(one)),
        }
        group: AnyGroup
        if seg is None:
            group = sr.MeasurementsAndQualitativeEvaluations(**start)
        else:
            source = sr.SourceSeriesForSegmentation(context.findings.series_instance_uid)
            segment = sr.ReferencedSegment(seg.SOPClassUID, seg.SOPInstanceUID, one.number, source_series=source)
            group = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=segment, **start)
        yield commented(group, context.text(_place(context, one)))


def _numbers(one: SegmentMeasures) -> Iterator[sr.Measurement]:
    """Measure a segment: volume, longest diameter in plane and the longest one across it."""
    yield sr.Measurement(codes.VOLUME, round(one.volume_cm3, 2), codes.CUBIC_CENTIMETRE, method=codes.VOLUME_METHOD)
    yield sr.Measurement(codes.LONG_AXIS, round(one.diameters.long_mm, 1), codes.MILLIMETRE)
    yield sr.Measurement(codes.SHORT_AXIS, round(one.diameters.short_mm, 1), codes.MILLIMETRE)


def _certainty(score: float) -> sr.Measurement:
    return sr.Measurement(codes.CERTAINTY, round(100 * score, 1), codes.PERCENT)


def _sentence(findings: Findings) -> str:
    """Return the model's own sentence and every score in words."""
    scores = ", ".join(f"{score.label.replace('_', ' ')} {score.value:.1%}" for score in findings.scores)
    said = f"{findings.summary.rstrip('. ')}."
    return f"{said} Scores: {scores}." if scores else said


def _place(context: Context, one: SegmentMeasures) -> str:
    """Where a segment lies, for a reader who leafs through the slices."""
    (longest,) = wording.captions(context, [one.diameters.slice])
    slices = f"On {one.slices} of {len(context.volume.array)} slices"
    return f"{slices}; axes on {longest}. Centre of mass: {wording.centre(one)} (patient coordinates)."


def _middle_images(context: Context) -> list[Dataset]:
    """Return the middle slice of every volume: one image of each series for the image library (TID 1600)."""
    return [source.headers[len(source.headers) // 2] for source in context.sources.values()]


def _name_frames(tree: Dataset, context: Context) -> None:
    """Say which frame of a multi-frame image the image library describes; highdicom names the file alone."""
    frames = {
        volume.sources[len(volume.sources) // 2].sop_instance_uid: volume.sources[len(volume.sources) // 2].frame
        for volume in context.case.volumes.values()
        if is_multiframe(context.sources[volume.header.series_instance_uid].headers[0])
    }
    for item in find_content_items(tree, value_type=sr.ValueTypeValues.IMAGE, recursive=True):
        reference = item.ReferencedSOPSequence[0]
        if reference.ReferencedSOPInstanceUID in frames:
            reference.ReferencedFrameNumber = frames[reference.ReferencedSOPInstanceUID] + 1


def _name_predecessors(report: Dataset, context: Context) -> None:
    """Name the documents that this one replaces, by study and series (PS3.3 C.17.2)."""
    series: dict[tuple[str, str], list[Dataset]] = {}
    for one in context.predecessors:
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = one.sop_class_uid, one.sop_instance_uid
        series.setdefault((one.study_instance_uid, one.series_instance_uid), []).append(reference)
    studies: dict[str, Dataset] = {}
    for (study_uid, series_uid), references in series.items():
        item = Dataset()
        item.SeriesInstanceUID, item.ReferencedSOPSequence = series_uid, references
        study = studies.setdefault(study_uid, Dataset())
        study.StudyInstanceUID = study_uid
        study.ReferencedSeriesSequence = [*study.get("ReferencedSeriesSequence", []), item]
    if studies:
        report.PredecessorDocumentsSequence = list(studies.values())


def _separate(item: Dataset) -> None:
    """Let viewers print each value with its name: OHIF and Weasis run CONTINUOUS ones together."""
    if item.ValueType == "CONTAINER":
        item.ContinuityOfContent = "SEPARATE"
    for child in item.get("ContentSequence", []):
        _separate(child)


def _observer(signature: Signature) -> sr.ObservationContext:
    """Name the device that observed: this installation with this build (TID 1004)."""
    algorithm, equipment = signature.algorithm, signature.equipment
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
