"""What was found, as a table and as the panels of a picture."""

from collections.abc import Callable, Mapping, Sequence

from pydicom import dcmread
from rich.table import Table

from db.records import DeliveryState, Job
from dicom_io.read import read_volume
from dicom_io.verify_seg import decode_seg
from node.demo.follow import Progress, seconds_per_step
from node.demo.montage import Panel
from node.demo.send import OutgoingSeries
from node.report import JobReport


def findings_table(progress: Progress, name_of: Callable[[str], str]) -> Table:
    """Return a row per job: series, model, finding, scores, result files and the time each step took.

    Parameters
    ----------
    name_of
        SOP Instance UID of a result -> what to call it.
    """
    table = Table(title="Findings", title_justify="left", show_lines=True)
    table.add_column("series, model", no_wrap=True)
    table.add_column("finding, score", overflow="fold")
    table.add_column("results", overflow="fold")
    table.add_column("seconds", no_wrap=True)
    for job in progress.jobs:
        reference = job.inputs[0].series_instance_uid
        series = next(s for s in progress.series if s.series_instance_uid == reference)
        deliveries = progress.deliveries_of(job)
        seconds = seconds_per_step(series, job, deliveries)
        table.add_row(
            f"{series.series_description}\n{job.model}",
            _finding(job),
            "\n".join(f"{name_of(d.result.sop_instance_uid)}{_undelivered(d.state)}" for d in deliveries),
            "\n".join(f"{name:7}{value:6.2f}" for name, value in seconds.items()),
        )
    return table


def panels(progress: Progress, outgoing: Sequence[OutgoingSeries]) -> list[Panel]:
    """Return a panel for every job that is done, segmentations first, with the mask decoded from its SEG."""
    sent = {series.series_instance_uid: series for series in outgoing}
    found = [_panel(job, progress, sent) for job in progress.jobs if job.report]
    return sorted(found, key=lambda panel: panel.mask is None)


def _panel(job: Job, progress: Progress, sent: Mapping[str, OutgoingSeries]) -> Panel:
    reference = job.inputs[0]
    series = sent[reference.series_instance_uid]
    volume = read_volume(series.paths, reference.part)
    segs = [d.result.path for d in progress.deliveries_of(job) if d.result.kind == "SEG"]
    mask = decode_seg(dcmread(segs[0]), volume) if segs else None
    title = f"{series.description}   {job.model}:  {JobReport.from_json(job.report).summary}"
    return Panel(title, volume, mask)


def _finding(job: Job) -> str:
    if not job.report:
        return f"{'not analysed' if job.refusal else 'failed'}: {job.reason}"
    report = JobReport.from_json(job.report)
    scores = (f"{label.replace('_', ' ')} {value:.2f}" for label, value in report.scores.items())
    return "\n".join([report.summary, *scores, *report.notes])


def _undelivered(state: DeliveryState) -> str:
    return "" if state is DeliveryState.DELIVERED else f" ({state})"
