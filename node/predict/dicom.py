"""A folder or file of DICOM -> questions to models: the series are chosen as the node chooses them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from db.records import JobInput
from dicom_io.case import Case
from dicom_io.read import read_case
from node.decision import Decision, Need
from node.inspect.folder import Contents, FoundSeries
from node.inspect.look import InspectedStudy, Surveyor, inspect_series
from node.pipeline import case_inputs
from node.predict.errors import InputRefused
from node.predict.material import Kind, Material, Question, Unasked, questions_of, unasked_of

_NAMED_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class DicomReader:
    """How series are surveyed, and what becomes of those of another frame of reference."""

    survey: Surveyor
    other_frame: Literal["register", "refuse"]

    def material(self, found: Contents, needs: Sequence[Need]) -> Material:
        """Plan each study as if nothing more of it would come.

        Raises
        ------
        InputRefused
            When no model is asked about anything.
        """
        questions: list[Question] = []
        unasked: list[Unasked] = []
        studies = list(inspect_series(found.series, needs, self.survey))
        for study in studies:
            files = {one.series_instance_uid: one.paths for one in study.series}
            uid = study.study_instance_uid
            questions += questions_of(uid, study.planned, _time_of(files), self._reading(uid, files, needs))
            unasked += unasked_of(uid, study.planned)
        if not questions:
            raise InputRefused(_nothing_to_ask(studies, unasked, found))
        return Material(Kind.DICOM, tuple(questions), tuple(unasked), _aside(found))

    def _reading(
        self, study_instance_uid: str, files: Mapping[str, Sequence[Path]], needs: Sequence[Need]
    ) -> Callable[[tuple[JobInput, ...], str], Case]:
        """Return the way from inputs to a case: the node's, of files that lie where they are."""
        inputs_of = {need.model: need.inputs for need in needs}

        def read(inputs: tuple[JobInput, ...], model: str) -> Case:
            wanted = case_inputs(inputs, files, inputs_of[model])
            try:
                return read_case(study_instance_uid, wanted, other_frame=self.other_frame)
            except OSError as error:
                raise InputRefused(f"{error.filename}: {error.strerror or error}") from error

        return read


def newest(paths: Iterable[Path]) -> datetime:
    """Return when the newest of some files was written."""
    return datetime.fromtimestamp(max(path.stat().st_mtime for path in paths), UTC).replace(microsecond=0)


def _time_of(files: Mapping[str, Sequence[Path]]) -> Callable[[Decision], datetime]:
    return lambda decision: newest(path for one in decision.inputs for path in files[one.series_instance_uid])


def _nothing_to_ask(studies: Sequence[InspectedStudy], unasked: Sequence[Unasked], found: Contents) -> str:
    """Say why, as briefly as it can be said: what each volume is no good for, or what is wrong with the files."""
    volumes = [(_name(study, one.series_instance_uid), one) for study in studies for one in study.planned.candidates]
    reasons = [f"{name}: {one.reason}" for name, one in volumes if not one.eligible]
    reasons = reasons or list(dict.fromkeys(f"{one.model} {one.reason}" for one in unasked))
    reasons = reasons or [f"{path.name} {reason}" for path, reason in found.unusable]
    more = len(reasons) - _NAMED_AT_MOST
    told = "; ".join(reasons[:_NAMED_AT_MOST]) + f"; and {more} more" * (more > 0)
    return f"no model can be asked about it: {told} (glia inspect tells more)"


def _name(study: InspectedStudy, series_instance_uid: str) -> str:
    series: FoundSeries = next(one for one in study.series if one.series_instance_uid == series_instance_uid)
    return " ".join(filter(None, ("series", series.series_number, series.series_description)))


def _aside(found: Contents) -> tuple[str, ...]:
    said = [f"{path.name} is not used: it {reason}" for path, reason in found.unusable]
    if found.not_dicom:
        number = len(found.not_dicom)
        said.append(f"{number} file{'s are' if number > 1 else ' is'} not used: not DICOM")
    return tuple(said)
