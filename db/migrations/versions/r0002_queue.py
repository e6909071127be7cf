"""Priority, hold, cancellation, succession and interventions of jobs; instances within segments of the spool."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# Text that PostgreSQL compares character by character, as SQLite does.
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
BYTES = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIMES = ("lease_until", "started_at", "finished_at")

OLDER_STATES = ("waiting", "running", "done", "failed")
STATES = ("waiting", "running", "held", "done", "failed", "cancelled", "superseded")
ACTIONS = ("hold", "release", "cancel", "requeue")
OPEN_JOBS = sa.text("state IN ('waiting', 'running')")
RUNNING_JOBS = sa.text("state = 'running'")
SUPERSEDED_JOBS = sa.text("state IN ('waiting', 'running') AND superseded_by IS NOT NULL")
OPEN_DELIVERIES = sa.text("state IN ('waiting', 'sending')")


def upgrade() -> None:
    """Make a job's priority routine, and let it count from when it was enqueued."""
    op.drop_index("due_jobs", "jobs")
    if op.get_bind().dialect.name == "sqlite":
        copy_jobs(STATES, ("0", "enqueued_at", "NULL"))
    else:
        allow(STATES)
        op.add_column("jobs", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
        op.add_column("jobs", sa.Column("counts_from", TEXT, nullable=True))
        op.add_column("jobs", sa.Column("superseded_by", sa.Integer(), nullable=True))
        op.execute("UPDATE jobs SET counts_from = enqueued_at")
        op.alter_column("jobs", "priority", server_default=None)
        op.alter_column("jobs", "counts_from", nullable=False)
        op.create_foreign_key(None, "jobs", "jobs", ["superseded_by"], ["id"])
    make_index("open_jobs", "jobs", ["counts_from", "id"], OPEN_JOBS)
    make_index("running_jobs", "jobs", ["id"], RUNNING_JOBS)
    make_index("superseded_jobs", "jobs", ["id"], SUPERSEDED_JOBS)
    op.create_table(
        "interventions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("job_id", sa.Integer(), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("action", known("Action", ACTIONS), nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("at", TEXT, nullable=False),
    )
    op.create_index("ix_interventions_job_id", "interventions", ["job_id"])
    op.drop_index("due_deliveries", "deliveries")
    make_index("open_deliveries", "deliveries", ["id"], OPEN_DELIVERIES)
    op.add_column("instances", sa.Column("offset", BYTES, nullable=False, server_default="0"))
    op.create_index("ix_instances_path", "instances", ["path"])
    op.create_table(
        "spool_segments",
        sa.Column("segment", TEXT, primary_key=True),
        sa.Column("indexed_to", BYTES, nullable=False),
    )


def downgrade() -> None:
    """Keep what fits: a held job waits, a cancelled or superseded one has failed; segments are unknown."""
    op.drop_table("spool_segments")
    op.drop_index("ix_instances_path", "instances")
    op.execute('DELETE FROM instances WHERE "offset" > 0')
    op.drop_column("instances", "offset")
    op.drop_index("open_deliveries", "deliveries")
    op.create_index("due_deliveries", "deliveries", ["state", "not_before"])
    op.drop_table("interventions")
    for index in ("open_jobs", "running_jobs", "superseded_jobs"):
        op.drop_index(index, "jobs")
    op.execute("UPDATE jobs SET state = 'waiting' WHERE state = 'held'")
    op.execute("UPDATE jobs SET state = 'failed' WHERE state IN ('cancelled', 'superseded')")
    if op.get_bind().dialect.name == "sqlite":
        copy_jobs(OLDER_STATES, ())
    else:
        for column in ("priority", "counts_from", "superseded_by"):
            op.drop_column("jobs", column)
        allow(OLDER_STATES)
    op.create_index("due_jobs", "jobs", ["state", "not_before"])


def known(name: str, states: tuple[str, ...]) -> sa.Enum:
    """Return the type of a column of states."""
    return sa.Enum(*states, name=f"known_{name}", native_enum=False, create_constraint=True)


def make_index(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    """Make an index of some of the rows."""
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def allow(states: tuple[str, ...]) -> None:
    """Let jobs be in these states."""
    op.drop_constraint("known_JobState", "jobs", type_="check")
    op.alter_column("jobs", "state", type_=sa.String(max(map(len, states))))
    op.create_check_constraint("known_JobState", "jobs", sa.column("state", sa.String()).in_(states))


def copy_jobs(states: tuple[str, ...], more: tuple[str, ...]) -> None:
    """Make the table of jobs anew, because SQLite changes no constraint, with the values of ``more`` columns.

    Foreign keys are not enforced meanwhile, and those of other tables go by its name.
    """
    words = ("model", "study_instance_uid", "inputs", "series_instance_uids", "calling_ae_title", "notes")
    older: list[sa.Column[Any]] = [
        sa.Column("id", sa.Integer(), primary_key=True),
        *(sa.Column(name, TEXT, nullable=False) for name in words),
        *(sa.Column(name, TEXT, nullable=False) for name in ("refusal", "failure", "reason", "report")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("generation", "attempts")),
        sa.Column("state", known("JobState", states), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("enqueued_at", "not_before")),
        *(sa.Column(name, TEXT) for name in ("claimed_by", *TIMES)),
    ]
    newer: list[sa.Column[Any]] = [
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("counts_from", TEXT, nullable=False),
        sa.Column("superseded_by", sa.Integer(), sa.ForeignKey("jobs.id")),
    ]
    unique = sa.UniqueConstraint("model", "inputs", "generation")
    op.create_table("jobs_anew", *older, *newer[: len(more)], unique)
    names = ", ".join(column.name for column in older)
    op.execute(f"INSERT INTO jobs_anew SELECT {', '.join((names, *more))} FROM jobs")  # noqa: S608 - names of ours
    op.drop_table("jobs")
    op.rename_table("jobs_anew", "jobs")
    op.create_index("ix_jobs_study_instance_uid", "jobs", ["study_instance_uid"])
