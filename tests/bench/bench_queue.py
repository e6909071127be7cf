"""How many jobs a second are claimed and closed, with nothing done yet and after a million jobs: `make bench`.

Everything lies in memory where there is a folder there, so that what the disk costs hides nothing. With
FIGURES=docs/figures in the environment the figures are written there, as queue.json.
"""

import json
import os
import platform
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.postgresql import PostgreSQL, quick_folder, running_postgresql
from support.records import NOW, instance, new_job
from support.require import REPOSITORY

from db import inbox, queue
from db.engine import open_database

COMMAND = "FIGURES=docs/figures .venv/bin/pytest tests/bench/bench_queue.py"
REPETITIONS = 5
FINISHED = 1_000_000
CLAIMS = 200
INSTANCES = 1000
AT_ONCE = 100
GOAL = 2.0
LEASE = timedelta(seconds=60)

DONE = """
INSERT INTO jobs (model, study_instance_uid, inputs, series_instance_uids, generation, calling_ae_title, notes,
  refusal, failure, state, attempts, reason, enqueued_at, not_before, started_at, finished_at, report, priority,
  counts_from)
SELECT 'segment_unet2d', '1.2.826.0.1.3680043.8.498.' || (n / 5),
  '[["flair", "1.2.826.0.1.3680043.8.498.9.' || n || '", ""]]', '1.2.826.0.1.3680043.8.498.9.' || n, 0, 'PACS', '[]',
  '', '', 'done', 1, '', '2025-01-01T00:00:00.000000+00:00', '2025-01-01T00:00:00.000000+00:00',
  '2025-01-01T00:00:01.000000+00:00', '2025-01-01T00:00:09.000000+00:00', '{"finding": "a lesion"}', 0,
  '2025-01-01T00:00:00.000000+00:00'
FROM
"""
NUMBERS = {
    "sqlite": "(WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {}) "
    "SELECT n FROM counted)",
    "postgresql": "generate_series(1, {}) AS counted(n)",
}


@contextmanager
def databases() -> Iterator[dict[str, dict[str, Engine]]]:
    """Open, of each kind, an empty database and one with many jobs done."""
    folder = Path(tempfile.mkdtemp(prefix="glia-bench-", dir=quick_folder()))
    with running_postgresql() as server:
        urls = {
            "sqlite": [f"sqlite:///{folder}/{name}.sqlite" for name in ("empty", "full")],
            "postgresql": [server.url(server.new_database()) for _ in range(2)],
        }
        made = {
            kind: dict(zip(("empty", "full"), [open_database(url, 20) for url in both], strict=True))
            for kind, both in urls.items()
        }
        for kind, engines in made.items():
            with engines["full"].begin() as conn:
                conn.exec_driver_sql(DONE + NUMBERS[kind].format(FINISHED))
        for engine in made["postgresql"].values():
            settle(server, engine)
        yield made
        for engines in made.values():
            for engine in engines.values():
                engine.dispose()
    shutil.rmtree(folder)


def settle(server: PostgreSQL, engine: Engine) -> None:
    """Do what PostgreSQL does by itself soon after many rows were written."""
    assert engine.url.database is not None
    server.execute("VACUUM ANALYZE", engine.url.database)


def claims_per_second(engine: Engine, turn: int) -> float:
    """Let one worker do jobs that take no time."""
    with engine.begin() as conn:
        for number in range(CLAIMS):
            queue.enqueue(conn, new_job(series=(f"9.{turn}.{number}",)), NOW)
    began = time.perf_counter()
    for _ in range(CLAIMS):
        with engine.begin() as conn:
            queue.set_aside(conn, NOW, 3)
            job = queue.claim(conn, "w", NOW, LEASE)
        assert job is not None
        with engine.begin() as conn:
            assert queue.finish(conn, job.id, "w", "{}", NOW)
    return CLAIMS / (time.perf_counter() - began)


def received_per_second(engine: Engine, turn: int, at_once: int) -> float:
    """Let one transaction after another receive instances of series of a hundred."""
    sent = [
        replace(instance(sop=f"{turn}.{at_once}.{n}", series=f"{turn}.{at_once}.{n // 100}"), offset=n)
        for n in range(INSTANCES)
    ]

    began = time.perf_counter()
    for start in range(0, INSTANCES, AT_ONCE):
        with engine.begin() as conn:
            for first in range(start, start + AT_ONCE, at_once):
                inbox.receive_many(conn, sent[first : first + at_once])
    return INSTANCES / (time.perf_counter() - began)


@pytest.mark.timeout(1800)
def test_claims_after_a_million_jobs(capsys: pytest.CaptureFixture[str]) -> None:
    claims: dict[tuple[str, str], list[float]] = {}
    receptions: dict[tuple[str, int], list[float]] = {}
    with databases() as made:
        for turn in range(REPETITIONS):
            for kind, engines in made.items():
                for name, engine in engines.items():
                    claims.setdefault((kind, name), []).append(claims_per_second(engine, turn))
                for at_once in (1, AT_ONCE):
                    found = received_per_second(engines["empty"], turn, at_once)
                    receptions.setdefault((kind, at_once), []).append(found)
    figures = {}
    for kind in NUMBERS:
        empty, full = (statistics.median(claims[kind, name]) for name in ("empty", "full"))
        single, many = (statistics.median(receptions[kind, at_once]) for at_once in (1, AT_ONCE))
        figures[kind] = {
            "claims_per_second_empty": round(empty),
            "claims_per_second_full": round(full),
            "slower_by": round(empty / full, 2),
            "all_empty": [round(one) for one in claims[kind, "empty"]],
            "all_full": [round(one) for one in claims[kind, "full"]],
            "instances_per_second_one_by_one": round(single),
            "instances_per_second_at_once": round(many),
            "faster_by": round(many / single, 1),
        }
    with capsys.disabled():
        for kind, measured in figures.items():
            print(  # noqa: T201 - the figure is what a bench is for
                f"\n{kind}: {measured['claims_per_second_empty']} jobs a second claimed and closed, after {FINISHED} "
                f"jobs {measured['claims_per_second_full']}: {measured['slower_by']} times as long"
                f"\n  {measured['instances_per_second_one_by_one']} instances a second recorded one by one, "
                f"{measured['instances_per_second_at_once']} at once: {measured['faster_by']} times as many"
            )
    if folder := os.environ.get("FIGURES"):
        (REPOSITORY / folder).mkdir(parents=True, exist_ok=True)
        text = json.dumps(surroundings() | {"databases": figures}, indent=2)
        (REPOSITORY / folder / "queue.json").write_text(text + "\n", encoding="utf-8")
    for measured in figures.values():
        assert measured["slower_by"] <= GOAL  # type: ignore[operator]


def surroundings() -> dict[str, object]:
    """Return what the figures depend on."""
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    return {
        "what": f"{CLAIMS} jobs claimed and closed by one worker, two transactions each, in an empty table and beside "
        f"{FINISHED} finished jobs; {INSTANCES} instances recorded, {AT_ONCE} a transaction; in memory",
        "command": COMMAND,
        "measured": datetime.now(UTC).date().isoformat(),
        "repetitions": REPETITIONS,
        "cpu": cpu.split(":")[1].strip(),
        "processors": len(os.sched_getaffinity(0)),
        "versions": {
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            **{name: version(name) for name in ("sqlalchemy", "psycopg")},
        },
    }
