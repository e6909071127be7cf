import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func, select
from support.records import NOW, new_job

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


def take(conn: Connection, limit: int) -> list[int]:
    """Take jobs, the last enqueued first."""
    wanted = claim.due(schema.jobs, schema.OPEN_JOBS, JobState.WAITING, JobState.RUNNING, NOW)
    return claim.take(conn, schema.jobs, wanted, [schema.jobs.c.id.desc()], limit, {"state": JobState.DONE})


def test_taking_is_limited_and_in_the_order_that_is_asked_for(engine: Engine) -> None:
    with engine.begin() as conn:
        ids = [queue.enqueue(conn, new_job(series=(f"1.{n}",)), NOW) for n in range(5)]

        assert take(conn, 2) == ids[3:]
        assert take(conn, 9) == ids[:3]
        assert take(conn, 9) == []


def test_what_another_is_about_to_take_is_passed_over_or_waited_for(engine: Engine, other_engine: Engine) -> None:
    with engine.begin() as conn:
        ids = [queue.enqueue(conn, new_job(series=(f"1.{n}",)), NOW) for n in range(3)]

    def take_one() -> list[int]:
        with other_engine.begin() as conn:
            return take(conn, 1)

    with ThreadPoolExecutor(1) as pool, engine.begin() as conn:
        mine = take(conn, 1)
        other = pool.submit(take_one)
        if engine.dialect.name == "postgresql":
            assert other.result(30) == [ids[1]]  # while mine is not committed yet
        conn.commit()

        assert (mine, other.result(30)) == ([ids[2]], [ids[1]])


def test_what_is_done_one_at_a_time_waits_for_the_other_to_be_committed(engine: Engine, other_engine: Engine) -> None:
    order = []

    def second() -> None:
        with other_engine.begin() as conn:
            claim.one_at_a_time(conn, "this")
            order.append("second")

    with ThreadPoolExecutor(1) as pool, engine.begin() as conn:
        claim.one_at_a_time(conn, "this")
        waiting = pool.submit(second)
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        order.append("first")
        conn.commit()
        waiting.result(30)

    assert order == ["first", "second"]


def test_looking_for_work_does_not_read_what_is_done(engine: Engine) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        if engine.dialect.name == "postgresql":
            conn.exec_driver_sql("SET LOCAL enable_seqscan TO off")  # of a table that is nearly empty it would be best
        asked.clear()
        queue.set_aside(conn, NOW, 3)
        queue.claim(conn, "w1", NOW, timedelta(seconds=60))
        queue.next_due(conn, NOW)
        outbox.claim(conn, "s1", NOW, timedelta(seconds=60), 10)
        outbox.next_due(conn, NOW)

        plans = {text: explained(conn, text, values) for text, values in tuple(asked) if "pg_notify" not in text}

    assert len(plans) == 10  # 3 updates, the claim and its job, 2 questions; a claim, 2 questions
    assert not [
        plan
        for plan in plans.values()
        if "Seq Scan" in plan or re.search(r"SCAN (jobs|results|deliveries)$", plan, re.M)
    ]
    for text, plan in plans.items():
        if "state IN (" in text or "state = 'running'" in text:
            assert re.search("open_jobs|running_jobs|superseded_jobs|open_deliveries", plan), (text, plan)


def explained(conn: Connection, text: str, values: Any) -> str:
    explain = "EXPLAIN QUERY PLAN" if conn.dialect.name == "sqlite" else "EXPLAIN"
    return "\n".join(str(row[-1]) for row in conn.exec_driver_sql(f"{explain} {text}", values))


def test_a_row_is_inserted_once(engine: Engine) -> None:
    row = {"job_id": None, "sop_class_uid": "1", "series_instance_uid": "1.4", "kind": "SEG", "path": Path("/x")}
    row["sop_instance_uid"] = "1.5"
    with engine.begin() as conn:
        row["job_id"] = queue.enqueue(conn, new_job(), NOW)

        assert claim.insert_once(conn, schema.results, row) == "1.5"
        assert claim.insert_once(conn, schema.results, row | {"kind": "SR"}) is None

        assert conn.execute(select(schema.results.c.kind)).scalars().all() == ["SEG"]
        assert conn.execute(select(func.count()).select_from(schema.results)).scalar_one() == 1


def test_rows_are_inserted_or_replaced_together(engine: Engine) -> None:
    def row(segment: str, indexed_to: int) -> dict[str, object]:
        return {"segment": segment, "indexed_to": indexed_to}

    table = schema.spool_segments
    with engine.begin() as conn:
        claim.insert_or_replace(conn, table, [row("a", 1), row("b", 2)])
        claim.insert_or_replace(conn, table, [row("b", 3), row("c", 4)])
        claim.insert_or_replace(conn, table, [])

        rows = conn.execute(select(table.c.segment, table.c.indexed_to).order_by(table.c.segment)).all()
    assert [tuple(one) for one in rows] == [("a", 1), ("b", 3), ("c", 4)]
