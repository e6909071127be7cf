"""Models are asked, and what they say is kept; what stands in the way is said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from support.builders import write_series
from support.fakes import FakeModel
from support.volumes import geometry_of

from dicom_io.errors import UnsupportedPixels
from dicom_io.profile import DEFAULT, Profile
from dicom_io.survey import survey
from inference.card import Input
from inference.errors import UnsuitableCase, WeightsMissing
from inference.preprocess.nifti import write_nifti
from node.decision import Need
from node.inspect.folder import contents
from node.predict.answer import Answer, State
from node.predict.ask import Desk, answers
from node.predict.dicom import DicomReader
from node.predict.errors import InputRefused
from node.predict.keep import Keeper
from node.predict.material import Material
from node.predict.nifti import nifti_material

NEEDS = (Need("fake_model", (Input(("flair",)),)),)


def dicom(folder: Path) -> Material:
    return DicomReader(survey, "register").material(contents(folder), NEEDS)


def ask(material: Material, out: Path, model: FakeModel | None = None, profile: Profile = DEFAULT) -> list[Answer]:
    desk = Desk(lambda _: model or FakeModel(), profile, Keeper(out), lambda _: None)
    return list(answers(material, desk))


def test_dicom_answers_are_what_the_node_would_send_and_a_picture(tmp_path: Path) -> None:
    write_series(tmp_path / "in")

    (answer,) = ask(dicom(tmp_path / "in"), tmp_path / "out")

    kinds = ("seg", "sr", "key_image")  # no measurements: the pixels are not square
    assert answer.state is State.ANALYSED
    assert answer.files == (*(f"fake_model.{kind}.dcm" for kind in kinds), "fake_model.png")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(answer.files)
    assert dcmread(tmp_path / "out" / "fake_model.seg.dcm").Modality == "SEG"
    assert answer.measures[0].volume_cm3 > 0


def test_the_profile_says_which_objects_there_are_and_the_picture_is_always_there(tmp_path: Path) -> None:
    write_series(tmp_path / "in")

    (answer,) = ask(dicom(tmp_path / "in"), tmp_path / "out", profile=Profile(objects=("SR",)))

    assert answer.files == ("fake_model.sr.dcm", "fake_model.png")


def test_studies_do_not_overwrite_one_another(tmp_path: Path) -> None:
    write_series(tmp_path / "in" / "1")
    write_series(tmp_path / "in" / "2", series_instance_uid="1.2.9", StudyInstanceUID="1.2.8")

    first, second = ask(dicom(tmp_path / "in"), tmp_path / "out", profile=Profile(objects=("SR",)))

    assert first.files[0] == "study1_fake_model.sr.dcm"
    assert second.files[0] == "study2_fake_model.sr.dcm"


def test_nifti_answers_are_a_mask_and_a_picture(tmp_path: Path) -> None:
    grid = geometry_of(np.eye(3)[:, ::-1], (5.0, 4.0, 4.0), (0, 0, 0), (6, 50, 40))
    path = tmp_path / "flair.nii"
    write_nifti(np.random.default_rng(0).random((6, 50, 40), dtype=np.float32), grid, path)

    (answer,) = ask(nifti_material(path, [path], NEEDS, (), "register"), tmp_path / "out")

    assert answer.files == ("fake_model.nii.gz", "fake_model.png")
    assert all((tmp_path / "out" / name).is_file() for name in answer.files)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (UnsuitableCase("no T1"), State.REFUSED),
        (UnsupportedPixels("no grey"), State.REFUSED),
        (InputRefused("gone"), State.REFUSED),
        (WeightsMissing("no weights"), State.FAILED),
    ],
)
def test_what_stands_in_the_way_is_the_reason(tmp_path: Path, error: Exception, state: State) -> None:
    def fail() -> None:
        raise error

    write_series(tmp_path / "in")

    (answer,) = ask(dicom(tmp_path / "in"), tmp_path / "out", FakeModel(before=fail))

    assert (answer.state, answer.reason, answer.files) == (state, str(error), ())


def test_a_label_that_has_no_code_fails_its_analysis_alone(tmp_path: Path) -> None:
    class Odd(FakeModel):
        def predict(self, case):
            found = super().predict(case)
            segment = replace(found.mask.segments[0], label="no_such_label")
            return replace(found, mask=replace(found.mask, segments=(segment,)))

    write_series(tmp_path / "in")

    (answer,) = ask(dicom(tmp_path / "in"), tmp_path / "out", Odd())

    assert answer.state is State.FAILED
    assert "no_such_label" in answer.reason


def test_a_folder_that_takes_no_files_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "in")
    (tmp_path / "out").write_text("")

    with pytest.raises(InputRefused, match="--out"):
        ask(dicom(tmp_path / "in"), tmp_path / "out")
