"""The types of columns: each value is text that a person can read, and sorts the same on every database."""

import json
from abc import abstractmethod
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Dialect, Enum, Integer, String, TypeDecorator
from sqlalchemy.types import TypeEngine

from db.records import JobInput

T = TypeVar("T")

BYTES = BigInteger().with_variant(Integer(), "sqlite")
"""A number of bytes; SQLite's integers are wide enough as they are."""


class _Written(TypeDecorator[T]):
    """A value as text."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Compare characters as SQLite does; PostgreSQL compares as a language does unless told otherwise."""
        return dialect.type_descriptor(String(collation="C") if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: T | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (inherited)
        """Write a value."""
        return None if value is None else self.written(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> T | None:  # noqa: ARG002 (inherited)
        """Read a value."""
        return None if value is None else self.read(value)

    @abstractmethod
    def written(self, value: T) -> str:
        """Return the text of a value."""

    @abstractmethod
    def read(self, text: str) -> T:
        """Return the value of a text."""


class Text(_Written[str]):
    """Text; of what a header may say, NUL and lone surrogates are replaced: no database takes both."""

    cache_ok = True

    def written(self, value: str) -> str:
        """Return what can be stored."""
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()

    def read(self, text: str) -> str:
        """Return it as stored."""
        return text


class Time(_Written[datetime]):
    """An instant, as ISO 8601 in UTC of fixed width: it sorts as time does."""

    cache_ok = True

    def written(self, value: datetime) -> str:
        """Write an aware time."""
        if value.tzinfo is None:
            raise ValueError(f"a time without a time zone: {value}")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def read(self, text: str) -> datetime:
        """Read a time in UTC."""
        return datetime.fromisoformat(text)


class File(_Written[Path]):
    """A file's path."""

    cache_ok = True

    def written(self, value: Path) -> str:
        """Write a path."""
        return str(value)

    def read(self, text: str) -> Path:
        """Read a path."""
        return Path(text)


class UidSet(_Written[tuple[str, ...]]):
    """UIDs without an order: sorted, so that the same set is the same text; joined as in DICOM (PS3.5 6.4)."""

    cache_ok = True

    def written(self, value: tuple[str, ...]) -> str:
        """Write a set of UIDs."""
        return "\\".join(sorted(set(value)))

    def read(self, text: str) -> tuple[str, ...]:
        """Read a set of UIDs."""
        return tuple(text.split("\\"))


class Inputs(_Written[tuple[JobInput, ...]]):
    """What a model is given, in its order, as JSON: the same inputs are the same text."""

    cache_ok = True

    def written(self, value: tuple[JobInput, ...]) -> str:
        """Write inputs; as ASCII, because what a header says need not be text that a database takes."""
        return json.dumps([(one.sequence, one.series_instance_uid, one.part) for one in value])

    def read(self, text: str) -> tuple[JobInput, ...]:
        """Read inputs."""
        return tuple(JobInput(*one) for one in json.loads(text))


class Sentences(_Written[tuple[str, ...]]):
    """Sentences in their order, as JSON in ASCII."""

    cache_ok = True

    def written(self, value: tuple[str, ...]) -> str:
        """Write sentences."""
        return json.dumps(value)

    def read(self, text: str) -> tuple[str, ...]:
        """Read sentences."""
        return tuple(json.loads(text))


def known(states: type[StrEnum]) -> Enum:
    """Return the type of a column that holds one of these words and no other."""
    return Enum(
        states,
        native_enum=False,
        create_constraint=True,
        name=f"known_{states.__name__}",
        values_callable=lambda members: [str(member) for member in members],
    )
