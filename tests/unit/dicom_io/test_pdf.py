from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import EncapsulatedPDFStorage
from support.dcmtk import validate
from support.source_series import case_of, class_findings, classic_volume, enhanced_volume, lopsided, mask_findings

from dicom_io.context import Context
from dicom_io.equipment import Equipment
from dicom_io.errors import ResultMismatch
from dicom_io.findings import Attention
from dicom_io.page import draw_page
from dicom_io.pdf import build_pdf, verify_pdf
from dicom_io.sources import read_sources

AT = datetime(2026, 1, 2, 3, 4, 5)


@pytest.fixture(params=["segments", "classes", "negative", "enhanced", "explained"])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Context:
    volume = enhanced_volume(tmp_path) if request.param == "enhanced" else classic_volume(tmp_path)
    mask = lopsided() * (request.param != "negative")
    findings = class_findings(volume) if request.param == "classes" else mask_findings(volume, mask)
    if request.param == "explained":
        heat = np.linspace(0, 1, 960, dtype=np.float32).reshape(5, 12, 16)
        findings = replace(findings, attention=Attention(heat, "glioma", "occlusion", findings.series_instance_uid))
    sources = {volume.header.series_instance_uid: read_sources(volume)}
    return Context(case_of(volume), findings, Equipment(site="north", serial="0001"), AT, sources)


def _encoded(document: Dataset) -> bytes:
    buffer = BytesIO()
    document.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_dciodvfy_finds_no_error(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "page.dcm"
    path.write_bytes(_encoded(build_pdf(context)))

    assert validate(path).errors == ()


def test_the_page_is_found_in_the_bytes(context: Context) -> None:
    verify_pdf(_encoded(build_pdf(context)), context)


def test_building_twice_gives_the_same_bytes(context: Context) -> None:
    assert _encoded(build_pdf(context)) == _encoded(build_pdf(context))


def test_it_is_a_document_of_the_study_made_of_all_its_input(context: Context) -> None:
    document = build_pdf(context)

    assert document.SOPClassUID == EncapsulatedPDFStorage
    assert document.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert (document.Modality, document.SeriesNumber) == ("DOC", 9005)
    assert document.BurnedInAnnotation == "YES"
    named = {item.ReferencedSOPInstanceUID for item in document.SourceInstanceSequence}
    assert named == {source.sop_instance_uid for source in context.volume.sources}
    assert len(document.SourceInstanceSequence) == len(named)


def test_the_length_of_the_page_is_told_without_its_padding(context: Context) -> None:
    document = build_pdf(context)

    assert document.EncapsulatedDocumentLength == len(draw_page(context))
    assert len(document.EncapsulatedDocument) % 2 == 0


@pytest.mark.parametrize("length", [0, 100])
def test_a_page_that_is_not_whole_is_refused(context: Context, length: int) -> None:
    document = build_pdf(context)
    document.EncapsulatedDocumentLength = length

    with pytest.raises(ResultMismatch, match="is no PDF"):
        verify_pdf(_encoded(document), context)


def test_another_page_is_refused(context: Context) -> None:
    document = build_pdf(context)
    page = document.EncapsulatedDocument
    document.EncapsulatedDocument = page[:2000] + bytes([page[2000] ^ 1]) + page[2001:]

    with pytest.raises(ResultMismatch, match="not the one"):
        verify_pdf(_encoded(document), context)


def test_other_sources_are_refused(context: Context) -> None:
    document = pydicom.dcmread(BytesIO(_encoded(build_pdf(context))))
    document.SourceInstanceSequence[0].ReferencedSOPInstanceUID = "1.2.3"

    with pytest.raises(ResultMismatch, match="1 are foreign"):
        verify_pdf(_encoded(document), context)
