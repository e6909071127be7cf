"""How long to wait before the next attempt (pure)."""

from datetime import timedelta


def delay(attempts: int, first: timedelta, maximum: timedelta, jitter: float = 0.0) -> timedelta:
    """Return the wait after so many failed attempts: doubled each time, up to a maximum.

    Parameters
    ----------
    attempts
        How many attempts have failed, at least 1.
    jitter
        Between 0 and 1; the wait is shortened by up to a quarter of itself, so that many senders
        held up by the same outage do not come back in step.
    """
    doublings = min(max(attempts, 1) - 1, 32)  # beyond that every maximum is reached, and floats stay finite
    seconds = min(first.total_seconds() * 2**doublings, maximum.total_seconds())
    return timedelta(seconds=seconds * (1 - jitter / 4))
