"""Why we end an association; the class says who is speaking, and the message is what the log says."""

from node.errors import NodeError


class Aborted(NodeError):
    """The association is over, and the peer gets an A-ABORT with this source (PS3.8 9.3.8)."""

    source: int


class AbortedByProvider(Aborted):
    """The peer broke the rules of the upper layer."""

    source = 2


class AbortedByUser(Aborted):
    """The rules were kept, but we cannot go on."""

    source = 0


class HandOver(NodeError):
    """A proposal is for the library to answer."""
