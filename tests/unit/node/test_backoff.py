"""How long to wait before the next attempt."""

from datetime import timedelta

import pytest

from node.backoff import delay

SECOND = timedelta(seconds=1)


def test_each_failed_attempt_doubles_the_wait() -> None:
    waits = [delay(attempts, SECOND, 100 * SECOND) / SECOND for attempts in (1, 2, 3, 4)]

    assert waits == [1, 2, 4, 8]


def test_the_wait_never_exceeds_the_maximum_however_long_the_outage() -> None:
    assert delay(10_000, SECOND, 30 * SECOND) == 30 * SECOND


def test_a_first_wait_above_the_maximum_is_cut_to_it() -> None:
    assert delay(1, 60 * SECOND, 30 * SECOND) == 30 * SECOND


@pytest.mark.parametrize("attempts", [1, 3, 50])
def test_jitter_shortens_the_wait_by_a_quarter_at_most(attempts: int) -> None:
    plain = delay(attempts, SECOND, 20 * SECOND)

    assert delay(attempts, SECOND, 20 * SECOND, jitter=1.0) == plain * 0.75
    assert plain * 0.75 < delay(attempts, SECOND, 20 * SECOND, jitter=0.5) < plain
