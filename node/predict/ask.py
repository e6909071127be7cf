"""Asks the models, and keeps what they say: DICOM objects, a mask as NIfTI, a picture."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from dicom_io.case import Case
from dicom_io.equipment import Equipment
from dicom_io.errors import DicomError, DicomInputError
from dicom_io.findings import Findings
from dicom_io.measure import SegmentMeasures, measures
from dicom_io.profile import Profile
from dicom_io.results import encode
from dicom_io.volume import Volume
from inference.errors import ModelError, UnsuitableCase
from inference.model import Model
from node.predict import overlay
from node.predict.answer import Answer, State
from node.predict.errors import InputRefused
from node.predict.keep import Keeper
from node.predict.mask import write_mask
from node.predict.material import Kind, Material, Question

_KEY_IMAGE = "KEY IMAGE"


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """With what questions are answered.

    Attributes
    ----------
    load
        A model's name -> the model, asked for each question.
    profile
        How DICOM results are written.
    say
        Told what is being done, for a progress line.
    """

    load: Callable[[str], Model]
    profile: Profile
    keeper: Keeper
    say: Callable[[str], None]


def answers(material: Material, desk: Desk) -> Iterator[Answer]:
    """Answer all questions, in their order.

    Raises
    ------
    InputRefused
        When nothing can be written to the output folder.
    """
    subjects = list(dict.fromkeys(question.subject for question in material.questions))
    for question in material.questions:
        study = f"study{subjects.index(question.subject) + 1}_" if len(subjects) > 1 else ""
        try:
            desk.say(f"{question.model}: reading")
            case = question.read()
            desk.say(f"{question.model}: loading the model")
            model = desk.load(question.model)
            desk.say(f"{question.model}: analysing")
            findings = model.predict(case)
        except (InputRefused, DicomInputError, UnsuitableCase) as error:
            yield Answer(question, State.REFUSED, str(error))
        except ModelError as error:
            yield Answer(question, State.FAILED, str(error))
        else:
            desk.say(f"{question.model}: writing results")
            yield _kept(_Analysis(material.kind, question, case, findings, f"{study}{question.model}"), desk)


@dataclass(frozen=True, slots=True, eq=False)
class _Analysis:
    """What is to be kept, and how its files begin."""

    kind: Kind
    question: Question
    case: Case
    findings: Findings
    stem: str

    @property
    def volume(self) -> Volume:
        """The volume that the findings are about."""
        uid = self.findings.series_instance_uid
        return next(one for one in self.case.volumes.values() if one.header.series_instance_uid == uid)

    @property
    def measures(self) -> tuple[SegmentMeasures, ...]:
        """Numbers of the mask."""
        mask = self.findings.mask
        return measures(mask, self.volume.geometry) if mask else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Everything a reader must know, each sentence once."""
        return tuple(dict.fromkeys((*self.question.notes, *self.case.notes, *self.findings.notes)))


def _kept(analysis: _Analysis, desk: Desk) -> Answer:
    try:
        files = tuple(_written(analysis, desk))
    except (DicomError, KeyError) as error:
        return Answer(analysis.question, State.FAILED, f"its results cannot be written: {error}")
    except OSError as error:
        reason = f"{error.filename or desk.keeper.folder}: {error.strerror or error}"
        raise InputRefused(f"results cannot be written: {reason}") from error
    return Answer(
        analysis.question,
        State.ANALYSED,
        findings=analysis.findings,
        notes=analysis.notes,
        measures=analysis.measures,
        files=files,
    )


def _written(analysis: _Analysis, desk: Desk) -> Iterator[str]:
    """Write the files of one analysis, and yield their names."""
    case, findings, volume = analysis.case, analysis.findings, analysis.volume
    if analysis.kind is Kind.DICOM:
        yield from _objects(analysis, desk)
        return
    if analysis.kind is Kind.NIFTI and findings.mask is not None:
        name = f"{analysis.stem}.nii.gz"
        write_mask(findings.mask, volume.geometry, desk.keeper.path(name))
        yield name
    notes: Sequence[str] = (*case.notes, *findings.notes)
    if analysis.kind is Kind.PICTURE:
        picture = overlay.of_still(volume, findings, notes)
    else:
        picture = overlay.of_volume(volume, findings, analysis.measures, notes)
    yield _picture(analysis, overlay.png(picture), desk)


def _objects(analysis: _Analysis, desk: Desk) -> Iterator[str]:
    """Write what the node would send, and the key image once more as PNG."""
    profile, at = desk.profile, analysis.question.at
    drawn = replace(profile, objects=tuple(dict.fromkeys((*profile.objects, _KEY_IMAGE))))
    signed = Equipment(site=f"glia predict {at.isoformat()}", serial="PREDICT")
    for result in encode(analysis.case, analysis.findings, signed, at, drawn):
        if result.kind in profile.objects:
            name = f"{analysis.stem}.{result.kind.lower().replace(' ', '_')}.dcm"
            desk.keeper.path(name).write_bytes(result.data)
            yield name
        if result.kind == _KEY_IMAGE:
            yield _picture(analysis, overlay.png(overlay.of_key_image(result.data)), desk)


def _picture(analysis: _Analysis, data: bytes, desk: Desk) -> str:
    name = f"{analysis.stem}.png"
    desk.keeper.path(name).write_bytes(data)
    return name
