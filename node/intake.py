"""What the listener asks of whoever keeps instances: begin with a request, take the data set in parts, answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from node.status import Status

Buffer: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """A C-STORE request (PS3.7 9.1.1), as plain values; its data set comes after it."""

    affected_sop_class_uid: str
    affected_sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    called_ae_title: str = ""
    priority: int = 0
    """(0000,0700): 0 is medium, 1 high, 2 low."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told; the reason is empty when the instance is ours."""

    status: Status
    reason: str = ""
    series_instance_uid: str = ""


class Keeping(Protocol):
    """One instance on its way in."""

    def add(self, parts: Sequence[Buffer]) -> None:
        """Take the next bytes of the data set; they are consumed or copied when this returns. Never raises."""

    def finish(self, parts: Sequence[Buffer]) -> Answer:
        """Take the last bytes of the data set and return the answer, once it holds. Never raises."""

    def drop(self) -> None:
        """Forget the instance: its association broke off. Never raises."""


class Intake(Protocol):
    """Keeps instances. Called by many associations at once."""

    def begin(self, request: StoreRequest) -> Keeping:
        """Get ready for the data set of one request. Never raises."""
