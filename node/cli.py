"""The ``glia`` command: reads the settings, and runs a room or answers a question."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.table import Table

from config.errors import SettingsError
from config.load import load_settings, without_passwords
from config.settings import Settings
from db import views
from db.engine import reading
from db.errors import DatabaseError
from dicom_io.survey import survey
from inference.errors import ModelError
from node import log, wiring
from node.decision import Need
from node.demo.command import demo
from node.demo.errors import DemoError
from node.demo.images import TestSet
from node.demo.objects import with_every_kind
from node.demo.rehearse import send_test_objects as rehearse
from node.errors import NodeError
from node.explain.command import explain_study
from node.inspect.command import inspect_folder
from node.loop import Loop, stop_on_signals
from node.models.command import models
from node.predict.command import predict_command
from node.predict.wish import Manner
from node.supervisor import supervise

ROOMS = ("listen", "work", "deliver")
_GRACE_SECONDS = 60.0
_SUPERVISION_SECONDS = 0.2
_STANDARD_INPUT = 0

_log = structlog.get_logger()

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The node between a PACS and its brain-MR models.",
)
app.command()(demo)
app.command()(models)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", envvar="GLIA_CONFIG", help="A TOML file that overrides default settings."),
]
LeaveWithParent = Annotated[
    bool, typer.Option("--leave-with-parent", hidden=True, help="Stop when standard input is closed.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def main() -> None:
    """Run the command line."""
    app()


@app.callback(invoke_without_command=True)
def glia(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Receive MR series, analyse them and send SEG and SR back."""
    if show_version:
        typer.echo(f"glia {version('glia')}")
        raise typer.Exit


@app.command()
def serve(config: ConfigFile = None) -> None:
    """Run the listener, the worker and the sender together."""
    settings = _settings(config)
    _needs(settings)
    with _reporting():
        wiring.open_storage(settings)
        wiring.open_engine(settings).dispose()
    loop = Loop(_SUPERVISION_SECONDS)
    stop_on_signals(loop.stop)
    if not supervise({room: wiring.room_command(room, config) for room in ROOMS}, loop, _GRACE_SECONDS):
        raise typer.Exit(1)


@app.command()
def listen(config: ConfigFile = None, leave_with_parent: LeaveWithParent = False) -> None:
    """Receive instances, and enqueue the series that are complete."""
    settings = _settings(config)
    _needs(settings)
    with _reporting():
        loop = Loop(settings.completion.interval_seconds)
        listener = wiring.make_listener(settings, loop)
        _stop_with(loop, leave_with_parent)
        listener.start()
        loop.run(listener.look)
        listener.stop()


@app.command()
def work(config: ConfigFile = None, leave_with_parent: LeaveWithParent = False) -> None:
    """Analyse what is enqueued; the only room that loads TensorFlow."""
    settings = _settings(config)
    _needs(settings)
    with _reporting():
        loop = Loop(settings.worker.poll_seconds, wiring.rest_until_jobs(settings))
        worker = wiring.make_worker(settings, loop)
        _stop_with(loop, leave_with_parent)
        loop.run(worker.step)


@app.command()
def deliver(config: ConfigFile = None, leave_with_parent: LeaveWithParent = False) -> None:
    """Send results to their destinations."""
    settings = _settings(config)
    with _reporting():
        loop = Loop(settings.sender.poll_seconds, wiring.rest_until_deliveries(settings))
        deliveries = wiring.make_deliveries(settings, loop)
        _stop_with(loop, leave_with_parent)
        loop.run(deliveries.step)


@app.command()
def status(config: ConfigFile = None) -> None:
    """Print how many series, jobs and deliveries there are in each state."""
    settings = _settings(config)
    with _reporting(), reading(wiring.open_engine(settings)) as connection:
        counts = views.counts(connection)
    table = Table("", "state", "number")
    table.add_row("instances", "received", str(counts.instances))
    for kind, states in (("series", counts.series), ("jobs", counts.jobs), ("deliveries", counts.deliveries)):
        for state, number in states.items():
            table.add_row(kind, state, str(number))
    Console().print(table)


