"""The ``glia`` command: reads the settings and wires every room with plain values."""

import os
import random
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from config.errors import SettingsError
from config.load import load_settings
from config.settings import Settings
from db import views
from db.engine import open_database, reading
from db.errors import DatabaseError
from dicom_io.equipment import Equipment
from inference import registry
from inference.card import read_card
from inference.errors import UnknownModel
from node import log
from node.completion import Completion
from node.demo.command import demo
from node.errors import NodeError
from node.listener import Listener
from node.loop import Loop, stop_on_signals
from node.pipeline import Desk
from node.receive import Receiver
from node.routing import ModelNeed
from node.sender import Deliveries
from node.senders.base import Sender
from node.senders.cstore import CStoreSender
from node.storage import Storage
from node.supervisor import supervise
from node.worker import Worker

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

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", envvar="GLIA_CONFIG", help="A TOML file that overrides default settings."),
]
LeaveWithParent = Annotated[
    bool, typer.Option("--leave-with-parent", hidden=True, help="Stop when standard input is closed.")
]


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
        Storage(settings.storage.folder, settings.storage.minimum_free_mb)
        _open(settings).dispose()
    loop = Loop(_SUPERVISION_SECONDS)
    stop_on_signals(loop.stop)
    if not supervise({room: _command(room, config) for room in ROOMS}, loop, _GRACE_SECONDS):
        raise typer.Exit(1)


@app.command()
def listen(config: ConfigFile = None, leave_with_parent: LeaveWithParent = False) -> None:
    """Receive instances, and enqueue the series that are complete."""
    settings = _settings(config)
    needs = _needs(settings)
    with _reporting():
        storage = Storage(settings.storage.folder, settings.storage.minimum_free_mb)
        storage.remove_leftovers()
        engine = _open(settings)
        loop = Loop(settings.completion.interval_seconds)
        completion = Completion(engine, settings.completion, needs, _now())
        listener = Listener(engine, settings.listener, Receiver(storage, engine), completion, loop.wake, _now)
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
        storage = Storage(settings.storage.folder, settings.storage.minimum_free_mb)
        installation = storage.installation(uuid.uuid4().hex)
        loop = Loop(settings.worker.poll_seconds)
        worker = Worker(
            name=_process_name(),
            engine=_open(settings),
            policy=settings.worker,
            rules=settings.rules,
            desk=Desk(storage, Equipment(site=installation, serial=installation[:12])),
            load=registry.load,
            stopped=lambda: loop.stopped,
            now=_now,
        )
        _stop_with(loop, leave_with_parent)
        loop.run(worker.step)


@app.command()
def deliver(config: ConfigFile = None, leave_with_parent: LeaveWithParent = False) -> None:
    """Send results to their destinations."""
    settings = _settings(config)
    with _reporting():
        loop = Loop(settings.sender.poll_seconds)
        deliveries = Deliveries(
            _process_name(),
            _open(settings),
            settings.sender,
            _senders(settings),
            _now,
            random.random,
            lambda: loop.stopped,
        )
        _stop_with(loop, leave_with_parent)
        loop.run(deliveries.step)


@app.command()
def status(config: ConfigFile = None) -> None:
    """Print how many series, jobs and deliveries there are in each state."""
    settings = _settings(config)
    with _reporting(), reading(_open(settings)) as connection:
        counts = views.counts(connection)
    table = Table("", "state", "number")
    table.add_row("instances", "received", str(counts.instances))
    for kind, states in (("series", counts.series), ("jobs", counts.jobs), ("deliveries", counts.deliveries)):
        for state, number in states.items():
            table.add_row(kind, state, str(number))
    Console().print(table)


@app.command("config")
def show_config(config: ConfigFile = None) -> None:
    """Print the settings as they are in effect, as JSON."""
    typer.echo(_settings(config).model_dump_json(indent=2))


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


def _needs(settings: Settings) -> list[ModelNeed]:
    """Return what each model accepts; leave with status 2 when there is no such model."""
    try:
        return [ModelNeed(name, read_card(name).sequences) for name in settings.worker.models]
    except UnknownModel as error:
        typer.echo(f"The settings are refused:\n  worker.models: {error}", err=True)
        raise typer.Exit(2) from error


def _open(settings: Settings) -> Engine:
    return open_database(settings.database_url, settings.database.busy_timeout_seconds)


def _stop_with(loop: Loop, leave_with_parent: bool) -> None:
    stop_on_signals(loop.stop, _STANDARD_INPUT if leave_with_parent else None)


def _command(room: str, config: Path | None) -> list[str]:
    named = ["--config", str(config.absolute())] if config else []
    return [sys.executable, "-m", "node", room, "--leave-with-parent", *named]


def _senders(settings: Settings) -> Callable[[str], Sender | None]:
    """Return the way to send to each AE title in the settings."""
    ours, timeout = settings.listener.ae_title, settings.sender.timeout_seconds
    return {there.ae_title: CStoreSender(ours, there, timeout) for there in settings.destinations}.get


def _process_name() -> str:
    """Return a name that no two processes share, now or later."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def _now() -> datetime:
    return datetime.now(UTC)
