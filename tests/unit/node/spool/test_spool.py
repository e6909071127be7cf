"""The spool as a whole: who owns it, what comes back, what may go, and any life a Hypothesis can think of."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from support.power_loss import FragileDisk, PowerLost, rotten
from support.wait import wait_until

from node.errors import OutOfSpace, StorageUnavailable
from node.spool.errors import SpoolInUse
from node.spool.place import Place
from node.spool.recovery import Recovered, Unreadable
from node.spool.spool import Spool
from node.spool.supply import Limits
from node.spool.writer import Writer

MakeSpool = Callable[..., Spool]


def recovered(spool: Spool, marks: dict[str, int] | None = None) -> list[tuple[bytes, Place]]:
    return [(found.header, found.place) for found in spool.recover(marks or {}) if isinstance(found, Recovered)]


def test_what_is_kept_comes_back(make_spool: MakeSpool) -> None:
    spool = make_spool()
    places = [spool.keep(b"small", [b"in ", b"parts"]), spool.keep(b"large", [bytes(200_000)])]
    with spool.begin() as writer:
        writer.append([b"by a writer"])
        places.append(writer.commit(b"third"))
    spool.close()

    again = make_spool(recover=False)

    assert sorted(recovered(again)) == sorted(zip([b"small", b"large", b"third"], places, strict=True))
    assert places[0].read_bytes(check=True) == b"in parts"


def test_a_second_process_is_refused(make_spool: MakeSpool, folder: Path) -> None:
    spool = make_spool()

    with pytest.raises(SpoolInUse, match=rf"{folder} is in use by another process"):
        make_spool()

    spool.close()
    make_spool()


def test_a_folder_that_cannot_be_is_said_to_be_so(make_spool: MakeSpool, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where the folder should be")

    with pytest.raises(StorageUnavailable, match="cannot use"):
        make_spool(folder=tmp_path / "file")


def test_what_is_indexed_is_not_read_again(make_spool: MakeSpool) -> None:
    spool = make_spool()
    places = [spool.keep(b"%d" % number, [bytes(20_000)]) for number in range(5)]
    spool.indexed(places[:4])
    marks = {place.segment: spool.mark(place.segment) for place in places}
    spool.close()

    assert [place for _, place in recovered(make_spool(recover=False), marks)] == [places[4]]


def test_marks_pass_over_nothing_that_is_not_indexed(make_spool: MakeSpool) -> None:
    spool = make_spool()
    places = [spool.keep(b"%d" % number, [b"x"]) for number in range(5)]
    spool.indexed([places[0]])
    marks = {places[0].segment: spool.mark(places[0].segment, [places[2], places[3]])}
    assert spool.mark(places[0].segment, places[1:3]) == places[3].record
    spool.close()

    assert [place for _, place in recovered(make_spool(recover=False), marks)] == places[1:]


def test_a_torn_tail_is_cut_off_and_stays_off(make_spool: MakeSpool) -> None:
    spool = make_spool()
    place = spool.keep(b"", [b"x"])
    spool.close()

    again = make_spool()

    assert place.path.stat().st_size == 4096
    assert again.mark(place.segment) == 0
    again.indexed([place])
    assert again.mark(place.segment) == 4096


def test_a_segment_without_records_is_laid_out_again(make_spool: MakeSpool, limits: Limits, folder: Path) -> None:
    ahead = replace(limits, free_segments=2)
    spool = make_spool(limits=ahead)
    wait_until(lambda: spool.state().ready == 2, what="two segments")
    before = {path.name for path in folder.iterdir()}
    spool.close()

    again = make_spool(limits=ahead)

    assert again.state().ready == 2
    assert again.segments() == []
    assert {path.name for path in folder.iterdir()} & before == {"lock"}  # each of a new generation


def test_damage_is_reported_with_its_place(make_spool: MakeSpool) -> None:
    spool = make_spool()
    places = [spool.keep(b"%d" % number, [b"some bytes"]) for number in range(3)]
    spool.close()
    rotten(places[1].path, places[1].offset)

    found = list(make_spool(recover=False).recover({}))

    (bad,) = [what for what in found if isinstance(what, Unreadable)]
    assert (bad.path, bad.offset, bad.header, bad.acknowledged) == (places[1].path, 4096, b"1", True)
    assert [what.place for what in found if isinstance(what, Recovered)] == [places[0], places[2]]


@pytest.mark.parametrize("records", [1, 3])
def test_a_segment_with_damage_is_neither_cut_nor_taken_again(make_spool: MakeSpool, records: int) -> None:
    spool = make_spool()
    place, *_ = [spool.keep(b"", [b"x"]) for _ in range(records)]
    spool.close()
    rotten(place.path, 0)

    again = make_spool()

    assert again.segments() == [place.segment]
    assert place.path.stat().st_size == 1 << 16
    again.indexed(Place(place.path, 0, 0, "", number * 4096) for number in range(3))
    assert again.settled() == again.free([place.segment]) == []


def test_only_what_nobody_needs_is_freed(make_spool: MakeSpool) -> None:
    spool = make_spool()
    places = [spool.keep(b"%d" % number, [bytes(40_000)]) for number in range(4)]
    spool.indexed(places[:2])
    names = [place.segment for place in places]

    assert spool.settled() == names[:2]  # 2 is not indexed, 3 is being written
    assert spool.free([names[0], *names[2:], "unknown"]) == [names[0]]

    assert spool.segments() == names[1:]
    with pytest.raises(StorageUnavailable, match="No such file"):
        places[0].read_bytes()
    assert places[1].read_bytes() == bytes(40_000)


def test_what_was_freed_never_comes_back(make_spool: MakeSpool, limits: Limits) -> None:
    ahead = replace(limits, free_segments=1)
    spool = make_spool(limits=ahead)
    old = [spool.keep(b"old", [bytes([7]) * 40_000]) for _ in range(3)]
    spool.indexed(old)
    spool.free(place.segment for place in old[:2])
    new = spool.keep(b"new", [b"short"])
    spool.close()

    found = recovered(make_spool(recover=False))

    assert {place for _, place in found} == {old[2], new}


def test_segments_of_an_earlier_run_are_not_freed_before_they_are_recovered(make_spool: MakeSpool) -> None:
    spool = make_spool()
    place = spool.keep(b"", [b"x"])
    spool.close()

    again = make_spool(recover=False)

    assert again.settled() == again.free([place.segment]) == []
    assert again.segments() == [place.segment]
    recovered(again)
    assert again.settled() == again.free([place.segment]) == []
    again.indexed([place])
    assert again.settled() == again.free([place.segment]) == [place.segment]


def test_an_instance_is_refused_before_the_disk_is_full(
    make_spool: MakeSpool, disk: FragileDisk, limits: Limits
) -> None:
    spool = make_spool(disk, replace(limits, minimum_free=1_000_000))
    spool.keep(b"", [bytes(60_000)])
    disk.free = 1_000_000

    with pytest.raises(OutOfSpace, match=r"1 MB free, 1 MB must stay free"):
        spool.begin(60_000)
    with pytest.raises(OutOfSpace, match="must stay free"):
        spool.keep(b"", [bytes(60_000)])
    with spool.begin(100) as writer:  # there is room in what is laid out
        writer.append([bytes(100)])
        writer.commit(b"")

    disk.free += 100_000
    spool.keep(b"", [bytes(60_000)])


def test_records_that_were_in_memory_alone_are_synced_before_they_are_reported(
    make_spool: MakeSpool, folder: Path, tmp_path: Path
) -> None:
    spool = make_spool()
    place = spool.keep(b"header", [b"payload"])
    spool.close()
    content = place.path.read_bytes()[:4096]
    place.path.write_bytes(bytes(len(content)))
    disk = FragileDisk(folder)
    descriptor = disk.open(place.path)
    disk.write(descriptor, [content], 0)  # as after kill -9: written, not synced

    assert len(recovered(make_spool(disk, recover=False))) == 1

    for seed in range(10):
        disk.leave_to(tmp_path / str(seed), Random(seed))
        assert (tmp_path / str(seed) / place.segment).read_bytes() == content
    disk.close(descriptor)


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS])
def test_a_disk_that_cannot_be_read_stops_the_start_and_loses_nothing(
    make_spool: MakeSpool, folder: Path, number: int
) -> None:
    spool = make_spool()
    place = spool.keep(b"", [b"x"])
    spool.close()
    disk = FragileDisk(folder)
    disk.fail("open", number)
    again = make_spool(disk, recover=False)

    with pytest.raises(StorageUnavailable, match=os.strerror(number)):
        list(again.recover({}))

    disk.fail("open", None)
    assert recovered(again) == [(b"", place)]


def test_a_folder_that_vanishes_is_said_so(make_spool: MakeSpool, folder: Path) -> None:
    spool = make_spool()
    shutil.rmtree(folder)

    with pytest.raises(StorageUnavailable, match="No such file"):
        spool.keep(b"", [b"x"])


def test_many_threads_keep_many_instances(make_spool: MakeSpool) -> None:
    spool = make_spool()

    def send(number: int) -> list[Place]:
        chance = Random(number)
        return [spool.keep(b"%d" % number, [chance.randbytes(chance.choice([10, 5000, 30_000]))]) for _ in range(40)]

    with ThreadPoolExecutor(8) as threads:
        places = [place for found in threads.map(send, range(8)) for place in found]
    spool.close()

    assert {place for _, place in recovered(make_spool(recover=False))} == set(places)
    for place in places:
        place.check()


class Life(RuleBasedStateMachine):
    """Writers begin, go on and end in any order; the power goes between any two operations of the disk."""

    writers = Bundle("writers")

    @initialize(seed=st.integers(0, 2**32))
    def open(self, seed: int) -> None:
        self.chance = Random(seed)
        self.root = Path(tempfile.mkdtemp())
        self.turn = 0
        self.here = self.root / "0"
        self.here.mkdir()
        self.sent: dict[bytes, bytes] = {}
        self.acknowledged: set[bytes] = set()
        self.places: dict[bytes, Place] = {}
        self.marks: dict[str, int] = {}
        self.start()

    def start(self) -> None:
        self.disk = FragileDisk(self.here)
        limits = Limits(segment_bytes=1 << 15, free_segments=0, minimum_free=0, spill_bytes=1 << 13)
        self.spool = Spool(self.here, limits, self.disk, self.chance.randbytes)
        self.places.clear()
        for found in self.spool.recover({}):
            assert isinstance(found, Recovered) or not found.acknowledged
            if isinstance(found, Recovered):
                self.places[found.header] = found.place

    @rule(target=writers, size=st.integers(0, 20_000))
    def begin(self, size: int) -> tuple[Writer, bytes]:
        header = b"%d" % len(self.sent)
        self.sent[header] = b""
        writer = self.spool.begin()
        self.add((writer, header), size)
        return writer, header

    @rule(writer=writers, size=st.integers(0, 20_000))
    def go_on(self, writer: tuple[Writer, bytes], size: int) -> None:
        self.add(writer, size)

    def add(self, writer: tuple[Writer, bytes], size: int) -> None:
        piece = self.chance.randbytes(size)
        try:
            writer[0].append([piece])
        except (ValueError, StorageUnavailable, PowerLost):
            return  # of an earlier life, or the disk fails
        self.sent[writer[1]] += piece

    @rule(writer=consumes(writers))
    def commit(self, writer: tuple[Writer, bytes]) -> None:
        try:
            place = writer[0].commit(writer[1])
        except (ValueError, StorageUnavailable, PowerLost):
            return
        self.acknowledged.add(writer[1])
        self.places[writer[1]] = place

    @rule(writer=consumes(writers))
    def abandon(self, writer: tuple[Writer, bytes]) -> None:
        writer[0].abandon()

    @rule(operation=st.sampled_from(["sync", "write", "sync_folder", "reserve"]))
    def disk_fails(self, operation: str) -> None:
        self.disk.fail(operation, errno.EIO)

    @rule()
    def disk_is_mended(self) -> None:
        for operation in ("sync", "write", "sync_folder", "reserve"):
            self.disk.fail(operation, None)

    @rule(needed=st.sets(st.integers(0, 200)))
    def purge(self, needed: set[int]) -> None:
        self.spool.indexed(self.places.values())
        unneeded = {place.segment for header, place in self.places.items() if int(header) not in needed}
        keep = {place.segment for place in self.places.values()} - unneeded
        try:
            freed = set(self.spool.free(name for name in self.spool.settled() if name not in keep))
        except StorageUnavailable:
            freed = unneeded
        for header in [header for header, place in self.places.items() if place.segment in freed]:
            self.acknowledged.discard(header)  # nobody asks for it again; it may be there or not
            del self.places[header]

    @rule()
    def power_goes(self) -> None:
        self.disk.cut()
        self.spool.close()
        self.turn += 1
        self.here = self.root / str(self.turn)
        self.disk.leave_to(self.here, self.chance)
        self.start()
        assert self.acknowledged <= set(self.places)

    @invariant()
    def everything_acknowledged_is_there(self) -> None:
        for header in self.acknowledged:
            assert self.places[header].read_bytes(check=True) == self.sent[header]

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.power_goes()
            for header, place in self.places.items():
                assert place.read_bytes(check=True) == self.sent[header]
            self.spool.close()
            shutil.rmtree(self.root)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
