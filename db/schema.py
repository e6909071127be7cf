"""The tables: what is received, what is to be analysed, what is owed.

A change of them is a new file in db/migrations/versions, and a new `HEAD`.
"""

from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, Table, UniqueConstraint, text

from db.columns import BYTES, File, Inputs, Sentences, Text, Time, UidSet, known
from db.records import Action, DeliveryState, JobState, SeriesState

HEAD = "0002"
"""The revision of these tables."""

# What closed rows are not part of: finding work costs the same however much has been done. They are text, because a
# database uses such an index only where it sees the same words in the question.
OPEN_JOBS = text("state IN ('waiting', 'running')")
RUNNING_JOBS = text("state = 'running'")
SUPERSEDED_JOBS = text("state IN ('waiting', 'running') AND superseded_by IS NOT NULL")
OPEN_DELIVERIES = text("state IN ('waiting', 'sending')")

metadata = MetaData()

series = Table(
    "series",
    metadata,
    Column("series_instance_uid", Text, primary_key=True),
    Column("study_instance_uid", Text, nullable=False, index=True),
    Column("calling_ae_title", Text, nullable=False),
    Column("modality", Text, nullable=False),
    Column("sop_class_uid", Text, nullable=False),
    Column("series_description", Text, nullable=False),
    Column("instances", Integer, nullable=False),
    Column("first_received_at", Time, nullable=False),
    Column("last_received_at", Time, nullable=False),
    Column("released_at", Time),
    Column("generation", Integer, nullable=False),
    Column("state", known(SeriesState), nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("candidates", Text, nullable=False),
    Column("waiting_until", Time),
)

# The series is part of the key: a SOP Instance UID that a broken sender uses in two series must not take an
# acknowledged instance out of the first.
instances = Table(
    "instances",
    metadata,
    Column("series_instance_uid", ForeignKey(series.c.series_instance_uid), primary_key=True),
    Column("sop_instance_uid", Text, primary_key=True),
    Column("sop_class_uid", Text, nullable=False),
    Column("study_instance_uid", Text, nullable=False),
    Column("transfer_syntax_uid", Text, nullable=False),
    Column("calling_ae_title", Text, nullable=False),
    Column("modality", Text, nullable=False),
    Column("series_description", Text, nullable=False),
    Column("path", File, nullable=False, index=True),
    Column("size", BYTES, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("received_at", Time, nullable=False),
    Column("offset", BYTES, nullable=False, server_default="0"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", Text, nullable=False),
    Column("study_instance_uid", Text, nullable=False, index=True),
    Column("inputs", Inputs, nullable=False),
    Column("series_instance_uids", UidSet, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("calling_ae_title", Text, nullable=False),
    Column("notes", Sentences, nullable=False),
    Column("refusal", Text, nullable=False),
    Column("failure", Text, nullable=False),
    Column("state", known(JobState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("enqueued_at", Time, nullable=False),
    Column("not_before", Time, nullable=False),
    Column("claimed_by", Text),
    Column("lease_until", Time),
    Column("started_at", Time),
    Column("finished_at", Time),
    Column("report", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("counts_from", Time, nullable=False),
    Column("superseded_by", ForeignKey("jobs.id")),
    UniqueConstraint("model", "inputs", "generation"),
    Index("open_jobs", "counts_from", "id", sqlite_where=OPEN_JOBS, postgresql_where=OPEN_JOBS),
    Index("running_jobs", "id", sqlite_where=RUNNING_JOBS, postgresql_where=RUNNING_JOBS),
    Index("superseded_jobs", "id", sqlite_where=SUPERSEDED_JOBS, postgresql_where=SUPERSEDED_JOBS),
)

# What a person has done to a job.
interventions = Table(
    "interventions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey(jobs.c.id), nullable=False, index=True),
    Column("action", known(Action), nullable=False),
    Column("person", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Time, nullable=False),
)

results = Table(
    "results",
    metadata,
    Column("sop_instance_uid", Text, primary_key=True),
    Column("job_id", ForeignKey(jobs.c.id), nullable=False, index=True),
    Column("sop_class_uid", Text, nullable=False),
    Column("series_instance_uid", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("path", File, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sop_instance_uid", ForeignKey(results.c.sop_instance_uid), nullable=False),
    Column("destination", Text, nullable=False),
    Column("state", known(DeliveryState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Time, nullable=False),
    Column("claimed_by", Text),
    Column("lease_until", Time),
    Column("delivered_at", Time),
    Column("reason", Text, nullable=False),
    UniqueConstraint("sop_instance_uid", "destination"),
    Index("open_deliveries", "id", sqlite_where=OPEN_DELIVERIES, postgresql_where=OPEN_DELIVERIES),
)

# How far each segment of the spool has been indexed; written with the rows.
spool_segments = Table(
    "spool_segments",
    metadata,
    Column("segment", Text, primary_key=True),
    Column("indexed_to", BYTES, nullable=False),
)
