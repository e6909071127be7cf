from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from support.builders import change
from support.source_series import class_findings, classic_volume, enhanced_volume, lopsided, mask_findings

from dicom_io import wording
from dicom_io.case import Case
from dicom_io.context import Context
from dicom_io.equipment import Equipment
from dicom_io.errors import ResultMismatch
from dicom_io.findings import Attention, Findings
from dicom_io.sources import read_sources
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)


def _context(volume: Volume, findings: Findings, notes: tuple[str, ...] = ()) -> Context:
    case = Case(volume.header.study_instance_uid, {"flair": volume}, notes=notes)
    sources = {volume.header.series_instance_uid: read_sources(volume)}
    return Context(case, findings, Equipment(site="north", serial="1"), AT, sources)


def test_a_slice_is_called_by_its_instance_number(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)
    change(volume.sources[3].path, InstanceNumber=17)

    (caption,) = wording.captions(_context(volume, class_findings(volume)), [3])

    assert caption == "Image 17, P 26.3 mm"


@pytest.mark.filterwarnings("ignore:Invalid value for VR IS")
@pytest.mark.parametrize("number", [None, "", "nonsense"])
def test_a_slice_without_a_readable_number_is_counted(tmp_path: Path, number: str | None) -> None:
    volume = classic_volume(tmp_path)
    path = volume.sources[3].path
    change(path, InstanceNumber=None if number is None else 77)
    if number is not None:
        path.write_bytes(path.read_bytes().replace(b"IS\x02\x0077", b"IS" + _field(number)))

    (caption,) = wording.captions(_context(volume, class_findings(volume)), [3])

    assert caption.startswith("Slice 4 of 5, ")


def _field(text: str) -> bytes:
    return len(text).to_bytes(2, "little") + text.encode()


def test_a_slice_of_an_enhanced_image_is_called_by_its_frame(tmp_path: Path) -> None:
    volume = enhanced_volume(tmp_path, order=(3, 0, 4, 1, 2))

    captions = wording.captions(_context(volume, class_findings(volume)), [0, 4])

    assert [caption.split(",")[0] for caption in captions] == ["Frame 4", "Frame 3"]


def test_scores_stand_in_order_under_the_names_of_their_codes(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)

    bars = wording.scores(_context(volume, class_findings(volume)))

    assert [bar.name for bar in bars] == ["Intracranial meningioma", "Glioma", "Pituitary adenoma", "No tumour"]


def test_a_size_has_the_digits_of_the_report(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)
    (one,) = wording.measured(_context(volume, mask_findings(volume, lopsided())))

    assert wording.size(one).startswith(f"{lopsided().sum() * 0.5 * 0.75 * 5 / 1000:.2f} cm³, ")


def test_an_empty_mask_has_no_measures(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)

    assert wording.measured(_context(volume, mask_findings(volume, lopsided() * 0))) == ()


def test_what_is_said_of_the_case_is_passed_on(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)

    notes = wording.notes(_context(volume, class_findings(volume), ("T1 registered to FLAIR",)))

    assert notes == ("T1 registered to FLAIR.",)


def test_what_the_model_says_of_itself_follows_what_is_said_of_the_case(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)
    findings = replace(class_findings(volume), notes=("Not validated per patient.",))

    notes = wording.notes(_context(volume, findings, ("T1 registered to FLAIR",)))

    assert notes == ("T1 registered to FLAIR.", "Not validated per patient.")


def _explained(volume: Volume, array: np.ndarray, series: str = "") -> Findings:
    uid = series or volume.header.series_instance_uid
    return replace(class_findings(volume), attention=Attention(array, "meningioma", "LIME superpixels", uid))


def test_an_explanation_says_of_what_how_and_where(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)
    change(volume.sources[3].path, InstanceNumber=17)
    array = np.zeros(volume.array.shape, np.float32)
    array[3, 4, 5], array[1, 4, 5] = 1.0, 0.5

    said = wording.explanation(_context(volume, _explained(volume, array)))

    assert said == (
        "Evidence for Intracranial meningioma, as found by LIME superpixels, is highest on Image 17, P 26.3 mm. "
        "An explanation of the score, not a segmentation."
    )


def test_an_explanation_without_evidence_says_so(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)
    nothing = np.zeros(volume.array.shape, np.float32)

    said = wording.explanation(_context(volume, _explained(volume, nothing)))

    assert said.startswith("No part of the images alone is evidence for Intracranial meningioma")


def test_without_an_explanation_nothing_is_said_of_one(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)

    assert wording.explanation(_context(volume, class_findings(volume))) == ""


@pytest.mark.parametrize(("shape", "series"), [((5, 12, 15), ""), ((5, 12, 16), "1.2.3")])
def test_an_explanation_on_another_grid_is_refused(tmp_path: Path, shape: tuple, series: str) -> None:
    volume = classic_volume(tmp_path)
    findings = _explained(volume, np.ones(shape, np.float32), series)

    with pytest.raises(ResultMismatch, match="the explanation is of"):
        wording.attention(_context(volume, findings))
