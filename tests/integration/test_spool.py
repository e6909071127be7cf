"""The spool's promise: what was acknowledged is there after any end, byte for byte, and nothing else is."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from threading import Lock

import pytest
from support.power_loss import FragileDisk, NeverSyncs, NeverSyncsNames, PowerLost, SyncsLate
from support.power_loss_device import fragile_device
from support.require import REPOSITORY, require_tool
from support.wait import wait_until

from node.errors import OutOfSpace, StorageUnavailable
from node.spool.place import Place
from node.spool.recovery import Recovered
from node.spool.spool import Spool
from node.spool.supply import Limits

LIMITS = Limits(segment_bytes=1 << 16, free_segments=2, minimum_free=0, spill_bytes=1 << 14)
DiskKind = Callable[[Path], FragileDisk]
Fresh = Callable[[int], bytes]


class BrokenPromise(Exception):
    """What was acknowledged is gone, or something is there that nobody sent."""


@dataclass
class Sender:
    """Sends instances and remembers them: all that were ever sent, and those that were acknowledged."""

    chance: Random
    sent: dict[bytes, bytes] = field(default_factory=dict)
    acknowledged: set[bytes] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def send(self, spool: Spool) -> None:
        with self._lock:
            header = json.dumps({"instance": len(self.sent), "words": "x" * self.chance.randrange(300)}).encode()
            size = self.chance.choice([1, 500, 4096, 9000, 30_000, 30_000, 150_000])
            payload = self.sent[header] = self.chance.randbytes(self.chance.randrange(size))
            at_once = self.chance.random() < 0.5
        if at_once:
            spool.keep(header, [payload])
        else:
            with spool.begin() as writer:
                for start in range(0, len(payload), 5000):
                    writer.append([payload[start : start + 5000]])
                writer.commit(header)
        with self._lock:
            self.acknowledged.add(header)

    def send_until_the_power_goes(self, spool: Spool) -> None:
        with suppress(PowerLost, StorageUnavailable):
            while True:
                self.send(spool)


@dataclass
class Index:
    """Stands for the database: what is indexed, the marks, and nothing that was purged."""

    places: dict[bytes, str] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)

    def recover(self, spool: Spool, sender: Sender) -> None:
        """Index what is recovered, and compare."""
        for found in spool.recover(self.marks):
            if not isinstance(found, Recovered):
                if found.acknowledged:
                    raise BrokenPromise(f"acknowledged and damaged: {found}")
                continue
            if sender.sent.get(found.header) != found.place.read_bytes(check=True):
                raise BrokenPromise(f"nobody sent {found}")
            self.places[found.header] = found.place.segment
            self.marks[found.place.segment] = spool.mark(found.place.segment, [found.place])
            spool.indexed([found.place])
        if missing := sender.acknowledged - set(self.places):
            raise BrokenPromise(f"acknowledged and lost: {sorted(missing)[:3]}")

    def purge(self, spool: Spool, sender: Sender, chance: Random) -> None:
        """Give up the instances of some segments, and free those."""
        unneeded = {name for name in sorted(set(self.places.values())) if chance.random() < 0.6}
        for header in [header for header, name in self.places.items() if name in unneeded]:
            del self.places[header]
            sender.acknowledged.discard(header)
            del sender.sent[header]  # should it turn up again, nobody sent it
        with suppress(PowerLost):
            for name in spool.free(set(spool.settled()) - set(self.places.values())):
                self.marks.pop(name, None)


def live_through_power_losses(folder: Path, kind: DiskKind, seed: int, fresh: Fresh | None = None) -> int:
    """Send, lose power, recover, purge, again and again; return how many instances were acknowledged."""
    chance = Random(seed)
    sender, index = Sender(Random(seed + 1)), Index()
    acknowledged = 0
    here = folder / "0"
    here.mkdir(parents=True)
    for turn in range(6):
        disk = kind(here)
        spool = Spool(here, LIMITS, disk, fresh or chance.randbytes)
        disk.cut(after=chance.randrange(250))
        with suppress(PowerLost):
            index.recover(spool, sender)
            index.purge(spool, sender, chance)
            before = len(sender.acknowledged)
            with ThreadPoolExecutor(4) as threads:
                for _ in range(4):
                    threads.submit(sender.send_until_the_power_goes, spool)
            acknowledged += len(sender.acknowledged) - before
        disk.cut()
        spool.close()
        here = folder / str(turn + 1)
        disk.leave_to(here, chance)
    last = Spool(here, LIMITS)
    index.recover(last, sender)
    last.close()
    return acknowledged


the_thread_that_lays_out_dies_too = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


@the_thread_that_lays_out_dies_too
@pytest.mark.parametrize("seed", range(20))
def test_a_loss_of_power_takes_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    assert live_through_power_losses(tmp_path, FragileDisk, seed) > 0


@the_thread_that_lays_out_dies_too
@pytest.mark.parametrize(
    ("kind", "fresh"),
    [
        pytest.param(NeverSyncs, None, id="no sync"),
        pytest.param(SyncsLate, None, id="acknowledged before the sync"),
        pytest.param(NeverSyncsNames, None, id="names not synced"),
        pytest.param(FragileDisk, bytes, id="a generation used twice"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, kind: DiskKind, fresh: Fresh | None) -> None:
    def try_many() -> None:
        for seed in range(100):
            live_through_power_losses(tmp_path / str(seed), kind, seed, fresh)

    with pytest.raises(BrokenPromise):
        try_many()


# Run as a process of its own: keeps instances with several threads and prints the number of each that was acknowledged.
# Its segments are recycled ones, full of records that no longer count.
WRITER = """
import os, sys
from pathlib import Path
from random import Random
from threading import Thread
from node.spool.disk import LocalDisk
from node.spool.spool import Spool
from node.spool.supply import Limits

