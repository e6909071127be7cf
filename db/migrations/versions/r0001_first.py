"""The tables of the first release: version 3 of its SQLite files."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Text that PostgreSQL compares character by character, as SQLite does.
TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
BYTES = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def text(name: str, nullable: bool = False) -> sa.Column[str]:
    """Return a column of text."""
    return sa.Column(name, TEXT, nullable=nullable)


def number(name: str) -> sa.Column[int]:
    """Return a column of numbers."""
    return sa.Column(name, sa.Integer(), nullable=False)


def known(name: str, *states: str) -> sa.Enum:
    """Return the type of a column of states."""
    return sa.Enum(*states, name=f"known_{name}", native_enum=False, create_constraint=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "series",
        text("series_instance_uid"),
        text("study_instance_uid"),
        text("calling_ae_title"),
        text("modality"),
        text("sop_class_uid"),
        text("series_description"),
        number("instances"),
        text("first_received_at"),
        text("last_received_at"),
        text("released_at", nullable=True),
        number("generation"),
        sa.Column("state", known("SeriesState", "receiving", "waiting", "enqueued", "refused"), nullable=False),
        text("reason"),
        text("candidates"),
        text("waiting_until", nullable=True),
        sa.PrimaryKeyConstraint("series_instance_uid"),
    )
    op.create_index("ix_series_study_instance_uid", "series", ["study_instance_uid"])
    op.create_index("ix_series_state", "series", ["state"])
    op.create_table(
        "instances",
        text("series_instance_uid"),
        text("sop_instance_uid"),
        text("sop_class_uid"),
        text("study_instance_uid"),
        text("transfer_syntax_uid"),
        text("calling_ae_title"),
        text("modality"),
        text("series_description"),
        text("path"),
        sa.Column("size", BYTES, nullable=False),
        text("sha256"),
        text("received_at"),
        sa.PrimaryKeyConstraint("series_instance_uid", "sop_instance_uid"),
        sa.ForeignKeyConstraint(["series_instance_uid"], ["series.series_instance_uid"]),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), primary_key=True),
        text("model"),
        text("study_instance_uid"),
        text("inputs"),
        text("series_instance_uids"),
        number("generation"),
        text("calling_ae_title"),
        text("notes"),
        text("refusal"),
        text("failure"),
        sa.Column("state", known("JobState", "waiting", "running", "done", "failed"), nullable=False),
        number("attempts"),
        text("reason"),
        text("enqueued_at"),
        text("not_before"),
        text("claimed_by", nullable=True),
        text("lease_until", nullable=True),
        text("started_at", nullable=True),
        text("finished_at", nullable=True),
        text("report"),
        sa.UniqueConstraint("model", "inputs", "generation"),
    )
    op.create_index("ix_jobs_study_instance_uid", "jobs", ["study_instance_uid"])
    op.create_index("due_jobs", "jobs", ["state", "not_before"])
    op.create_table(
        "results",
        text("sop_instance_uid"),
        number("job_id"),
        text("sop_class_uid"),
        text("series_instance_uid"),
        text("kind"),
        text("path"),
        sa.PrimaryKeyConstraint("sop_instance_uid"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"]),
    )
    op.create_index("ix_results_job_id", "results", ["job_id"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), primary_key=True),
        text("sop_instance_uid"),
        text("destination"),
        sa.Column("state", known("DeliveryState", "waiting", "sending", "delivered", "failed"), nullable=False),
        number("attempts"),
        text("not_before"),
        text("claimed_by", nullable=True),
        text("lease_until", nullable=True),
        text("delivered_at", nullable=True),
        text("reason"),
        sa.ForeignKeyConstraint(["sop_instance_uid"], ["results.sop_instance_uid"]),
        sa.UniqueConstraint("sop_instance_uid", "destination"),
    )
    op.create_index("due_deliveries", "deliveries", ["state", "not_before"])


def downgrade() -> None:
    """Remove the tables, and all that is in them."""
    for table in ("deliveries", "results", "jobs", "instances", "series"):
        op.drop_table(table)
