"""Everything that can happen to the queue, in any order, beside a model of it in a few lines of Python."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine
from support.records import NOW, new_job

from db import interventions, queue, schema
from db.interventions import Order
from db.records import Job, JobState
from db.rows import jobs_where

LEASE = timedelta(seconds=60)
MAXIMUM_ATTEMPTS = 2
WORKERS = ("w0", "w1", "w2")
OPEN = (JobState.WAITING, JobState.RUNNING, JobState.HELD)
REQUEUED_FROM = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass
class Modelled:
    """What a job should be."""

    id: int
    series: str
    generation: int
    priority: int
    counts_from: datetime
    not_before: datetime
    state: JobState = JobState.WAITING
    attempts: int = 0
    owner: str | None = None
    lease_until: datetime = NOW
    failure: bool = False
    superseded_by: int | None = None

    def put(self, state: JobState) -> None:
        """Take it from its owner."""
        self.state = state
        self.owner = None

    def abandoned(self, now: datetime) -> bool:
        return self.state is JobState.RUNNING and self.lease_until <= now

    def claimable(self, now: datetime) -> bool:
        due = self.state is JobState.WAITING and self.not_before <= now
        return self.superseded_by is None and (due or self.abandoned(now))


class QueueMachine(RuleBasedStateMachine):
    """Several workers, a person, a sender of late slices, and time; ``engines`` are processes on one database."""

    engines: tuple[Engine, ...]

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.jobs: dict[int, Modelled] = {}
        self.believed: list[tuple[str, int]] = []
        with self.engines[0].begin() as conn:
            for table in (schema.interventions, schema.jobs):
                conn.execute(table.delete())

    @rule(series=st.sampled_from("abc"), priority=st.sampled_from([0, 1, 2]), process=st.integers(0, 1))
    def slices_come(self, series: str, priority: int, process: int) -> None:
        same = [job for job in self.jobs.values() if job.series == series]
        new = new_job(series=(series,), generation=len(same), priority=priority)
        with self.engines[process].begin() as conn:
            job_id = queue.enqueue(conn, new, self.now)
            assert queue.enqueue(conn, new, self.now) is None
        assert job_id is not None
        for job in same:
            if job.state in OPEN:
                job.superseded_by = job_id
                if job.state is not JobState.RUNNING:
                    job.state = JobState.SUPERSEDED
        counts_from = self.now - priority * queue.STEP
        self.jobs[job_id] = Modelled(job_id, series, len(same), priority, counts_from, self.now)

    @rule(worker=st.sampled_from(WORKERS), process=st.integers(0, 1))
    def a_worker_claims(self, worker: str, process: int) -> None:
        self._claim(worker, process)

    @rule(worker=st.sampled_from(WORKERS), process=st.integers(0, 1))
    def a_worker_claims_and_dies(self, worker: str, process: int) -> None:
        if self._claim(worker, process) is not None:
            self.now += LEASE

    @rule(worker=st.sampled_from(WORKERS), process=st.integers(0, 1))
    def a_worker_claims_and_finishes(self, worker: str, process: int) -> None:
        claimed = self._claim(worker, process)
        if claimed is not None:
            with self.engines[process].begin() as conn:
                assert queue.finish(conn, claimed, worker, "{}", self.now)
            self.jobs[claimed].put(JobState.DONE)

    @precondition(lambda self: self.believed)
    @rule(data=st.data(), process=st.integers(0, 1))
    def a_worker_beats(self, data: st.DataObject, process: int) -> None:
        worker, job = self._one_believed(data)
        with self.engines[process].begin() as conn:
            assert queue.heartbeat(conn, job.id, worker, self.now + LEASE) == (job.owner == worker)
        if job.owner == worker:
            job.lease_until = self.now + LEASE

    @precondition(lambda self: self.believed)
    @rule(data=st.data(), process=st.integers(0, 1), how=st.sampled_from([queue.finish, queue.fail]))
    def a_worker_closes(self, data: st.DataObject, process: int, how: object) -> None:
        worker, job = self._one_believed(data)
        ours = job.owner == worker
        with self.engines[process].begin() as conn:
            accepted = how(conn, job.id, worker, "{}", self.now)  # type: ignore[operator]
        assert accepted == (ours and job.superseded_by is None)
        if ours:
            closed = JobState.DONE if how is queue.finish else JobState.FAILED
            job.put(JobState.SUPERSEDED if job.superseded_by else closed)

    @precondition(lambda self: self.believed)
    @rule(data=st.data(), process=st.integers(0, 1), seconds=st.integers(1, 100))
    def a_worker_postpones(self, data: st.DataObject, process: int, seconds: int) -> None:
        worker, job = self._one_believed(data)
        if job.attempts >= MAXIMUM_ATTEMPTS:
            return
        ours = job.owner == worker
        not_before = self.now + timedelta(seconds=seconds)
        with self.engines[process].begin() as conn:
            assert queue.postpone(conn, job.id, worker, "no memory", not_before) == ours
        if ours:
            job.not_before = not_before
            job.put(JobState.WAITING)

    @precondition(lambda self: self.believed)
    @rule(data=st.data(), process=st.integers(0, 1))
    def a_worker_leaves(self, data: st.DataObject, process: int) -> None:
        worker, job = self._one_believed(data)
        ours = job.owner == worker
        with self.engines[process].begin() as conn:
            assert queue.hand_back(conn, job.id, worker) == ours
        if ours:
            job.attempts -= 1
            job.put(JobState.WAITING)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), action=st.sampled_from(["hold", "release", "cancel", "requeue"]))
    def a_person_intervenes(self, data: st.DataObject, action: str) -> None:
        job = self.jobs[data.draw(st.sampled_from(sorted(self.jobs)))]
        later = any(o.series == job.series and o.generation > job.generation for o in self.jobs.values())
        possible, state = {
            "hold": (job.state is JobState.WAITING, JobState.HELD),
            "release": (job.state is JobState.HELD, JobState.WAITING),
            "cancel": (job.state in OPEN, JobState.CANCELLED),
            "requeue": (job.state in REQUEUED_FROM and not later, JobState.WAITING),
        }[action]
        with self.engines[1].begin() as conn:
            done = getattr(interventions, action)(conn, job.id, Order(person="x", reason="", at=self.now))
        assert done == possible
        if possible:
            job.put(state)
        if possible and action == "requeue":
            job.attempts, job.failure, job.not_before = 0, False, self.now
            job.counts_from = self.now - job.priority * queue.STEP

    @rule(seconds=st.sampled_from([1, 30, 61, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def every_job_is_as_it_should_be(self) -> None:
        with self.engines[0].begin() as conn:
            found = {job.id: job for job in jobs_where(conn)}
            due = queue.next_due(conn, self.now)
        assert {one: self._outline(job) for one, job in found.items()} == {
            one: (job.state, job.attempts, job.failure, job.superseded_by) for one, job in self.jobs.items()
        }
        assert all(job.attempts <= MAXIMUM_ATTEMPTS + 1 for job in found.values())
        # A superseded job whose worker has died is not to be claimed, but to be set aside.
        wanted = any(job.claimable(self.now) or job.abandoned(self.now) for job in self.jobs.values())
        assert (due is not None and due <= self.now) == wanted

    def teardown(self) -> None:
        """Let workers that never die do what is left: every job comes to its end, in its order."""
        if not hasattr(self, "jobs"):
            return
        for job in self.jobs.values():
            if job.state is JobState.HELD:
                with self.engines[0].begin() as conn:
                    assert interventions.release(conn, job.id, Order(person="x", reason="", at=self.now))
                job.put(JobState.WAITING)
        self.now += timedelta(hours=2)
        order = []
        while (claimed := self._claim("w9", 0)) is not None:
            order.append((self.jobs[claimed].counts_from, claimed))
            with self.engines[0].begin() as conn:
                assert queue.finish(conn, claimed, "w9", "{}", self.now)
            self.jobs[claimed].put(JobState.DONE)
        assert order == sorted(order)
        assert not [job for job in self.jobs.values() if job.state in OPEN]
        self.every_job_is_as_it_should_be()

    def _claim(self, worker: str, process: int) -> int | None:
        with self.engines[process].begin() as conn:
            given_up = queue.set_aside(conn, self.now, MAXIMUM_ATTEMPTS)
            claimed = queue.claim(conn, worker, self.now, LEASE)
        assert {job.id for job in given_up} == self._set_aside()
        claimable = [job for job in self.jobs.values() if job.claimable(self.now)]
        first = min(claimable, key=lambda job: (job.counts_from, job.id), default=None)
        assert (claimed and claimed.id) == (first and first.id)
        if first is None:
            return None
        first.state, first.owner, first.lease_until = JobState.RUNNING, worker, self.now + LEASE
        first.attempts += 1
        self.believed.append((worker, first.id))
        return first.id

    def _set_aside(self) -> set[int]:
        given_up = set()
        for job in self.jobs.values():
            nobodys = job.abandoned(self.now)
            if job.superseded_by and (job.state is JobState.WAITING or nobodys):
                job.put(JobState.SUPERSEDED)
            elif nobodys and job.attempts >= MAXIMUM_ATTEMPTS and job.failure:
                job.put(JobState.FAILED)
                given_up.add(job.id)
            elif nobodys and job.attempts >= MAXIMUM_ATTEMPTS:
                job.put(JobState.WAITING)
                job.failure, job.not_before = True, self.now
        return given_up

    def _one_believed(self, data: st.DataObject) -> tuple[str, Modelled]:
        """Choose what a worker takes for its own, rightly or because it has not noticed yet."""
        worker, job_id = data.draw(st.sampled_from(self.believed))
        return worker, self.jobs[job_id]

    @staticmethod
    def _outline(job: Job) -> tuple[JobState, int, bool, int | None]:
        return job.state, job.attempts, bool(job.failure), job.superseded_by


def run_queue_machine(engines: tuple[Engine, Engine], examples: int, steps: int = 50) -> None:
    """Let many things happen, and raise where the queue is not what it should be."""
    machine = type("Machine", (QueueMachine,), {"engines": engines})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            phases=(Phase.generate,),  # to shorten what went wrong would take minutes; the steps are printed
            suppress_health_check=list(HealthCheck),
        ),
    )
