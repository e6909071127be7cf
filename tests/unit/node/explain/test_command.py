"""``glia explain`` on a real database, as an operator and as a program read it."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from pydicom.uid import generate_uid
from rich.console import Console
from sqlalchemy import Engine
from support.builders import new_series
from support.records import result
from support.rooms import NOW, receive_series, settings

from db import outbox, views
from dicom_io.survey import survey
from inference.card import Input
from node.completion import Completion
from node.decision import Need
from node.explain.command import FOUND, NOT_FOUND, explain_study

NEEDS = (
    Need("segment_unet2d", (Input(("flair",)),)),
    Need("subtype_resnet50", (Input(("flair",)), Input(("t2",)))),
)
SECOND = NOW + timedelta(seconds=1)
LOOKED = NOW + timedelta(seconds=60)


def ask(engine: Engine, named: str, as_json: bool = False) -> tuple[int, str]:
    console = Console(file=StringIO(), width=60)
    status = explain_study(engine, named, NEEDS, settings().completion, LOOKED, as_json, console)
    assert isinstance(console.file, StringIO)
    return status, console.file.getvalue()


@pytest.fixture
def study(engine: Engine, tmp_path: Path) -> str:
    """A study with a FLAIR that is complete, one slice that is, and a T1 that is still being received."""
    uid = generate_uid(None)
    receive_series(engine, tmp_path, new_series(StudyInstanceUID=uid, SeriesDescription="FLAIR [ax]"))
    receive_series(engine, tmp_path, new_series(StudyInstanceUID=uid, slices=1, sequence="t1"), at=SECOND)
    Completion(engine, settings().completion, NEEDS, survey, NOW).look(LOOKED)
    receive_series(engine, tmp_path, new_series(StudyInstanceUID=uid, slices=5, sequence="t1"), at=LOOKED)
    return str(uid)


def test_an_operator_reads_a_line_per_series_volume_and_model(engine: Engine, study: str) -> None:
    status, text = ask(engine, study[-12:])

    lines = [line.strip() for line in text.splitlines()]
    assert status == FOUND
    assert lines[0] == f"study {study}: 3 series, 12 instances"
    assert lines[2].startswith("series 1 FLAIR [ax]")
    assert lines[2].endswith("6 instances from SCANNER")
    assert lines[3].startswith("flair ")
    assert "axial 6 x 16 x 16" in lines[3]
    assert lines[4].startswith("because: ")
    assert lines[5].startswith("segment_unet2d: waiting for a worker (job 1, since 03:05:05)")
    assert lines[6] == "subtype_resnet50: still waiting for T2 until 04:05:05 UTC"
    assert "segment_unet2d: not eligible: a volume needs at least 3 slices, there is a single slice" in lines
    assert "receiving: 5 instances so far, the last at 03:05:05; complete after 10 s of quiet" in lines


def test_a_program_reads_the_same_as_json(engine: Engine, study: str) -> None:
    status, text = ask(engine, study, as_json=True)

    told = json.loads(text)
    assert (status, told["study_instance_uid"]) == (FOUND, study)
    states = {series["series_description"]: series["state"] for series in told["series"]}
    assert states["FLAIR [ax]"] == "waiting"
    flair = next(series for series in told["series"] if series["series_description"] == "FLAIR [ax]")
    (volume,) = flair["volumes"]
    assert (volume["sequence"], volume["shape"]) == ("flair", [6, 16, 16])
    assert [(model["model"], model["status"]) for model in volume["models"]] == [
        ("segment_unet2d", "queued"),
        ("subtype_resnet50", "waiting"),
    ]


def test_a_program_reads_which_results_went_where(engine: Engine, study: str) -> None:
    with engine.begin() as connection:
        (job,) = views.jobs_of_study(connection, study)
        outbox.owe(connection, job.id, [result("2.25.7", "SR")], ["PACS"], NOW)

    told = json.loads(ask(engine, study, as_json=True)[1])

    answers = [a for series in told["series"] for volume in series["volumes"] for a in volume["models"] if a["results"]]
    assert [answer["results"] for answer in answers] == [
        [
            {
                "kind": "SR",
                "sop_instance_uid": "2.25.7",
                "destination": "PACS",
                "state": "waiting",
                "reason": "",
                "delivered_at": None,
            }
        ]
    ]


def test_an_unknown_study_is_said_to_be_so(engine: Engine, study: str) -> None:
    assert ask(engine, "9.9.9") == (
        NOT_FOUND,
        "No study received here has a Study Instance UID with '9.9.9' in it.\n",
    )


def test_a_name_that_several_studies_share_lists_them(engine: Engine, study: str, tmp_path: Path) -> None:
    receive_series(engine, tmp_path, new_series(StudyInstanceUID=f"{study[:50]}.1"))

    status, text = ask(engine, study[:20])

    assert status == NOT_FOUND
    assert text.startswith(f"2 studies have a Study Instance UID with '{study[:20]}' in it: ")
    assert study in text
