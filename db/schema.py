"""The tables: what is received, what is to be analysed, what is owed."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import (
    Column,
    Dialect,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
)

from db.records import DeliveryState, JobInput, JobState, SeriesState

VERSION = 3
"""Kept in the file as SQLite's ``user_version``; raised with every change of the tables."""


class Time(TypeDecorator[datetime]):
    """An instant, as ISO 8601 text in UTC of fixed width: it sorts as time does, and a person can read it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (inherited)
        """Write an aware time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a time zone: {value}")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (inherited)
        """Read a time in UTC."""
        return None if value is None else datetime.fromisoformat(value)


class File(TypeDecorator[Path]):
    """A file's path."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Path | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (inherited)
        """Write a path."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Path | None:  # noqa: ARG002 (inherited)
        """Read a path."""
        return None if value is None else Path(value)


class UidSet(TypeDecorator[tuple[str, ...]]):
    """UIDs without an order: sorted, so that the same set is the same text; joined as in DICOM (PS3.5 6.4)."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (inherited)
        """Write a set of UIDs."""
        return None if value is None else "\\".join(sorted(set(value)))

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:  # noqa: ARG002 (inherited)
        """Read a set of UIDs."""
        return None if value is None else tuple(value.split("\\"))


class Inputs(TypeDecorator[tuple[JobInput, ...]]):
    """What a model is given, in its order, as JSON: the same inputs are the same text."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: tuple[JobInput, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (inherited)
        """Write inputs; as ASCII, because what a header says need not be text that SQLite takes."""
        if value is None:
            return None
        return json.dumps([(one.sequence, one.series_instance_uid, one.part) for one in value])

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[JobInput, ...] | None:  # noqa: ARG002 (inherited)
        """Read inputs."""
        return None if value is None else tuple(JobInput(*one) for one in json.loads(value))


class Sentences(TypeDecorator[tuple[str, ...]]):
    """Sentences in their order, as JSON in ASCII."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (inherited)
        """Write sentences."""
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:  # noqa: ARG002 (inherited)
        """Read sentences."""
        return None if value is None else tuple(json.loads(value))


def _state(states: type[StrEnum]) -> Enum:
    return Enum(
        states,
        native_enum=False,
        create_constraint=True,
        name=f"known_{states.__name__}",
        values_callable=lambda members: [str(member) for member in members],
    )


metadata = MetaData()

series = Table(
    "series",
    metadata,
    Column("series_instance_uid", String, primary_key=True),
    Column("study_instance_uid", String, nullable=False, index=True),
    Column("calling_ae_title", String, nullable=False),
    Column("modality", String, nullable=False),
    Column("sop_class_uid", String, nullable=False),
    Column("series_description", String, nullable=False),
    Column("instances", Integer, nullable=False),
    Column("first_received_at", Time, nullable=False),
    Column("last_received_at", Time, nullable=False),
    Column("released_at", Time),
    Column("generation", Integer, nullable=False),
    Column("state", _state(SeriesState), nullable=False, index=True),
    Column("reason", String, nullable=False),
    Column("candidates", String, nullable=False),
    Column("waiting_until", Time),
)

# The series is part of the key: a SOP Instance UID that a broken sender uses in two series must not take an
# acknowledged instance out of the first.
instances = Table(
    "instances",
    metadata,
    Column("series_instance_uid", ForeignKey(series.c.series_instance_uid), primary_key=True),
    Column("sop_instance_uid", String, primary_key=True),
    Column("sop_class_uid", String, nullable=False),
    Column("study_instance_uid", String, nullable=False),
    Column("transfer_syntax_uid", String, nullable=False),
    Column("calling_ae_title", String, nullable=False),
    Column("modality", String, nullable=False),
    Column("series_description", String, nullable=False),
    Column("path", File, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String, nullable=False),
    Column("received_at", Time, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String, nullable=False),
    Column("study_instance_uid", String, nullable=False, index=True),
    Column("inputs", Inputs, nullable=False),
    Column("series_instance_uids", UidSet, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("calling_ae_title", String, nullable=False),
    Column("notes", Sentences, nullable=False),
    Column("refusal", String, nullable=False),
    Column("failure", String, nullable=False),
    Column("state", _state(JobState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", String, nullable=False),
    Column("enqueued_at", Time, nullable=False),
    Column("not_before", Time, nullable=False),
    Column("claimed_by", String),
    Column("lease_until", Time),
    Column("started_at", Time),
    Column("finished_at", Time),
    Column("report", String, nullable=False),
    UniqueConstraint("model", "inputs", "generation"),
    Index("due_jobs", "state", "not_before"),
)

results = Table(
    "results",
    metadata,
    Column("sop_instance_uid", String, primary_key=True),
    Column("job_id", ForeignKey(jobs.c.id), nullable=False, index=True),
    Column("sop_class_uid", String, nullable=False),
    Column("series_instance_uid", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("path", File, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sop_instance_uid", ForeignKey(results.c.sop_instance_uid), nullable=False),
    Column("destination", String, nullable=False),
    Column("state", _state(DeliveryState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Time, nullable=False),
    Column("claimed_by", String),
    Column("lease_until", Time),
    Column("delivered_at", Time),
    Column("reason", String, nullable=False),
    UniqueConstraint("sop_instance_uid", "destination"),
    Index("due_deliveries", "state", "not_before"),
)
