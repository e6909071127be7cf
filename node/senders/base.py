"""What every kind of destination is to the sender room."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from db.records import Result


@dataclass(frozen=True, slots=True)
class SendReport:
    """What became of one result: kept by the destination, or the reason why not.

    Attributes
    ----------
    status
        What the destination answered (PS3.7 C); None where it answered nothing.
    transfer_syntax_uid
        What the result was sent in; empty where it was not sent.
    """

    delivered: bool
    reason: str = ""
    status: int | None = None
    transfer_syntax_uid: str = ""


class Sender(Protocol):
    """A way to send results to one destination."""

    def send(self, results: Sequence[Result]) -> Iterator[SendReport]:
        """Send results in order, with one report for each, as it becomes known; raises nothing of the network."""
        ...
