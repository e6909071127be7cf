"""Findings -> one A4 page for a reader without a viewer (Encapsulated PDF, PS3.3 A.45.1)."""

from io import BytesIO

import highdicom as hd
from pydicom import Dataset, dcmread
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from dicom_io import codes
from dicom_io.context import Context
from dicom_io.errors import ResultMismatch
from dicom_io.page import draw_page

MIME_TYPE = "application/pdf"


def build_pdf(context: Context) -> Dataset:
    """Build the page of an analysis: whose it is, what was found, numbers, pictures, and how it came about.

    Raises
    ------
    OSError
        When a source file is gone.
    KeyError
        When a segment label has no codes, or the case lacks the series of the findings.
    """
    page = draw_page(context)
    given = context.header("PDF", "summary")
    contribution = given.pop("contributing_equipment")
    header = context.source.headers[0]
    document = hd.base.SOPClass(
        study_instance_uid=header.StudyInstanceUID,
        sop_class_uid=EncapsulatedPDFStorage,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        modality="DOC",
        **given,
    )
    document.copy_patient_and_study_information(header)
    document.ContributingEquipmentSequence = list(contribution)
    document.ConversionType = "WSD"
    document.AcquisitionDateTime = ""  # of a page: there is none
    document.BurnedInAnnotation = "YES"  # the page says whose it is
    document.SourceInstanceSequence = list(_sources(context))
    document.DocumentTitle = "AI analysis, research use only"
    document.ConceptNameCodeSequence = [hd.sr.CodedConcept.from_code(codes.REPORT_TITLE)]
    document.VerificationFlag = "UNVERIFIED"
    document.MIMETypeOfEncapsulatedDocument = MIME_TYPE
    document.EncapsulatedDocumentLength = len(page)
    document.EncapsulatedDocument = page + b"\0" * (len(page) % 2)  # PS3.5 6.2: OB is of even length
    context.settle(document)
    return document


def verify_pdf(encoded: bytes, context: Context) -> None:
    """Check that a document, decoded from its own bytes, holds the page of the findings and names its sources.

    Raises
    ------
    dicom_io.errors.ResultMismatch
        When it does not.
    """
    document = dcmread(BytesIO(encoded))
    page = document.EncapsulatedDocument[: document.EncapsulatedDocumentLength]
    if not page.startswith(b"%PDF-") or not page.rstrip().endswith(b"%%EOF"):
        raise ResultMismatch(f"the encapsulated document of {len(page)} bytes is no PDF: it starts with {page[:8]!r}")
    meant = draw_page(context)
    if page != meant:
        raise ResultMismatch(f"the page has {len(page)} bytes and is not the one of {len(meant)} bytes that was drawn")
    named = {str(item.ReferencedSOPInstanceUID) for item in document.SourceInstanceSequence}
    inputs = {source.sop_instance_uid for volume in context.case.volumes.values() for source in volume.sources}
    if named != inputs:
        raise ResultMismatch(f"the page's sources lack {len(inputs - named)} images, {len(named - inputs)} are foreign")


def _sources(context: Context) -> list[Dataset]:
    """Name every input image once."""
    items: dict[str, Dataset] = {}
    for source in context.sources.values():
        for header in source.headers:
            items[header.SOPInstanceUID] = item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
    return list(items.values())
