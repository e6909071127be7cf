"""What the models would do with the series of a folder, as if they had just been received."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from dicom_io.candidate import Candidate
from dicom_io.survey import Survey
from node.decision import Need, Plan, Refuse
from node.inspect.folder import FoundSeries
from node.plan import plan

Surveyor = Callable[[Sequence[Path]], Survey]


@dataclass(frozen=True, slots=True)
class InspectedStudy:
    """The series of one study in their order, and its plan."""

    study_instance_uid: str
    series: tuple[FoundSeries, ...]
    planned: Plan

    def volumes(self, series: FoundSeries) -> tuple[Candidate, ...]:
        """Return what a series holds: its volumes, and what of it is none."""
        uid = series.series_instance_uid
        return tuple(one for one in self.planned.candidates if one.series_instance_uid == uid)

    @property
    def lacking(self) -> dict[str, str]:
        """Say of each model that is not asked what it lacks."""
        return {d.model: d.reason for d in self.planned.decisions if isinstance(d, Refuse)}


def inspect_series(series: Sequence[FoundSeries], needs: Sequence[Need], survey: Surveyor) -> Iterator[InspectedStudy]:
    """Survey series, which come sorted by study, and plan each study as if nothing more of it would come."""
    for study, members in groupby(series, key=lambda one: one.study_instance_uid):
        found = tuple(members)
        candidates = [candidate for one in found for candidate in _candidates(one, survey)]
        yield InspectedStudy(study, found, plan(candidates, needs, clock=None))


def _candidates(series: FoundSeries, survey: Surveyor) -> list[Candidate]:
    """Survey one series; files that cannot be reached are the reason why it offers nothing."""
    uid = series.series_instance_uid
    try:
        candidates = survey(series.paths).candidates
    except OSError as error:
        candidates = (Candidate(series_instance_uid=uid, reason=f"cannot be read: {error.strerror or error}"),)
    return [
        replace(
            candidate,
            series_instance_uid=uid,
            series_number=candidate.series_number or series.series_number,
            series_description=candidate.series_description or series.series_description,
        )
        for candidate in candidates
    ]
