"""What a person does to a job; each is written down with who, when and why.

Every function returns False, and writes nothing down, when the job is not in a state in which that can be done.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Update, insert, select, update

from db import queue
from db.claim import FREE, announce
from db.records import Action, JobState
from db.schema import interventions, jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who wants it, why and when."""

    person: str
    reason: str
    at: datetime


def hold(conn: Connection, job_id: int, order: Order) -> bool:
    """Keep a job that waits from being claimed."""
    return _do(conn, job_id, Action.HOLD, order, _held_back(jobs.c.state == JobState.WAITING, JobState.HELD))


def release(conn: Connection, job_id: int, order: Order) -> bool:
    """Let a job that is held be claimed again."""
    return _do(conn, job_id, Action.RELEASE, order, _held_back(jobs.c.state == JobState.HELD, JobState.WAITING))


def cancel(conn: Connection, job_id: int, order: Order) -> bool:
    """Close a job that is not closed; when one is running, what its worker makes of it is dropped."""
    open_ = jobs.c.state.in_([JobState.WAITING, JobState.RUNNING, JobState.HELD])
    closed = {"state": JobState.CANCELLED, "reason": order.reason, "finished_at": order.at}
    return _do(conn, job_id, Action.CANCEL, order, update(jobs).where(open_).values(**FREE | closed))


def requeue(conn: Connection, job_id: int, order: Order) -> bool:
    """Let a closed job be analysed anew, as if it had just been enqueued.

    Not when it is superseded, or when its model has been asked about a later generation of the same inputs.
    """
    later = jobs.alias()
    overtaken = select(later.c.id).where(
        later.c.model == jobs.c.model, later.c.inputs == jobs.c.inputs, later.c.generation > jobs.c.generation
    )
    closed = jobs.c.state.in_([JobState.DONE, JobState.FAILED, JobState.CANCELLED])
    priority = conn.execute(select(jobs.c.priority).where(jobs.c.id == job_id)).scalar_one_or_none() or 0
    anew = {
        "state": JobState.WAITING,
        "attempts": 0,
        "failure": "",
        "reason": "",
        "report": "",
        "not_before": order.at,
        "counts_from": order.at - priority * queue.STEP,
        "started_at": None,
        "finished_at": None,
    }
    statement = update(jobs).where(closed, ~overtaken.correlate(jobs).exists()).values(**anew)
    return _do(conn, job_id, Action.REQUEUE, order, statement)


def _held_back(wanted: ColumnElement[bool], state: JobState) -> Update:
    return update(jobs).where(wanted).values(state=state)


def _do(conn: Connection, job_id: int, action: Action, order: Order, statement: Update) -> bool:
    if conn.execute(statement.where(jobs.c.id == job_id)).rowcount != 1:
        return False
    written = {"action": action, "person": order.person, "reason": order.reason, "at": order.at}
    conn.execute(insert(interventions).values(job_id=job_id, **written))
    announce(conn, jobs)
    return True
