"""Reports decoded from their own bytes and compared with what they were made of, before they may leave.

Nothing here comes from the code that builds reports.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code
from pydicom.uid import Comprehensive3DSRStorage, ComprehensiveSRStorage

from dicom_io import codes
from dicom_io.character_set import writable
from dicom_io.context import Context
from dicom_io.errors import ResultMismatch
from dicom_io.failure import Failure, Remains
from dicom_io.findings import Findings, Mask
from dicom_io.measure import measures, presence_score
from dicom_io.profile import Profile

CLASS_OF = {"comprehensive 3d": Comprehensive3DSRStorage, "comprehensive": ComprehensiveSRStorage}
RESEARCH_ONLY = "Research use only"


def verify_sr(encoded: bytes, context: Context, seg_uid: str | None, drawn: Mask | None) -> None:
    """Check that a report says what the findings say and refers to the case's images and the SEG alone.

    Parameters
    ----------
    seg_uid
        SOP Instance UID of the SEG that is sent with it, if there is one.
    drawn
        The mask as the SEG's own bytes hold it, or the model's where no SEG is sent: numbers are taken of it again.

    Raises
    ------
    dicom_io.errors.ResultMismatch
        When it does not; the message says what was written and what was meant.
    """
    report, findings = dcmread(BytesIO(encoded)), context.findings
    _expect("its class", report.SOPClassUID, CLASS_OF[context.profile.sr_class])
    inputs = {source.sop_instance_uid for volume in context.case.volumes.values() for source in volume.sources}
    _check_evidence(report, inputs | ({seg_uid} if seg_uid else set()))
    _check_references(report, seg_uid)
    _expect("predecessors", _predecessors(report), {one.sop_instance_uid for one in context.predecessors})
    study, *others = _groups(report)
    _check_study(study, findings)
    said = (findings.summary, *context.case.notes, *findings.notes, context.without_seg)
    _check_comment(study, *map(context.text, said))
    segments = [group for group in others if _values(group, codes.VOLUME)]
    classes = [group for group in others if group not in segments]
    _expect("class scores", _rows(classes, codes.FINDING, codes.CERTAINTY), _meant_classes(findings))
    meant = _meant_segments(context, drawn, numbered=seg_uid is not None)
    names = (codes.FINDING, codes.REFERENCED_SEGMENT, codes.VOLUME, codes.LONG_AXIS, codes.SHORT_AXIS)
    _expect("segments", _rows(segments, *names), meant)


def verify_failure(encoded: bytes, remains: Remains, failure: Failure, profile: Profile) -> None:
    """Check that the report of a failed analysis says that it failed, why, and on which images.

    Raises
    ------
    dicom_io.errors.ResultMismatch
        When it does not.
    """
    report = dcmread(BytesIO(encoded))
    _expect("its class", report.SOPClassUID, CLASS_OF[profile.sr_class])
    _check_evidence(report, {str(header.SOPInstanceUID) for header in remains.headers})
    _check_references(report, None)
    (group,) = _groups(report)
    _expect("summary", _values(group, codes.FINDINGS_SUMMARY), [codes.UNSUCCESSFUL])
    _expect("presence", _values(group, codes.NEOPLASM), [codes.UNDETERMINED])
    _expect("certainty", _values(group, codes.CERTAINTY), [])
    _expect("reason", _values(group, codes.QUALITY_FINDING), [c for k, c in codes.REASONS.items() if k == failure.kind])
    _check_comment(group, writable(failure.sentence, report.get("SpecificCharacterSet")))


def _check_evidence(report: Dataset, meant: set[str]) -> None:
    """Check that the evidence is every input image and the SEG."""
    evidence = set(_evidence(report))
    if evidence != meant:
        raise ResultMismatch(f"evidence lacks {len(meant - evidence)} objects, {len(evidence - meant)} are foreign")


def _check_references(report: Dataset, seg_uid: str | None) -> None:
    """Check that all that the text points at is evidence, and segments are the SEG's."""
    evidence = set(_evidence(report))
    for item in _tree(report):
        for reference in item.get("ReferencedSOPSequence", []):
            if reference.ReferencedSOPInstanceUID not in evidence:
                raise ResultMismatch(f"report points at {reference.ReferencedSOPInstanceUID}, no evidence of it")
            if "ReferencedSegmentNumber" in reference and reference.ReferencedSOPInstanceUID != seg_uid:
                raise ResultMismatch("report points at a segment of another object than its SEG")


