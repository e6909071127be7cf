"""``glia inspect``: one row per volume of a folder: what it is, and which models would analyse it or why none would."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dicom_io.candidate import Candidate
from node.candidates import geometry, plain, recognition
from node.decision import Need
from node.inspect.folder import Contents, FoundSeries, contents
from node.inspect.look import InspectedStudy, Surveyor, inspect_series

SOMETHING, NOTHING, NO_FOLDER = 0, 1, 2
_NAMED_AT_MOST = 5


def inspect_folder(folder: Path, needs: Sequence[Need], survey: Surveyor, as_json: bool, console: Console) -> int:
    """Print what a folder holds, and return the exit status.

    As JSON it is one object: ``folder``; ``studies``, a list of ``study_instance_uid``, ``lacking`` (model -> what
    it lacks) and ``series``, each with ``series_instance_uid``, ``series_number``, ``series_description``, ``files``
    (how many) and ``volumes``: the fields of `dicom_io.candidate.Candidate` with ``models`` (who would analyse it)
    and ``why_not`` (empty where anyone would); ``not_dicom``, a list of paths; ``unusable``, a list of ``path`` and
    ``reason``.

    Returns
    -------
    int
        0 when a model would analyse something, 1 when none would, 2 when the folder is missing or empty.
    """
    found = contents(folder)
    studies = tuple(inspect_series(found.series, needs, survey))
    if as_json:
        text = json.dumps(_as_plain(folder, studies, found), indent=2)
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    elif found.empty:
        said = "there are no files in it" if folder.is_dir() else "there is no such folder"
        console.print(Text(f"{folder}: {said}"), soft_wrap=True)
    else:
        _print(folder, studies, found, console)
    if found.empty:
        return NO_FOLDER
    return SOMETHING if any(study.planned.users(one) for study in studies for one in _all(study)) else NOTHING


def _all(study: InspectedStudy) -> tuple[Candidate, ...]:
    return study.planned.candidates


def _print(folder: Path, studies: Sequence[InspectedStudy], found: Contents, console: Console) -> None:
    for study in studies:
        console.print(_table(study))
        for model, reason in study.lacking.items():
            console.print(Text(f"{model} {reason}", "yellow"), soft_wrap=True)
    if found.not_dicom:
        named = ", ".join(str(path.relative_to(folder)) for path in found.not_dicom[:_NAMED_AT_MOST])
        more = len(found.not_dicom) - _NAMED_AT_MOST
        console.print(Text(f"not DICOM: {_files(len(found.not_dicom))}: {named}{f' and {more} more' * (more > 0)}"))
    for path, reason in found.unusable:
        console.print(Text(f"{path.relative_to(folder)}: {reason}"))


def _table(study: InspectedStudy) -> Table:
    table = Table(title=f"study {study.study_instance_uid}", title_justify="left", show_lines=True, expand=True)
    table.add_column("series", ratio=6, overflow="fold")
    table.add_column("sequence", no_wrap=True)
    table.add_column("geometry", no_wrap=True)
    table.add_column("models, or why none", ratio=7, overflow="fold")
    for series in study.series:
        for candidate in study.volumes(series):
            table.add_row(*_row(study, series, candidate))
    return table


def _row(study: InspectedStudy, series: FoundSeries, candidate: Candidate) -> tuple[Text, ...]:
    name = " ".join(filter(None, (series.series_number, series.series_description)))
    users = study.planned.users(candidate)
    return (
        Text("\n".join(filter(None, (name or series.series_instance_uid, candidate.part, _files(len(series.paths)))))),
        Text(recognition(candidate).replace(" ", "\n")),
        Text(geometry(candidate).replace(", ", "\n")),
        Text("\n".join(users), "green") if users else Text(study.planned.why_not(candidate)),
    )


def _files(number: int) -> str:
    return f"{number} file{'s' * (number != 1)}"


def _as_plain(folder: Path, studies: Sequence[InspectedStudy], found: Contents) -> dict[str, object]:
    return {
        "folder": str(folder),
        "studies": [
            {
                "study_instance_uid": study.study_instance_uid,
                "lacking": study.lacking,
                "series": [_plain_series(study, series) for series in study.series],
            }
            for study in studies
        ],
        "not_dicom": [str(path) for path in found.not_dicom],
        "unusable": [{"path": str(path), "reason": reason} for path, reason in found.unusable],
    }


def _plain_series(study: InspectedStudy, series: FoundSeries) -> dict[str, object]:
    return {
        "series_instance_uid": series.series_instance_uid,
        "series_number": series.series_number,
        "series_description": series.series_description,
        "files": len(series.paths),
        "volumes": [plain(candidate) | _models(study, candidate) for candidate in study.volumes(series)],
    }


def _models(study: InspectedStudy, candidate: Candidate) -> dict[str, object]:
    users = study.planned.users(candidate)
    return {"models": list(users), "why_not": "" if users else study.planned.why_not(candidate)}
