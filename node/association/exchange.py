"""The messages of one association: from fragments to a request, from a request to its answer (PS3.7 6.3, PS3.8 E)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pynetdicom.service_class import StorageServiceClass, VerificationServiceClass
from pynetdicom.sop_class import uid_to_service_class

from node.association import command
from node.association.command import Command, Kind
from node.association.errors import AbortedByProvider, AbortedByUser
from node.association.pdu import Pdv, p_data
from node.intake import Answer, Intake, Keeping, StoreRequest

_LONGEST_COMMAND_SET = 16384  # a C-STORE-RQ has about 200 bytes


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was agreed at the beginning of an association."""

    calling_ae_title: str
    called_ae_title: str
    transfer_syntaxes: Mapping[int, str]
    """By presentation context ID."""


class Exchange:
    """Takes fragments in, gives responses out, and has instances kept.

    Parameters
    ----------
    answered
        Called with every answer to a C-STORE, before it is sent.
    """

    def __init__(self, agreed: Agreed, intake: Intake, answered: Callable[[Answer], None]) -> None:
        self._agreed = agreed
        self._intake = intake
        self._answered = answered
        self._context_id: int | None = None
        self._command_set = bytearray()
        self._command: Command | None = None
        self._is_ours = False
        self._keeping: Keeping | None = None
        self._parts: list[memoryview] = []

    @property
    def is_idle(self) -> bool:
        """Whether no message has begun."""
        return self._context_id is None

    @property
    def holds_fragments(self) -> bool:
        """Whether it holds views into memory that is not its own."""
        return bool(self._parts)

    def take(self, value: Pdv) -> bytes:
        """Take one fragment; return the response as a PDU if it was the last one of a request, or nothing.

        Raises
        ------
        AbortedByProvider
            When it has no place in the message, or the message is none.
        AbortedByUser
            When the message asks for what was not agreed upon.
        """
        if self._context_id not in (None, value.context_id):
            raise AbortedByProvider("fragments of two presentation contexts in one message")
        if value.is_command:
            if self._command is not None:
                raise AbortedByProvider("a second command set before the data set")
            self._context_id = value.context_id
            self._take_command(value)
            complete = value.is_last and not (self._command and self._command.data_set_follows)
        elif self._command is None:
            raise AbortedByProvider("a data set before its command set")
        else:
            if value.fragment:
                self._parts.append(value.fragment)
            complete = value.is_last
        return self._serve() if complete else b""

    def hand_on(self) -> None:
        """Give away the fragments that are held: their memory is about to be used again."""
        if self._parts and self._keeping:
            self._keeping.add(self._parts)
        self._parts = []

    def drop(self) -> None:
        """Forget what has not become a whole message: the association is over."""
        if self._keeping:
            self._keeping.drop()
        self._reset()

    def _take_command(self, value: Pdv) -> None:
        if len(self._command_set) + len(value.fragment) > _LONGEST_COMMAND_SET:
            raise AbortedByProvider(f"a command set of more than {_LONGEST_COMMAND_SET} bytes")
        self._command_set += value.fragment
        if not value.is_last:
            return
        self._command = command.decode(bytes(self._command_set))
        transfer_syntax = self._agreed.transfer_syntaxes.get(value.context_id)
        self._is_ours = transfer_syntax is not None and _is_offered(self._command)
        if transfer_syntax is not None and self._is_ours and self._command.kind is Kind.STORE:
            self._keeping = self._intake.begin(self._request(self._command, transfer_syntax))

    def _serve(self) -> bytes:
        """Answer the message that is complete."""
        assert self._command is not None
        assert self._context_id is not None
        request, context_id = self._command, self._context_id
        if request.kind is Kind.INVALID:
            raise AbortedByProvider("a command set with values that are not allowed")
        if request.kind in (Kind.INCOMPLETE, Kind.CANCEL):
            self._reset()
            return b""
        if request.kind is Kind.OTHER:
            raise AbortedByUser("a service that we do not give")
        if not self._is_ours:
            raise AbortedByUser("a request that was not agreed upon")
        if request.kind is Kind.ECHO:
            self._reset()
            return p_data(context_id, command.echo_response(request))
        assert self._keeping is not None
        keeping, self._keeping = self._keeping, None
        answer = keeping.finish(self._parts)
        self._reset()
        self._answered(answer)
        return p_data(context_id, command.store_response(request, answer.status, answer.reason))

    def _request(self, request: Command, transfer_syntax: str) -> StoreRequest:
        return StoreRequest(
            affected_sop_class_uid=request.affected_sop_class_uid,
            affected_sop_instance_uid=request.affected_sop_instance_uid,
            transfer_syntax_uid=transfer_syntax,
            calling_ae_title=self._agreed.calling_ae_title,
            called_ae_title=self._agreed.called_ae_title,
            priority=request.priority,
        )

    def _reset(self) -> None:
        self._context_id = None
        self._command_set.clear()
        self._command = None
        self._keeping = None
        self._parts = []


def _is_offered(request: Command) -> bool:
    """Whether the SOP class belongs to the service that is asked for, and we give that service."""
    offered = {Kind.STORE: StorageServiceClass, Kind.ECHO: VerificationServiceClass}.get(request.kind)
    return offered is not None and issubclass(uid_to_service_class(request.affected_sop_class_uid), offered)
