"""How many instances a second the listener acknowledges, each on stable storage: `make bench`."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import dcmtk
from support.node_process import NodeProcess

from dicom_io.mr import write_phantom_study
from dicom_io.phantom import brain_phantom


@pytest.mark.parametrize("associations", [1, 4])
def test_instances_acknowledged_per_second(
    make_node: Callable[..., NodeProcess], tmp_path: Path, capsys: pytest.CaptureFixture[str], associations: int
) -> None:
    study = write_phantom_study(tmp_path / "study", brain_phantom(), acquired=datetime(2026, 1, 1, tzinfo=UTC), seed=1)
    files = [path for series in study.values() for path in series]
    # Nothing is analysed meanwhile: a series goes quiet after an hour.
    node = make_node({}, {"completion": {"quiet_seconds": 3600}})
    node.start()

    began = time.perf_counter()
    with ThreadPoolExecutor(associations) as senders:
        parts = [files[start::associations] for start in range(associations)]
        received = sum(senders.map(lambda part: dcmtk.send(part, node.port), parts))
    seconds = time.perf_counter() - began

    assert received == len(files)
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    with capsys.disabled():
        print(  # noqa: T201 - the figure is what a bench is for
            f"\nreceive, {associations} association(s): {received} instances of {megabytes / received:.2f} MB, "
            f"{received / seconds:.0f} per second"
        )
