"""The rest of a room that claims: it ends when there is something to claim, and lasts while the database is away."""

from threading import Event

from db.errors import DatabaseError
from db.wake import Wake


class Waking:
    """A rest (see node/loop.py) that ends when ``wake`` says so."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._interrupted = Event()

    def wait(self, timeout_seconds: float) -> bool:
        """Return True as soon as something can be claimed, False when the time is over."""
        try:
            return self._wake.wait(timeout_seconds)
        except DatabaseError:  # the step says so; this only must not ask again and again
            self._interrupted.wait(timeout_seconds)
            self._interrupted.clear()
            return False

    def interrupt(self) -> None:
        """End the rest."""
        self._interrupted.set()
        self._wake.interrupt()
