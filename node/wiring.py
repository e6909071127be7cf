"""Each room made from the settings: the one place where settings become plain values and objects."""

import os
import random
import socket
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from config import settings as parts
from config.settings import Settings
from db import wake
from db.engine import open_database
from dicom_io.equipment import Equipment
from dicom_io.findings import Algorithm
from dicom_io.profile import Profile
from dicom_io.survey import survey
from inference import registry
from inference.card import read_card
from inference.errors import ModelError
from inference.shelf import Shelf
from node.completion import Completion
from node.decision import Need
from node.index import Index
from node.listener import Listener
from node.loop import Loop
from node.pipeline import Desk
from node.receive import Receiver
from node.routing import Routes
from node.sender import Deliveries
from node.senders.base import Sender
from node.senders.cstore import CStoreSender
from node.spool.spool import Spool
from node.spool.supply import Limits
from node.storage import Storage
from node.upkeep import Upkeep
from node.waking import Waking
from node.worker import Worker


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def needs_of(settings: Settings) -> list[Need]:
    """Return what each model that is switched on needs.

    Raises
    ------
    inference.errors.ModelError
        When there is no such model, or its card is malformed.
    """
    return [Need(name, read_card(name).inputs) for name in settings.worker.models]


def open_engine(settings: Settings) -> Engine:
    """Open the database."""
    return open_database(settings.database_url, settings.database.busy_timeout_seconds)


def open_storage(settings: Settings) -> Storage:
    """Open the folder of received instances and results."""
    return Storage(settings.storage.folder, settings.storage.minimum_free_mb)


def open_spool(settings: Settings) -> Spool:
    """Open the folder of received instances, for one process alone."""
    limits = Limits(
        segment_bytes=settings.storage.segment_mb << 20,
        free_segments=settings.storage.free_segments,
        minimum_free=settings.storage.minimum_free_mb * 1_000_000,
    )
    return Spool(settings.storage.folder / "spool", limits)


def make_listener(settings: Settings, loop: Loop) -> Listener:
    """Return the listener, which wakes the loop when there may be complete series."""
    open_storage(settings).remove_leftovers()
    spool, engine = open_spool(settings), open_engine(settings)
    index = Index(engine, spool, loop.wake)
    report = settings.worker.report_failures
    completion = Completion(engine, settings.completion, needs_of(settings), survey, now(), report)
    keep = timedelta(days=settings.storage.keep_days) if settings.storage.keep_days else None
    upkeep = Upkeep(engine, spool, timedelta(seconds=settings.storage.upkeep_seconds), keep, now)
    return Listener(settings.listener, Receiver(spool, index, now), index, completion, upkeep, now)


def rest_until_jobs(settings: Settings) -> Waking:
    """Return the rest of a worker."""
    return Waking(wake.for_jobs(open_engine(settings), now))


def rest_until_deliveries(settings: Settings) -> Waking:
    """Return the rest of a sender."""
    return Waking(wake.for_deliveries(open_engine(settings), now))


def make_worker(settings: Settings, loop: Loop) -> Worker:
    """Return the worker, which begins no step after the loop was stopped."""
    storage = open_storage(settings)
    installation = storage.installation(uuid.uuid4().hex)
    equipment = Equipment(site=installation, serial=installation[:12])
    return Worker(
        name=process_name(),
        engine=open_engine(settings),
        policy=settings.worker,
        routes=routes_of(settings),
        desk=Desk(storage, equipment, settings.case.other_frame_of_reference),
        load=Shelf(
            partial(registry.load, precision=settings.worker.precision), settings.worker.model_memory_mb * 1_000_000
        ).model,
        algorithm_of=algorithm_of,
        stopped=lambda: loop.stopped,
        now=now,
    )


def routes_of(settings: Settings) -> Routes:
    """Return where results go, and how they are wanted there."""
    profiles = {there.ae_title: profile_of(there) for there in settings.destinations}
    return Routes(settings.rules, profiles, profile_of(settings.profile))


def profile_of(wanted: parts.Profile) -> Profile:
    """Return how a destination wants its objects."""
    return Profile(
        objects=wanted.objects,
        seg_encoding=wanted.seg_encoding,
        sr_class=wanted.sr_class,
        maximum_frames=wanted.maximum_frames,
        character_set=wanted.character_set,
    )


def algorithm_of(model: str) -> Algorithm:
    """Return what signs results of a model; by its name alone where its card cannot be read."""
    try:
        card = read_card(model)
    except ModelError:
        return Algorithm(model, "unknown", "")
    return Algorithm(card.name, card.version, card.weights_sha256)


def make_deliveries(settings: Settings, loop: Loop) -> Deliveries:
    """Return the sender, which begins no delivery after the loop was stopped."""
    return Deliveries(
        process_name(),
        open_engine(settings),
        settings.sender,
        senders_of(settings),
        now,
        random.random,
        lambda: loop.stopped,
    )


def senders_of(settings: Settings) -> Callable[[str], Sender | None]:
    """Return the way to send to each AE title in the settings."""
    ours, timeout = settings.listener.ae_title, settings.sender.timeout_seconds
    return {there.ae_title: CStoreSender(ours, there, timeout) for there in settings.destinations}.get


def room_command(room: str, config: Path | None) -> list[str]:
    """Return the command line of one room as a process of its own."""
    named = ["--config", str(config.absolute())] if config else []
    return [sys.executable, "-m", "node", room, "--leave-with-parent", *named]


def process_name() -> str:
    """Return a name that no two processes share, now or later."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
