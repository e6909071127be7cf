"""What can go wrong in the spool, beside a disk that is full or not there."""

from node.errors import Permanent, StorageUnavailable


class SpoolInUse(StorageUnavailable):
    """Another process owns the spool."""


class Corrupt(Permanent):
    """The bytes of an instance are not those that were kept."""
