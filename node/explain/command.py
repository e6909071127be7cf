"""``glia explain``: asks the database about one study, and prints why its series were or were not analysed."""

import json
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text
from sqlalchemy import Engine

from config import settings
from db import views
from db.engine import reading
from node.candidates import geometry, plain, recognition
from node.decision import Need
from node.explain.answer import Answer, SeriesAnswers, Study, explain
from node.plan import plan_study

FOUND, NOT_FOUND = 0, 1


def explain_study(
    engine: Engine,
    named: str,
    needs: Sequence[Need],
    policy: settings.Completion,
    now: datetime,
    as_json: bool,
    console: Console,
) -> int:
    """Print the answers for a study; return the exit status: 1 where no study, or more than one, has this name.

    As JSON it is one object: ``study_instance_uid``; ``series``, a list in the order in which they came, each with
    ``series_instance_uid``, ``series_description``, ``state``, ``reason``, ``instances``, ``generation``,
    ``calling_ae_title``, ``last_received_at`` and ``volumes``, a list of the fields of `dicom_io.candidate.Candidate`
    with ``models``: a list of ``model``, ``status`` (see `Answer`), ``sentence`` and ``results``, a list of ``kind``,
    ``sop_instance_uid``, ``destination``, ``state``, ``reason`` and ``delivered_at``.

    Parameters
    ----------
    named
        The Study Instance UID, or a part of it that no other study has.
    now
        The time; times are written in its zone.
    """
    with reading(engine) as connection:
        found = views.studies_named(connection, named)
        if len(found) != 1:
            _say(console, _why_none(named, found))
            return NOT_FOUND
        study = Study(
            views.series_of_study(connection, found[0]),
            views.jobs_of_study(connection, found[0]),
            views.deliveries_of_study(connection, found[0]),
        )
    answers = explain(study, plan_study(study.series, needs, policy, now), policy.quiet_seconds, now)
    if as_json:
        story = {"study_instance_uid": found[0], "series": [_as_plain(series) for series in answers]}
        console.print(json.dumps(story, indent=2), markup=False, highlight=False, soft_wrap=True)
    else:
        received = sum(series.instances for series in study.series)
        _say(console, f"study {found[0]}: {len(answers)} series, {received} instances", "bold")
        for series in answers:
            _print_series(series, console)
    return FOUND


def _why_none(named: str, found: Sequence[str]) -> str:
    if not found:
        return f"No study received here has a Study Instance UID with {named!r} in it."
    return f"{len(found)} studies have a Study Instance UID with {named!r} in it: {', '.join(found)}"


def _print_series(series: SeriesAnswers, console: Console) -> None:
    record = series.record
    number = next((v.candidate.series_number for v in series.volumes if v.candidate.series_number), "")
    title = " ".join(filter(None, ("\nseries", number, record.series_description or record.series_instance_uid)))
    _say(console, f"{title}   {record.instances} instances from {record.calling_ae_title}", "bold")
    if series.receiving:
        _say(console, f"  {series.receiving}")
    for volume in series.volumes:
        candidate = volume.candidate
        _say(console, "  " + ", ".join(filter(None, (candidate.part, recognition(candidate), geometry(candidate)))))
        if candidate.rules:
            _say(console, f"    because: {'; '.join(candidate.rules)}", "dim")
        for answer in volume.answers:
            _say(console, f"    {answer.model}: {answer.sentence}")
    if not series.receiving and not series.volumes:
        _say(console, f"  not analysed: {record.reason or 'there is no volume in it'}")


def _as_plain(series: SeriesAnswers) -> dict[str, object]:
    record = series.record
    return {
        "series_instance_uid": record.series_instance_uid,
        "series_description": record.series_description,
        "state": str(record.state),
        "reason": record.reason,
        "instances": record.instances,
        "generation": record.generation,
        "calling_ae_title": record.calling_ae_title,
        "last_received_at": record.last_received_at.isoformat(),
        "volumes": [
            plain(volume.candidate) | {"models": [_plain_answer(answer) for answer in volume.answers]}
            for volume in series.volumes
        ],
    }


def _plain_answer(answer: Answer) -> dict[str, object]:
    return {
        "model": answer.model,
        "status": answer.status,
        "sentence": answer.sentence,
        "results": [
            {
                "kind": one.result.kind,
                "sop_instance_uid": one.result.sop_instance_uid,
                "destination": one.destination,
                "state": str(one.state),
                "reason": one.reason,
                "delivered_at": one.delivered_at and one.delivered_at.isoformat(),
            }
            for one in answer.deliveries
        ],
    }


def _say(console: Console, line: str, style: str = "") -> None:
    """Print a line as it is: what stands in headers is no markup."""
    console.print(Text(line, style), soft_wrap=True)