def _check_study(group: Dataset, findings: Findings) -> None:
    """Check the first group: whether it is there, and how surely."""
    sought = codes.sought(findings)
    _expect("finding", _values(group, codes.FINDING), [sought])
    _expect("summary", _values(group, codes.FINDINGS_SUMMARY), [codes.summary(findings)])
    states = [] if codes.asks_of_glioma(findings) else [codes.STATE_OF[findings.present]]
    _expect("presence", _values(group, sought), states)
    presence = presence_score(findings)
    meant = [] if presence is None else [(round(100 * presence, 1), "%")]
    _expect("certainty", _values(group, codes.CERTAINTY), meant)


def _check_comment(group: Dataset, *sentences: str) -> None:
    """Check that every sentence is there, and what kind of statement this is."""
    comment = " ".join(_values(group, codes.COMMENT))
    for sentence in (*sentences, RESEARCH_ONLY):
        if sentence.rstrip(". ") not in comment:
            raise ResultMismatch(f"the comment of the report lacks its sentence {sentence!r}: {comment!r}")


def _meant_classes(findings: Findings) -> list[list[list[object]]]:
    """Return finding and certainty of every class, the likeliest first, where something was found."""
    found = findings.present or (findings.present is None and codes.asks_of_glioma(findings))
    scores = sorted(findings.scores, key=lambda score: -score.value) if found else []
    return [
        [[codes.CLASSES[score.label]], [(round(100 * score.value, 1), "%")]]
        for score in scores
        if score.label in codes.CLASSES and score.label not in codes.TUMOUR
    ]


def _meant_segments(context: Context, drawn: Mask | None, *, numbered: bool) -> list[list[list[object]]]:
    """Return type, number, cm3 and diameters in mm of every segment that has voxels."""
    return [
        [
            [codes.SEGMENTS[one.label].type],
            [one.number] if numbered else [],
            [(round(one.volume_cm3, 2), "cm3")],
            [(round(one.diameters.long_mm, 1), "mm")],
            [(round(one.diameters.short_mm, 1), "mm")],
        ]
        for one in (measures(drawn, context.volume.geometry) if drawn else ())
    ]


def _expect(what: str, written: object, meant: object) -> None:
    if written != meant:
        raise ResultMismatch(f"report says {what} {written}, the findings {meant}")


def _evidence(report: Dataset) -> Iterator[str]:
    """Yield the SOP Instance UID of every object that the report was made of."""
    for study in report.CurrentRequestedProcedureEvidenceSequence:
        for series in study.ReferencedSeriesSequence:
            yield from (str(image.ReferencedSOPInstanceUID) for image in series.ReferencedSOPSequence)


def _predecessors(report: Dataset) -> set[str]:
    return {
        str(document.ReferencedSOPInstanceUID)
        for study in report.get("PredecessorDocumentsSequence", [])
        for series in study.ReferencedSeriesSequence
        for document in series.ReferencedSOPSequence
    }


def _groups(report: Dataset) -> list[Dataset]:
    return [item for item in _tree(report) if _concept(item) == codes.MEASUREMENT_GROUP]


def _tree(item: Dataset) -> Iterator[Dataset]:
    """Yield every content item below an item, in reading order."""
    for child in item.get("ContentSequence", []):
        yield child
        yield from _tree(child)


def _rows(groups: list[Dataset], *names: Code) -> list[list[list[object]]]:
    """Return for each group the values of its items of these names."""
    return [[_values(group, name) for name in names] for group in groups]


def _values(group: Dataset, name: Code) -> list[Any]:
    """Return the values of a group's own items of this name."""
    return [_value(item) for item in group.ContentSequence if _concept(item) == name]


def _value(item: Dataset) -> object:
    match item.ValueType:
        case "CODE":
            return _code(item.ConceptCodeSequence[0])
        case "NUM":
            measured = item.MeasuredValueSequence[0]
            return float(measured.NumericValue), measured.MeasurementUnitsCodeSequence[0].CodeValue
        case "IMAGE":
            return int(item.ReferencedSOPSequence[0].ReferencedSegmentNumber)
        case _:
            return str(item.get("TextValue", ""))


def _concept(item: Dataset) -> Code | None:
    return _code(item.ConceptNameCodeSequence[0]) if "ConceptNameCodeSequence" in item else None


def _code(item: Dataset) -> Code:
    return Code(item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning)
