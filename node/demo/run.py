"""``glia demo``: a node, a PACS and a study; progress in words, then a table and a picture of what was found."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from db.engine import open_database
from db.records import DeliveryState, JobState
from dicom_io.mr import write_phantom_study
from dicom_io.phantom import brain_phantom
from node.demo import follow
from node.demo.errors import DemoError
from node.demo.montage import write_montage
from node.demo.pacs import Address, EmbeddedPacs
from node.demo.send import OutgoingSeries, Refusal, send_series, series_in
from node.demo.serve import CALLING_AE_TITLE, QUIET_SECONDS, database_url, serving
from node.demo.show import findings_table, panels

PHANTOM_SEED = 2
PHANTOM_ACQUIRED = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
POLL_SECONDS = 0.1
DISCLAIMER = "Research use only, not a medical device."


@dataclass(frozen=True, slots=True)
class Plan:
    """What the user asked for: a folder of DICOM (None: the phantom), a PACS (None: embedded), where to write."""

    study: Path | None
    pacs: Address | None
    out: Path


@dataclass(frozen=True, slots=True)
class _Show:
    """Where results go: the PACS, what it calls them, and where the user finds them."""

    out: Path
    pacs: Address
    name_of: Callable[[str], str]
    where: str


def run_demo(plan: Plan, console: Console) -> bool:
    """Run the demo; return whether every analysis came through and every result was delivered.

    Raises
    ------
    DemoError
        When there is nothing to send, or the node does not start.
    """
    plan.out.mkdir(parents=True, exist_ok=True)
    outgoing = series_in(plan.study or _scan_phantom(plan.out / "study", console))
    if not outgoing:
        raise DemoError(f"there are no DICOM files below {plan.study}")
    if plan.pacs is not None:
        return _run(_Show(plan.out, plan.pacs, str, plan.pacs.ae_title), outgoing, console)
    embedded = EmbeddedPacs(plan.out / "pacs")
    try:
        return _run(_Show(plan.out, embedded.address, embedded.name_of, str(plan.out / "pacs")), outgoing, console)
    finally:
        embedded.stop()


def _scan_phantom(folder: Path, console: Console) -> Path:
    console.print(f"scanning a phantom into {folder}")
    write_phantom_study(folder, brain_phantom(seed=PHANTOM_SEED), acquired=PHANTOM_ACQUIRED, seed=PHANTOM_SEED)
    return folder


def _run(show: _Show, outgoing: Sequence[OutgoingSeries], console: Console) -> bool:
    studies = frozenset(series.study_instance_uid for series in outgoing)
    with tempfile.TemporaryDirectory(prefix="glia-demo-") as folder:
        with serving(Path(folder), show.pacs, show.out / "node.log") as node:
            console.print(f"node {node.ae_title} on {node.host}:{node.port}")
            console.print(f"PACS {show.pacs.ae_title} on {show.pacs.host}:{show.pacs.port}")
            engine = open_database(database_url(Path(folder)), busy_timeout_seconds=5)
            for refusal in _send(outgoing, node, console):
                console.print(f"  not taken: {refusal.description}: {refusal.reason}", style="yellow")
            progress = _follow(lambda: follow.look(engine, studies), outgoing, console)
            engine.dispose()
        console.print(findings_table(progress, show.name_of))
        shown = panels(progress, outgoing)
    if shown:
        write_montage(shown, show.out / "findings.png")
        console.print(f"picture  {show.out / 'findings.png'}")
    console.print(f"results  {show.where}")
    console.print(f"node log {show.out / 'node.log'}\n{DISCLAIMER}")
    return _came_through(progress)


def _send(outgoing: Sequence[OutgoingSeries], node: Address, console: Console) -> list[Refusal]:
    """Send all series, with a bar each; return what the node refused."""
    refused: list[Refusal] = []
    columns = (TextColumn("  {task.description:28.28}"), BarColumn(), TextColumn("received"), MofNCompleteColumn())
    with Progress(*columns, console=console) as bars:
        for series in outgoing:
            bar = bars.add_task(series.description, total=len(series.paths))
            refused += send_series(series, node, CALLING_AE_TITLE, lambda bar=bar: bars.advance(bar))  # type: ignore[misc]
    return refused


def _follow(
    ask: Callable[[], follow.Progress], outgoing: Sequence[OutgoingSeries], console: Console
) -> follow.Progress:
    """Say in words what the node does, until it has finished."""
    names = {series.series_instance_uid: series.description for series in outgoing}
    begun = time.monotonic()
    for series_instance_uid, state in follow.changes(ask, QUIET_SECONDS, lambda: time.sleep(POLL_SECONDS)):
        console.print(
            f"{time.monotonic() - begun:6.1f} s  {names[series_instance_uid]:24.24}  {state}",
            highlight=False,
            soft_wrap=True,
        )
    return ask()


def _came_through(progress: follow.Progress) -> bool:
    analysed = all(job.state is JobState.DONE or job.refusal for job in progress.jobs)
    return analysed and all(delivery.state is DeliveryState.DELIVERED for delivery in progress.deliveries)
