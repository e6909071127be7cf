"""The application entity and its server: pynetdicom's, with our reception before it (its public hooks only)."""

import socket
import sys
from socketserver import BaseServer
from threading import Thread
from typing import Any

import structlog
from pynetdicom import AE
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from node.association.connection import Connection
from node.association.errors import AbortedByUser
from node.association.events import Events, Journal
from node.association.negotiation import Negotiator
from node.association.pdu import a_abort
from node.association.places import Places
from node.association.reception import Reception
from node.intake import Intake

_CLOSING_SECONDS = 30.0  # an instance that is being written is written to the end
_ABORTING_SECONDS = 1.0

_log = structlog.get_logger()


class Entity(AE):
    """An application entity that leaves to pynetdicom only the places that are not taken otherwise."""

    def __init__(self, ae_title: str, places: int) -> None:
        super().__init__(ae_title=ae_title)
        self.places = Places(places, self._served_by_library)

    @property
    def maximum_associations(self) -> int:
        """How many associations pynetdicom may serve at this moment."""
        return self.places.left_for_others

    @maximum_associations.setter
    def maximum_associations(self, value: int) -> None:
        raise AttributeError(f"the number of places is given once, not changed to {value}")

    def listen(self, address: tuple[str, int], intake: Intake, journal: Journal) -> "Server":
        """Begin to listen.

        Raises
        ------
        OSError
            When the address cannot be had.
        """
        handlers = Events(intake, journal).handlers()
        server = self.make_server(
            address,
            evt_handlers=list(handlers),
            server_class=Server,
            request_handler=_Handler,
            intake=intake,
            journal=journal,
        )
        assert isinstance(server, Server)
        Thread(target=server.serve_forever, name="listener", daemon=True).start()
        return server

    def _served_by_library(self) -> int:
        return sum(association.is_acceptor for association in self.active_associations)


class Server(ThreadedAssociationServer):
    """A thread for every connection; made by ``Entity.listen``."""

    daemon_threads = True
    request_queue_size = 128  # many senders may call in the same moment

    def __init__(self, ae: Entity, *arguments: Any, intake: Intake, journal: Journal, **keywords: Any) -> None:
        super().__init__(ae, *arguments, **keywords)
        negotiator = Negotiator(ae, self.ae_title, self.contexts)
        self.reception = Reception(ae, ae.places, negotiator, intake, journal)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Let a peer in unless too many are connected; else its connection is closed."""
        if self.reception.is_crowded:
            _log.warning("connection closed", action="refuse", peer=str(client_address), reason="too many connections")
            return False
        return super().verify_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell log and peer that something went wrong which nobody foresaw; the others are served on."""
        reason = f"unexpected {type(sys.exception()).__name__}"
        _log.exception("association failed", action="receive", peer=str(client_address), reason=reason)
        Connection(request, _ABORTING_SECONDS).send_last(a_abort(AbortedByUser.source))

    def stop(self) -> None:
        """Let no one in any more and abort what is open."""
        BaseServer.shutdown(self)
        self.server_close()
        self.reception.stop(_CLOSING_SECONDS)
        for association in self.active_associations:
            association.abort()


class _Handler(RequestHandler):
    """One connection."""

    server: Server
    request: socket.socket

    def handle(self) -> None:
        if self.server.ssl_context is None and self.server.reception.receive(self.request):
            self.server.shutdown_request(self.request)
        else:
            super().handle()
