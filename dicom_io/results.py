"""Findings -> encoded DICOM results, each decoded again and compared before it may leave."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from pydicom import Dataset

from dicom_io.case import Case
from dicom_io.context import Context, Predecessor, Signature
from dicom_io.equipment import Equipment
from dicom_io.failure import Failure, build_failure, read_remains
from dicom_io.findings import Algorithm, Findings
from dicom_io.key_image import build_key_image, verify_key_image
from dicom_io.measurements import are_drawn_right, build_measurements
from dicom_io.pdf import build_pdf, verify_pdf
from dicom_io.profile import DEFAULT, KINDS, Profile
from dicom_io.seg import build_seg
from dicom_io.sources import read_sources
from dicom_io.sr import build_report
from dicom_io.stretch import InstanceFile
from dicom_io.verify_measurements import verify_measurements
from dicom_io.verify_seg import verify_seg
from dicom_io.verify_sr import verify_failure, verify_sr

__all__ = ["EncodedResult", "Failure", "Predecessor", "encode", "encode_failure"]

STRUCTURED_REPORTS = "1.2.840.10008.5.1.4.1.1.88."


@dataclass(frozen=True, slots=True)
class EncodedResult:
    """A DICOM object as it leaves: ``data`` is a whole Part 10 file, Explicit VR Little Endian."""

    kind: str
    """Of ``profile.KINDS``."""
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    data: bytes


def encode(
    case: Case,
    findings: Findings,
    equipment: Equipment,
    created_at: datetime,
    profile: Profile = DEFAULT,
    predecessors: Sequence[Predecessor] = (),
) -> tuple[EncodedResult, ...]:
    """Turn what a model says of a case into the results that a profile asks for, in the order of KINDS.

    SEG and measurements are only made of a mask that has voxels. The same arguments give the same bytes; results
    that differ between profiles differ in their UIDs. Source headers are read again from the files of the volumes.

    Parameters
    ----------
    created_at
        The analysis's own time; a time without zone is taken as local.
    predecessors
        Results of an older analysis that this one replaces; the report names the reports among them.

    Raises
    ------
    OSError
        When a source file is gone.
    KeyError
        When a label has no code, or the case lacks the series of the findings.
    dicom_io.errors.ResultMismatch
        When a result, decoded from its own bytes, differs from the findings.
    """
    sources = {v.header.series_instance_uid: read_sources(v) for v in case.volumes.values()}
    reports = tuple(one for one in predecessors if one.sop_class_uid.startswith(STRUCTURED_REPORTS))
    context = Context(case, findings, equipment, created_at, sources, profile, reports)
    results = {result.kind: result for result in _encoded(context)}
    return tuple(results[kind] for kind in KINDS if kind in results)


def encode_failure(
    paths: Sequence[InstanceFile],
    reason: str | Failure,
    algorithm: Algorithm,
    equipment: Equipment,
    created_at: datetime,
    profile: Profile = DEFAULT,
) -> tuple[EncodedResult, ...]:
    """Turn the failure of an analysis into a report, if the profile has reports and one file can be read.

    The same arguments give the same bytes, and another reason another report.

    Parameters
    ----------
    reason
        A sentence, with the numbers behind it; or a Failure, which also tells a code and whether it was begun.

    Raises
    ------
    OSError
        When a file is gone.
    dicom_io.errors.ResultMismatch
        When the report, decoded from its own bytes, says something else.
    """
    remains, failure = read_remains(paths), Failure(reason) if isinstance(reason, str) else reason
    if "SR" not in profile.objects or not remains.headers:
        return ()
    report = _encode("SR", build_failure(remains, failure, Signature(algorithm, equipment, created_at), profile))
    verify_failure(report.data, remains, failure, profile)
    return (report,)


def _encoded(context: Context) -> Iterator[EncodedResult]:
    """Yield the results of an analysis, each verified; numbers are taken again of what the SEG's own bytes hold."""
    wanted, drawn, seg, seg_uid = context.profile.objects, context.findings.mask, None, None
    if drawn is not None and context.has_seg:
        seg = build_seg(context, drawn)
        encoded = _encode("SEG", seg)
        seg_uid, drawn = encoded.sop_instance_uid, verify_seg(encoded.data, context.volume, drawn)
        yield encoded
    if "SR" in wanted:
        report = _encode("SR", build_report(context, seg))
        verify_sr(report.data, context, seg_uid, drawn)
        yield report
    drawable = "MEASUREMENTS" in wanted and are_drawn_right(context.volume.geometry)
    if drawable and drawn is not None and (built := build_measurements(context, seg)) is not None:
        measurements = _encode("MEASUREMENTS", built)
        verify_measurements(measurements.data, context, seg_uid, drawn)
        yield measurements
    if "KEY IMAGE" in wanted:
        key_image = _encode("KEY IMAGE", build_key_image(context))
        verify_key_image(key_image.data, context)
        yield key_image
    if "PDF" in wanted:
        document = _encode("PDF", build_pdf(context))
        verify_pdf(document.data, context)
        yield document


def _encode(kind: str, dataset: Dataset) -> EncodedResult:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return EncodedResult(
        kind, dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.SeriesInstanceUID, buffer.getvalue()
    )
