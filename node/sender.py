"""Delivers what is owed: claims a batch of one destination, sends it, writes down what became of each."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from config import settings
from db import outbox
from db.errors import Transient as DatabaseTransient
from db.records import Delivery
from node.backoff import delay
from node.senders.base import Sender, SendReport

_log = structlog.get_logger()


class Deliveries:
    """Delivers one batch at a time.

    Parameters
    ----------
    name
        Who claims; no two living senders may share one.
    sender_for
        A destination's AE title -> the way to send to it; None where no address is configured.
    now
        Returns the time, aware.
    random
        Returns a number from 0 to 1, for the jitter of retries.
    stopped
        Whether the process was told to stop: the result on its way is finished, the rest of the batch put off.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        policy: settings.Sender,
        sender_for: Callable[[str], Sender | None],
        now: Callable[[], datetime],
        random: Callable[[], float],
        stopped: Callable[[], bool],
    ) -> None:
        self._name = name
        self._engine = engine
        self._policy = policy
        self._sender_for = sender_for
        self._now = now
        self._random = random
        self._stopped = stopped
        # Longer than one result may take; a batch that outlives it may be sent twice, which changes nothing.
        self._lease = timedelta(seconds=2 * policy.timeout_seconds)

    def step(self) -> bool:
        """Deliver one batch if one is due; return whether there was."""
        try:
            with self._engine.begin() as connection:
                batch = outbox.claim(connection, self._name, self._now(), self._lease, self._policy.batch)
            if batch:
                self._deliver(batch)
        except DatabaseTransient as error:  # what is claimed comes back when the lease has run out
            _log.warning("delivery put off", action="deliver", reason=str(error))
            return False
        return bool(batch)

    def _deliver(self, batch: Sequence[Delivery]) -> None:
        destination = batch[0].destination
        sender = self._sender_for(destination)
        if sender is None:
            for delivery in batch:
                self._put_off(delivery, f"no address for AE title {destination} in [[destinations]]")
            return
        reports = sender.send([delivery.result for delivery in batch])
        for delivery in batch:
            if self._stopped():
                self._put_off(delivery, "told to stop before it was sent")
            else:
                self._note(delivery, next(reports))

    def _note(self, delivery: Delivery, report: SendReport) -> None:
        log = _about(delivery)
        if report.delivered:
            with self._engine.begin() as connection:
                outbox.delivered(connection, delivery.id, self._name, self._now())
            log.info("result delivered", action="deliver")
        elif self._policy.maximum_attempts and delivery.attempts >= self._policy.maximum_attempts:
            with self._engine.begin() as connection:
                outbox.fail(connection, delivery.id, self._name, report.reason)
            log.error("delivery failed", action="deliver", reason=report.reason)
        else:
            self._put_off(delivery, report.reason)

    def _put_off(self, delivery: Delivery, reason: str) -> None:
        wait = delay(
            delivery.attempts,
            timedelta(seconds=self._policy.first_retry_seconds),
            timedelta(seconds=self._policy.maximum_retry_seconds),
            self._random(),
        )
        with self._engine.begin() as connection:
            outbox.postpone(connection, delivery.id, self._name, reason, self._now() + wait)
        _about(delivery).warning(
            "delivery put off", action="deliver", reason=reason, wait_seconds=round(wait.total_seconds(), 1)
        )


def _about(delivery: Delivery) -> structlog.typing.FilteringBoundLogger:
    log: structlog.typing.FilteringBoundLogger = _log.bind(
        delivery=delivery.id,
        destination=delivery.destination,
        kind=delivery.result.kind,
        attempt=delivery.attempts,
    )
    return log
