"""One sync for many; and what a sync that failed means for all whom it covered."""

import errno
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from support.wait import wait_until

from node.spool.commit import GroupCommit
from node.spool.segment import Segment


class SlowSync:
    """A sync that ends when it is told to."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.go_on = Event()
        self.error: BaseException | None = None

    def __call__(self, descriptor: int) -> None:
        self.begun.append(descriptor)
        assert self.go_on.wait(10)
        if self.error is not None:
            raise self.error


@pytest.fixture
def sync() -> SlowSync:
    return SlowSync()


def segment(descriptor: int) -> Segment:
    return Segment(Path(f"{descriptor}.segment"), bytes(16), 1 << 16, descriptor)


def waiting(group: GroupCommit) -> int:
    return len(group._waiting)


def test_a_lone_caller_waits_for_its_own_sync_alone(sync: SlowSync) -> None:
    sync.go_on.set()

    GroupCommit(segment(3), sync).wait()

    assert sync.begun == [3]


def test_those_who_come_meanwhile_share_the_next_sync(sync: SlowSync) -> None:
    group = GroupCommit(segment(3), sync)
    with ThreadPoolExecutor(11) as threads:
        first = threads.submit(group.wait)
        wait_until(lambda: sync.begun, what="the first sync")
        others = [threads.submit(group.wait) for _ in range(10)]
        wait_until(lambda: waiting(group) == 10, what="ten callers that wait")
        assert not first.done()
        sync.go_on.set()
        for future in [first, *others]:
            future.result(10)

    assert sync.begun == [3, 3]


def test_nobody_is_let_go_by_a_sync_that_began_before() -> None:
    steps = [Event(), Event()]
    begun: list[int] = []

    def stepwise(descriptor: int) -> None:
        begun.append(descriptor)
        assert steps[len(begun) - 1].wait(10)

    group = GroupCommit(segment(3), stepwise)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(group.wait)
        wait_until(lambda: begun, what="the first sync")
        second = threads.submit(group.wait)
        wait_until(lambda: waiting(group) == 1, what="the second caller")
        steps[0].set()
        first.result(10)
        wait_until(lambda: len(begun) == 2, what="the second sync")
        assert not second.done()
        steps[1].set()
        second.result(10)


def failing_batch(sync: SlowSync, group: GroupCommit, callers: int) -> list["Future[None]"]:
    with ThreadPoolExecutor(callers) as threads:
        futures = [threads.submit(group.wait)]
        wait_until(lambda: sync.begun, what="the first sync")
        futures += [threads.submit(group.wait) for _ in range(callers - 1)]
        wait_until(lambda: waiting(group) == callers - 1, what="callers that wait")
        sync.go_on.set()
    return futures


def test_a_sync_that_fails_fails_everyone_it_covers_and_is_not_tried_again(sync: SlowSync) -> None:
    group = GroupCommit(segment(3), sync)
    sync.error = OSError(errno.EIO, "Input/output error")

    futures = failing_batch(sync, group, 5)

    for future in futures:
        with pytest.raises(OSError, match="Input/output error"):
            future.result()
    assert sync.begun == [3]  # the second batch was told without another sync
    sync.error = None
    with pytest.raises(OSError, match=r"a sync of 3\.segment failed"):
        group.wait()


def test_nobody_waits_for_ever_for_a_leader_that_was_torn_away(sync: SlowSync) -> None:
    group = GroupCommit(segment(3), sync)
    sync.error = KeyboardInterrupt()

    futures = failing_batch(sync, group, 4)

    for future in futures:
        with pytest.raises((KeyboardInterrupt, OSError)):
            future.result(0)
    sync.error = None
    group.wait()


def test_many_callers_all_come_back() -> None:
    syncs: list[int] = []
    group = GroupCommit(segment(3), syncs.append)

    def often(number: int) -> int:
        for _ in range(500):
            group.wait()
        return number

    with ThreadPoolExecutor(16) as threads:
        assert sorted(threads.map(often, range(16))) == list(range(16))