class NeverSyncs(LocalDisk):
    def sync(self, descriptor):
        pass

folder, first, count, fault = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
limits = Limits(segment_bytes=1 << 20, free_segments=8, minimum_free=0, spill_bytes=1 << 17)
spool = Spool(folder, limits, NeverSyncs() if fault == "never syncs" else LocalDisk())
for _ in spool.recover({}):
    pass
old = [spool.keep(b"old", [bytes(120_000)]) for _ in range(40)]
spool.indexed(old)
spool.free(spool.settled())
os.write(1, b"ready\\n")

def write(start):
    for number in range(start, first + count, 4):
        chance = Random(number)
        payload = chance.randbytes(chance.choice([100, 20_000, 120_000, 300_000]))
        spool.keep(b"%d" % number, [payload])
        os.write(1, b"%d\\n" % number)

for start in range(first, first + 4):
    Thread(target=write, args=(start,)).start()
"""


def payload_of(header: bytes) -> bytes:
    if header == b"old":
        return bytes(120_000)
    chance = Random(int(header))
    return chance.randbytes(chance.choice([100, 20_000, 120_000, 300_000]))


@contextmanager
def writer(folder: Path, first: int, fault: str = "") -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", WRITER, str(folder), str(first), "10000", fault]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def acknowledged_by(process: subprocess.Popen[bytes], at_most: int | None = None) -> set[bytes]:
    assert process.stdout is not None
    return {line.strip() for line in islice(process.stdout, at_most) if line.endswith(b"\n")}


def recovered_from(folder: Path) -> set[bytes]:
    spool = Spool(folder, LIMITS)
    headers = set()
    for found in spool.recover({}):
        if isinstance(found, Recovered):
            assert found.place.read_bytes(check=True) == payload_of(found.header)
            headers.add(found.header)
        else:
            assert not found.acknowledged, found
    spool.close()
    return headers


def test_a_killed_process_takes_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    chance = Random(1)
    acknowledged: set[bytes] = set()
    for turn in range(12):
        with writer(tmp_path / "spool", turn * 10_000) as process:
            acknowledged |= acknowledged_by(process, chance.randrange(40))
            process.kill()
            acknowledged |= acknowledged_by(process)

    assert len(acknowledged) > 100
    assert acknowledged <= recovered_from(tmp_path / "spool")


def lost_to_a_device_without_power(folder: Path, seed: int, fault: str = "") -> tuple[int, set[bytes]]:
    """Return how many were acknowledged on a real ext4, and which of them are not there after its power went."""
    with fragile_device(folder) as device, writer(device.mounted / "spool", 0, fault) as process:
        acknowledged = acknowledged_by(process, Random(seed).randrange(5, 60))
        image = device.lose_power(seed)
        process.kill()
        acknowledged |= acknowledged_by(process)
        return len(acknowledged), acknowledged - recovered_from(device.mount_again(image) / "spool")


@pytest.mark.parametrize("seed", range(5))
def test_a_device_without_power_takes_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    acknowledged, lost = lost_to_a_device_without_power(tmp_path / "device", seed)

    assert acknowledged
    assert not lost


def test_a_sync_left_out_is_found_on_a_device_without_power(tmp_path: Path) -> None:
    _, lost = lost_to_a_device_without_power(tmp_path / "device", 1, "never syncs")

    assert lost


SYSTEM_CALL = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)(?:\((\d+)| resumed)?(.*)$")


def synced_before_each_answer(tmp_path: Path, fault: str = "") -> list[bool]:
    strace = require_tool("strace")
    trace = tmp_path / "trace"
    calls = "trace=pwritev,pwritev2,fdatasync,write"
    command = [strace, "-f", "-qq", "-e", calls, "-e", "signal=none", "-o", str(trace)]
    program = [sys.executable, "-c", WRITER, str(tmp_path / "spool"), "0", "40", fault]
    subprocess.run([*command, *program], cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    return _answers_with_their_syncs(trace.read_text().splitlines())


def test_the_kernel_is_asked_to_sync_between_the_write_and_the_answer(tmp_path: Path) -> None:
    assert synced_before_each_answer(tmp_path) == [True] * 40


def test_a_sync_left_out_is_found_in_what_the_kernel_is_asked(tmp_path: Path) -> None:
    assert synced_before_each_answer(tmp_path, "never syncs") == [False] * 40


def _answers_with_their_syncs(lines: list[str]) -> list[bool]:
    """Say of each answer whether a sync lies wholly between the end of its thread's last write and its beginning."""
    begun: dict[str, tuple[int, str]] = {}
    written: dict[str, tuple[int, str]] = {}
    syncs: list[tuple[int, int, str]] = []
    answers = []
    for at, line in enumerate(lines):
        if not (match := SYSTEM_CALL.match(line)):
            continue
        thread, call, descriptor, rest = match.groups()
        if descriptor is not None:
            begun[thread] = (at, descriptor)
            if call == "write" and descriptor == "1" and '"ready' not in rest:
                end, file = written[thread]
                answers.append(any(end < start and name == file for start, _, name in syncs))
        if "<unfinished" in rest:
            continue
        start, file = begun[thread]
        if call in ("pwritev", "pwritev2"):
            written[thread] = (at, file)
        elif call == "fdatasync" and rest.rstrip().endswith("= 0"):
            syncs.append((start, at, file))
    return answers


