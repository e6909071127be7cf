"""Findings -> encoded DICOM results, each decoded again and compared before it may leave."""

from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from pydicom import Dataset

from dicom_io.case import Case
from dicom_io.context import Context
from dicom_io.equipment import Equipment
from dicom_io.findings import Findings
from dicom_io.seg import build_seg
from dicom_io.sources import read_sources
from dicom_io.sr import build_report
from dicom_io.verify import verify_seg, verify_sr


@dataclass(frozen=True, slots=True)
class EncodedResult:
    """A DICOM object as it leaves: ``data`` is a whole Part 10 file, Explicit VR Little Endian."""

    kind: str
    """ "SEG" or "SR"."""
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    data: bytes


def encode(case: Case, findings: Findings, equipment: Equipment, created_at: datetime) -> tuple[EncodedResult, ...]:
    """Turn what a model says of a case into results: a SEG where the mask has voxels, a report always.

    The same arguments give the same bytes. Source headers are read again from the files of the volumes.

    Parameters
    ----------
    created_at
        The analysis's own time; a time without zone is taken as local.

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
    context = Context(case, findings, equipment, created_at, sources)
    seg = encoded_seg = None
    if findings.mask is not None and findings.mask.array.any():
        seg = build_seg(context, findings.mask)
        encoded_seg = _encode("SEG", seg)
        verify_seg(encoded_seg.data, context.volume, findings.mask)
    report = _encode("SR", build_report(context, seg))
    verify_sr(report.data, case, findings, encoded_seg.sop_instance_uid if encoded_seg else None)
    return (encoded_seg, report) if encoded_seg else (report,)


def _encode(kind: str, dataset: Dataset) -> EncodedResult:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return EncodedResult(
        kind, dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.SeriesInstanceUID, buffer.getvalue()
    )
