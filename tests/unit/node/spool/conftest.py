"""A small spool in a folder of its own, on a disk whose power can go."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from support.power_loss import FragileDisk

from node.spool.disk import Disk
from node.spool.spool import Spool
from node.spool.supply import Limits

MakeSpool = Callable[..., Spool]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "spool"
    path.mkdir()
    return path


@pytest.fixture
def disk(folder: Path) -> FragileDisk:
    return FragileDisk(folder)


@pytest.fixture
def limits() -> Limits:
    return Limits(segment_bytes=1 << 16, free_segments=0, minimum_free=0, spill_bytes=1 << 16)


@pytest.fixture
def make_spool(folder: Path, limits: Limits) -> Iterator[MakeSpool]:
    """Return what opens a spool in the folder and recovers it; all are closed at the end."""
    made: list[Spool] = []

    def make(
        disk: Disk | None = None, limits: Limits = limits, folder: Path = folder, *, recover: bool = True
    ) -> Spool:
        spool = Spool(folder, limits, disk, Random(len(made)).randbytes)
        made.append(spool)
        if recover:
            list(spool.recover({}))
        return spool

    yield make
    for spool in made:
        spool.close()