@app.command()
def explain(
    study: Annotated[str, typer.Argument(help="Its Study Instance UID, or an end or a part that no other has.")],
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Say why each series of a received study was or was not analysed by each model."""
    settings = _settings(config)
    needs, now = _needs(settings), wiring.now().astimezone()  # an operator's times are local
    with _reporting():
        engine = wiring.open_engine(settings)
        exit_status = explain_study(engine, study, needs, settings.completion, now, as_json, Console())
    raise typer.Exit(exit_status)


@app.command()
def inspect(
    folder: Annotated[Path, typer.Argument(help="A folder of DICOM files, however deep.")],
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Say what each series of a folder is, and which models would analyse it or why not. Needs no database."""
    needs = _needs(_settings(config))
    raise typer.Exit(inspect_folder(folder, needs, survey, as_json, Console()))


@app.command("send-test-objects")
def send_test_objects(
    destination: Annotated[str, typer.Argument(help="An AE title from destinations in the settings.")],
    study: Annotated[Path | None, typer.Option(help="A folder of MR images to use in place of a phantom's.")] = None,
    every_kind: Annotated[bool, typer.Option("--all", help="Also the objects that its profile leaves out.")] = False,
    config: ConfigFile = None,
) -> None:
    """Send a labelled set of test objects, of nobody, to see what a viewer makes of them before results come."""
    settings = _settings(config)
    there = next((one for one in settings.destinations if one.ae_title == destination), None)
    sender = wiring.senders_of(settings)(destination)
    if there is None or sender is None:
        known = ", ".join(one.ae_title for one in settings.destinations) or "none"
        typer.echo(f"{destination} is no destination; there are: {known}", err=True)
        raise typer.Exit(2)
    with tempfile.TemporaryDirectory(prefix="glia-test-objects-") as folder:
        profile = with_every_kind(wiring.profile_of(there)) if every_kind else wiring.profile_of(there)
        wanted = TestSet(Path(folder), uuid.uuid4().hex, profile, wiring.now(), version("glia"))
        try:
            taken = rehearse(wanted, study, sender, Console())
        except DemoError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(2) from error
    raise typer.Exit(0 if taken else 1)


@app.command("config")
def show_config(config: ConfigFile = None) -> None:
    """Print the settings as they are in effect, as JSON."""
    typer.echo(without_passwords(_settings(config).model_dump_json(indent=2)))


def _settings(file: Path | None) -> Settings:
    """Read the settings and set up the logs; leave with status 2 when a setting is refused."""
    try:
        settings = load_settings(file, os.environ)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    log.configure(settings.log.level, settings.log.format)
    return settings


@contextmanager
def _reporting() -> Iterator[None]:
    """Leave with status 1 and the reason where the room cannot run."""
    try:
        yield
    except (NodeError, DatabaseError) as error:
        _log.error("cannot run", action="stop", reason=str(error))
        raise typer.Exit(1) from error


def _needs(settings: Settings) -> list[Need]:
    """Return what each model needs; leave with status 2 when there is no such model."""
    try:
        return wiring.needs_of(settings)
    except ModelError as error:
        typer.echo(f"The settings are refused:\n  worker.models: {error}", err=True)
        raise typer.Exit(2) from error


def _stop_with(loop: Loop, leave_with_parent: bool) -> None:
    stop_on_signals(loop.stop, _STANDARD_INPUT if leave_with_parent else None)


def _manner(file: Path | None) -> Manner:
    settings = _settings(file)
    worker = settings.worker
    return Manner(
        wiring.profile_of(settings.profile),
        settings.case.other_frame_of_reference,
        worker.precision,
        worker.model_memory_mb * 1_000_000,
    )


app.command()(predict_command(_manner))
