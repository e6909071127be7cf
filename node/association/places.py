"""The places for associations, and which of them are taken: ours and the library's share one number."""

from collections.abc import Callable
from threading import Lock


class Places:
    """Counts the associations that we serve ourselves.

    Parameters
    ----------
    maximum
        How many associations may be open at the same time.
    others
        Returns how many the library serves at this moment.
    """

    def __init__(self, maximum: int, others: Callable[[], int]) -> None:
        self.maximum = maximum
        self._others = others
        self._lock = Lock()
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many are ours."""
        return self._taken

    @property
    def left_for_others(self) -> int:
        """How many the library may serve."""
        return max(self.maximum - self._taken, 0)

    def take(self) -> bool:
        """Take a place; return whether there was one."""
        with self._lock:
            free = self._taken + self._others() < self.maximum
            self._taken += free
        return free

    def give_back(self) -> None:
        """Leave a place that was taken."""
        with self._lock:
            self._taken -= 1
