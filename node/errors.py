"""What can go wrong in the node; the class says whether trying again may help."""


class NodeError(Exception):
    """Base of all errors of this package; the message is the reason an operator reads."""


class Transient(NodeError):
    """Trying again may help."""


class Permanent(NodeError):
    """Trying again changes nothing."""


class StorageUnavailable(Transient):
    """The folder cannot be written to."""


class OutOfSpace(StorageUnavailable):
    """The disk is full, or fuller than the configuration allows."""


class Interrupted(Transient):
    """The process was told to stop before the job was done."""


class CannotListen(Transient):
    """The address to listen on is taken, or is not an address of this machine."""


class Refused(Permanent):
    """An instance is not for us; ``status`` is the DIMSE status to answer with."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status
