"""The parts of a node as tests need them: settings that differ from the defaults, series already received."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy import Engine
from support.builders import new_series
from support.intake import open_intake
from support.scu import encode_data_set

from config.load import load_settings
from config.settings import Destination, Settings
from db import queue, views
from db.engine import reading
from db.records import Job, JobInput, NewJob, Result
from node.intake import StoreRequest
from node.status import Status

NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


def settings(**changes: object) -> Settings:
    """Return the default settings but for ``part__key=value``."""
    return load_settings(None, {f"GLIA_{name.upper()}": _as_text(value) for name, value in changes.items()})


def destination(port: int, ae_title: str = "PACS", host: str = "127.0.0.1", **more: object) -> Destination:
    """Return a destination with the default profile but for ``more``."""
    (made,) = settings(destinations=[{"ae_title": ae_title, "host": host, "port": port} | more]).destinations
    return made


def receive_series(engine: Engine, folder: Path, series: Sequence[Dataset] | None = None, at: datetime = NOW) -> str:
    """Receive a series as the listener would, and return its UID."""
    data_sets = series or new_series()
    with open_intake(engine, folder, lambda: at) as intake:
        for data_set in data_sets:
            request = StoreRequest(
                affected_sop_class_uid=data_set.SOPClassUID,
                affected_sop_instance_uid=data_set.SOPInstanceUID,
                transfer_syntax_uid=ExplicitVRLittleEndian,
                calling_ae_title="SCANNER",
            )
            assert intake.take(request, encode_data_set(data_set)).status == Status.SUCCESS
    return str(data_sets[0].SeriesInstanceUID)


def enqueue_series(engine: Engine, folder: Path, model: str, series: Sequence[Dataset] | None = None) -> NewJob:
    """Receive a series and enqueue a job of it."""
    return enqueue_case(engine, folder, model, {"flair": series or new_series()})


def enqueue_case(
    engine: Engine, folder: Path, model: str, case: Mapping[str, Sequence[Dataset]], notes: tuple[str, ...] = ()
) -> NewJob:
    """Receive the series of one study, by what they are taken for, and enqueue a job of them."""
    job = NewJob(
        model=model,
        study_instance_uid=next(iter(case.values()))[0].StudyInstanceUID,
        inputs=tuple(JobInput(sequence, receive_series(engine, folder, series)) for sequence, series in case.items()),
        generation=0,
        calling_ae_title="SCANNER",
        notes=notes,
    )
    with engine.begin() as connection:
        queue.enqueue(connection, job, NOW)
    return job


def only_job(engine: Engine, new: NewJob) -> Job:
    """Return the one job of a study."""
    with reading(engine) as connection:
        (job,) = views.jobs_of_study(connection, new.study_instance_uid)
    return job


def words_of(result: Result) -> str:
    """Return all that a report says in sentences."""
    elements = dcmread(result.path).iterall()
    return " ".join(str(element.value) for element in elements if element.keyword == "TextValue")


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
