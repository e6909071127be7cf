"""What received instances make of the inbox, worked out in memory (pure)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum, auto
from typing import NamedTuple

from db.records import ReceivedInstance, SeriesRecord, SeriesState


class Reception(StrEnum):
    """What an instance was to the inbox."""

    NEW = auto()
    DUPLICATE = auto()
    """The same bytes are already there; the inbox names the earlier file."""
    REPLACED = auto()
    """Other bytes under the same UID were there; the inbox names the newer file."""


class Key(NamedTuple):
    """What tells instances apart.

    A SOP Instance UID alone does not: one that a broken sender uses in two series must not take an acknowledged
    instance out of the first.
    """

    series_instance_uid: str
    sop_instance_uid: str

    @classmethod
    def of(cls, instance: ReceivedInstance) -> "Key":
        """Return the key of an instance."""
        return cls(instance.series_instance_uid, instance.sop_instance_uid)


class Batch:
    """Instances received one after another, on top of what is known.

    Parameters
    ----------
    series
        Those of the series that are known, by UID.
    digests
        Those of the instances that are known, and the SHA-256 of their bytes.
    """

    def __init__(self, series: Mapping[str, SeriesRecord], digests: Mapping[Key, str]) -> None:
        self._known = dict(series)
        self._digests = dict(digests)
        self._series: dict[str, SeriesRecord] = {}
        self._instances: dict[Key, ReceivedInstance] = {}

    @property
    def changed_series(self) -> Iterable[SeriesRecord]:
        """The series that are new or have changed, as they are now."""
        return self._series.values()

    @property
    def changed_instances(self) -> Iterable[ReceivedInstance]:
        """The instances that are new or have been replaced, as they are now."""
        return self._instances.values()

    def receive(self, instance: ReceivedInstance) -> Reception:
        """Take one more instance."""
        key = Key.of(instance)
        digest = self._digests.get(key)
        series = self._known.get(instance.series_instance_uid)
        if digest == instance.sha256 and series is not None:
            if series.state is SeriesState.RECEIVING:
                self._change(replace(series, last_received_at=instance.received_at, released_at=None))
            return Reception.DUPLICATE
        self._digests[key] = instance.sha256
        self._instances[key] = instance
        self._change(_first(instance) if series is None else _further(series, instance, more=int(digest is None)))
        return Reception.NEW if digest is None else Reception.REPLACED

    def _change(self, series: SeriesRecord) -> None:
        self._known[series.series_instance_uid] = self._series[series.series_instance_uid] = series


def _first(instance: ReceivedInstance) -> SeriesRecord:
    return SeriesRecord(
        series_instance_uid=instance.series_instance_uid,
        study_instance_uid=instance.study_instance_uid,
        calling_ae_title=instance.calling_ae_title,
        modality=instance.modality,
        sop_class_uid=instance.sop_class_uid,
        series_description=instance.series_description,
        instances=1,
        first_received_at=instance.received_at,
        last_received_at=instance.received_at,
        released_at=None,
        generation=0,
        state=SeriesState.RECEIVING,
        reason="",
        candidates="",
        waiting_until=None,
    )


def _further(series: SeriesRecord, instance: ReceivedInstance, more: int) -> SeriesRecord:
    """Return a series that has been sent to again: it has ``more`` instances, and is receiving."""
    return replace(
        series,
        calling_ae_title=instance.calling_ae_title,
        instances=series.instances + more,
        last_received_at=instance.received_at,
        released_at=None,
        generation=series.generation + (series.state is not SeriesState.RECEIVING),
        state=SeriesState.RECEIVING,
        reason="",
        candidates="",
        waiting_until=None,
    )
