from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from support.dcmtk import validate
from support.source_series import case_of, class_findings, classic_volume, enhanced_volume, lopsided, mask_findings

from dicom_io.codes import segment_codes
from dicom_io.context import Context
from dicom_io.equipment import Equipment
from dicom_io.errors import ResultMismatch
from dicom_io.findings import Attention, Findings
from dicom_io.key_image import build_key_image, verify_key_image
from dicom_io.sources import read_sources
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
ORANGE = segment_codes("flair_abnormality").colour


def _context(findings: Findings, *volumes: Volume) -> Context:
    sources = {v.header.series_instance_uid: read_sources(v) for v in volumes}
    return Context(case_of(*volumes), findings, Equipment(site="north", serial="0001"), AT, sources)


def _encoded(image: Dataset) -> bytes:
    buffer = BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _named(path: Path) -> Volume:
    def _name(header: Dataset) -> None:
        header.PatientName = "Secret^Patient"
        header.ReferringPhysicianName = "Secretdoctor"

    return classic_volume(path, edit=_name)


def _explained(findings: Findings, *slices: int) -> Findings:
    """Add evidence on slices, the first the highest."""
    array = np.zeros((5, 12, 16), np.float32)
    for rank, slice_ in enumerate(slices):
        array[slice_, 3:7, 4:9] = 1.0 - 0.2 * rank
    attention = Attention(array, findings.scores[0].label, "occlusion", findings.series_instance_uid)
    return replace(findings, attention=attention, notes=("Not validated per patient",))


@pytest.fixture(params=["segments", "classes", "negative", "enhanced", "explained", "segments explained"])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> Context:
    volume = enhanced_volume(tmp_path) if request.param == "enhanced" else _named(tmp_path)
    mask = lopsided() * (request.param != "negative")
    of_classes = request.param in ("classes", "explained")
    findings = class_findings(volume) if of_classes else mask_findings(volume, mask)
    return _context(_explained(findings, 4, 2) if "explained" in request.param else findings, volume)


def test_dciodvfy_finds_no_error(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "key.dcm"
    path.write_bytes(_encoded(build_key_image(context)))

    assert validate(path).errors == ()


def test_what_was_drawn_is_found_in_the_bytes(context: Context) -> None:
    verify_key_image(_encoded(build_key_image(context)), context)


def test_building_twice_gives_the_same_bytes(context: Context) -> None:
    assert _encoded(build_key_image(context)) == _encoded(build_key_image(context))


def test_it_is_a_derived_picture_of_the_same_study_in_a_series_of_its_own(context: Context) -> None:
    image = build_key_image(context)

    header = context.source.headers[0]
    assert image.StudyInstanceUID == header.StudyInstanceUID
    assert image.SeriesInstanceUID != header.SeriesInstanceUID
    assert image.SeriesNumber == 9004
    assert list(image.ImageType) == ["DERIVED", "SECONDARY"]
    assert (image.BurnedInAnnotation, image.ConversionType) == ("NO", "WSD")
    assert "FrameOfReferenceUID" not in image
    assert "PixelSpacing" not in image
    assert image.PatientName == context.source.patient_name.value


def test_its_sources_are_the_slices_shown(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)

    image = build_key_image(_context(mask_findings(volume, lopsided()), volume))

    named = [item.ReferencedSOPInstanceUID for item in image.SourceImageSequence]
    assert named == [volume.sources[k].sop_instance_uid for k in (1, 3)]


def test_its_sources_are_frames_where_the_file_has_many(tmp_path: Path) -> None:
    volume = enhanced_volume(tmp_path, order=(3, 0, 4, 1, 2))

    image = build_key_image(_context(mask_findings(volume, lopsided()), volume))

    assert [item.ReferencedFrameNumber for item in image.SourceImageSequence] == [1, 2]


def test_the_colour_of_a_segment_is_shown_where_it_has_voxels_and_only_then(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)

    shown = [
        bool((build_key_image(_context(findings, volume)).pixel_array == ORANGE).all(axis=-1).any())
        for findings in (
            mask_findings(volume, lopsided()),
            mask_findings(volume, lopsided() * 0),
            class_findings(volume),
        )
    ]

    assert shown == [True, False, False]


def test_nothing_of_the_patients_identity_is_printed(
    tmp_path: Path, recwarn: pytest.WarningsRecorder, capfd: pytest.CaptureFixture[str]
) -> None:
    volume = _named(tmp_path)

    build_key_image(_context(class_findings(volume), volume))

    assert "Secret" not in "".join(str(w.message) for w in recwarn) + "".join(capfd.readouterr())


def test_a_pixel_that_differs_is_refused(context: Context) -> None:
    image = build_key_image(context)
    pixels = np.frombuffer(image.PixelData, np.uint8).copy()
    pixels[3000] ^= 255
    image.PixelData = pixels.tobytes()

    with pytest.raises(ResultMismatch, match=r"^1 of \d+ pixels"):
        verify_key_image(_encoded(image), context)


def test_other_sources_are_refused(context: Context) -> None:
    image = pydicom.dcmread(BytesIO(_encoded(build_key_image(context))))
    image.SourceImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"

    with pytest.raises(ResultMismatch, match=r"names 1\.2\.3"):
        verify_key_image(_encoded(image), context)


def test_without_a_mask_its_sources_are_the_slices_that_are_explained(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)

    image = build_key_image(_context(_explained(class_findings(volume), 4, 0), volume))

    named = [item.ReferencedSOPInstanceUID for item in image.SourceImageSequence]
    assert named == [volume.sources[k].sop_instance_uid for k in (0, 4)]
    assert "colours" in image.DerivationDescription


def test_an_explanation_changes_the_picture_and_its_notes_do(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)
    plain = class_findings(volume)

    drawn = [
        build_key_image(_context(findings, volume)).PixelData
        for findings in (
            plain,
            _explained(plain, 2),
            replace(_explained(plain, 2), notes=()),
            replace(_explained(plain), notes=()),
        )
    ]

    assert len(set(drawn)) == 4


def test_an_image_that_shows_other_evidence_is_refused(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)
    findings = class_findings(volume)
    encoded = _encoded(build_key_image(_context(_explained(findings, 2, 3), volume)))

    with pytest.raises(ResultMismatch):
        verify_key_image(encoded, _context(_explained(findings, 3, 2), volume))


def test_an_explanation_of_another_series_is_refused(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)
    findings = _explained(class_findings(volume), 2)
    assert findings.attention is not None
    other = replace(findings, attention=replace(findings.attention, series_instance_uid="1.2.3"))

    with pytest.raises(ResultMismatch, match=r"on series 1\.2\.3"):
        build_key_image(_context(other, volume))