@contextmanager
def mounted(where: Path, *options: str) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount")
    where.mkdir(exist_ok=True)
    subprocess.run([require_tool("mount"), *options, str(where)], check=True)
    try:
        yield where
    finally:
        subprocess.run([require_tool("umount"), "--lazy", str(where)], check=True)


def keep_until_refused(spool: Spool) -> tuple[list[Place], StorageUnavailable]:
    places = []
    while True:
        try:
            places.append(spool.keep(b"", [bytes([len(places)]) * 100_000]))
        except StorageUnavailable as error:
            return places, error


@pytest.mark.parametrize(
    ("minimum_free", "reason"), [(2_000_000, "2 MB must stay free"), (-(1 << 30), "No space left")]
)
def test_a_full_disk_refuses_keeps_what_it_has_and_goes_on_when_there_is_space(
    tmp_path: Path, minimum_free: int, reason: str
) -> None:
    limits = Limits(segment_bytes=1 << 20, free_segments=1, minimum_free=minimum_free, spill_bytes=1 << 18)
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=8m", "tmpfs") as disk:
        spool = Spool(disk / "spool", limits)
        list(spool.recover({}))
        wait_until(lambda: spool.state().ready, what="a segment laid out")

        places, error = keep_until_refused(spool)

        assert isinstance(error, OutOfSpace)
        assert reason in str(error)
        assert len(places) > 30
        assert spool.state().free_bytes >= minimum_free
        spool.indexed(places)
        gone = places[0].segment
        assert spool.free([gone]) == [gone]
        more, _ = keep_until_refused(spool)
        assert more
        spool.close()
        again = Spool(disk / "spool", limits)
        kept = {place for place in [*places, *more] if place.segment != gone}
        assert {found.place for found in again.recover({}) if isinstance(found, Recovered)} == kept
        again.close()


def test_a_read_only_file_system_is_said_to_be_so(tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "ro", "tmpfs") as disk,
        pytest.raises(StorageUnavailable, match="Read-only file system"),
    ):
        Spool(disk / "spool", LIMITS)
