import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, func, select
from support.records import NOW, after, new_job

from db import claim, outbox, queue, schema
from db.records import JobState

ROOT = Path(__file__).parents[3]

WORKER = """
import sys
from datetime import UTC, datetime, timedelta
from db import queue
from db.engine import open_database
engine = open_database(sys.argv[1], 20)
print("ready", flush=True)
sys.stdin.readline()
while True:
    with engine.begin() as conn:
        job = queue.claim(conn, sys.argv[2], datetime.now(UTC), timedelta(hours=1))
    if job is None:
        break
    print(job.id, flush=True)
"""


def test_processes_that_contend_take_each_job_exactly_once(engine: Engine, url: str) -> None:
    with engine.begin() as conn:
        ids = [queue.enqueue(conn, new_job(series=(f"1.{n}",)), NOW) for n in range(60)]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, url, f"w{n}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(3)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"

    for worker in workers:  # all are ready: now at once
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    taken = [[int(line) for line in worker.communicate(timeout=60)[0].split()] for worker in workers]

    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert sorted(job_id for own in taken for job_id in own) == ids


def test_taking_is_limited_and_oldest_first_even_if_it_was_due_later(engine: Engine) -> None:
    jobs = schema.jobs
    with engine.begin() as conn:
        ids = [queue.enqueue(conn, new_job(series=(f"1.{n}",)), after(-n)) for n in range(5)]
        wanted = claim.due(jobs, JobState.WAITING, JobState.RUNNING, NOW)

        assert claim.take(conn, jobs, wanted, 2, {"state": JobState.DONE}) == ids[:2]
        assert claim.take(conn, jobs, wanted, 9, {"state": JobState.DONE}) == ids[2:]
        assert claim.take(conn, jobs, wanted, 9, {"state": JobState.DONE}) == []


def test_looking_for_work_does_not_read_what_is_done(engine: Engine) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    with engine.begin() as conn:
        queue.fail_killers(conn, NOW, 3)
        queue.claim(conn, "w1", NOW, timedelta(seconds=60))
        outbox.claim(conn, "s1", NOW, timedelta(seconds=60), 10)

        updates = [(text, values) for text, values in asked if text.startswith("UPDATE")]
        plans = [conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all() for text, values in updates]

    assert len(plans) == 4
    assert not [step.detail for plan in plans for step in plan if step.detail.startswith("SCAN")]


def test_a_row_is_inserted_once(engine: Engine) -> None:
    row = {"job_id": None, "sop_class_uid": "1", "series_instance_uid": "1.4", "kind": "SEG", "path": Path("/x")}
    row["sop_instance_uid"] = "1.5"
    with engine.begin() as conn:
        row["job_id"] = queue.enqueue(conn, new_job(), NOW)

        assert claim.insert_once(conn, schema.results, row) == "1.5"
        assert claim.insert_once(conn, schema.results, row | {"kind": "SR"}) is None

        assert conn.execute(select(schema.results.c.kind)).scalars().all() == ["SEG"]
        assert conn.execute(select(func.count()).select_from(schema.results)).scalar_one() == 1
