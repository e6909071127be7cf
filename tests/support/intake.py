"""What keeps instances behind the listener, as tests need it: a spool of small segments and its index."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from db.records import ReceivedInstance
from dicom_io.stretch import opened
from node.index import Index
from node.intake import Answer, Buffer, StoreRequest
from node.receive import Receiver
from node.received import file_of
from node.spool.spool import Spool
from node.spool.supply import Limits

LIMITS = Limits(segment_bytes=1 << 20, free_segments=1, minimum_free=0)


@dataclass(frozen=True, slots=True)
class OpenIntake:
    """A receiver with what stands behind it."""

    spool: Spool
    index: Index
    receiver: Receiver

    def take(self, request: StoreRequest, *parts: Buffer) -> Answer:
        """Receive an instance whose data set comes in these parts."""
        arrival = self.receiver.begin(request)
        for part in parts[:-1]:
            arrival.add([part])
        return arrival.finish(parts[-1:])


@contextmanager
def open_intake(
    engine: Engine,
    folder: Path,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    limits: Limits = LIMITS,
    released: Callable[[], None] = lambda: None,
) -> Iterator[OpenIntake]:
    """Open the spool of a folder; at the end every row is written."""
    spool = Spool(folder / "spool", limits)
    index = Index(engine, spool, released, retry_seconds=0.05)
    index.recover()
    index.start()
    try:
        yield OpenIntake(spool, index, Receiver(spool, index, now))
    finally:
        index.stop()
        spool.close()


def bytes_of(row: ReceivedInstance) -> bytes:
    """Return an instance as it is kept."""
    with opened(file_of(row)) as file:
        return file.read()
