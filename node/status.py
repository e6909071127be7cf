"""The DIMSE statuses we answer a C-STORE with, by name."""

from enum import IntEnum


class Status(IntEnum):
    """Status (0000,0900) of a C-STORE response (PS3.4 B.2.3, PS3.7 C)."""

    SUCCESS = 0x0000
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    OUT_OF_RESOURCES = 0xA700
    DATA_SET_DOES_NOT_MATCH_SOP_CLASS = 0xA900
    CANNOT_UNDERSTAND = 0xC000
    MISSING_OR_INVALID_UID = 0xC210
    UNREADABLE_DATA_SET = 0xC211

    @property
    def stored(self) -> bool:
        """Whether a receiver that answers with this keeps the instance."""
        return is_stored(self)


def is_stored(status: int) -> bool:
    """Whether a receiver that answered with this status has kept the instance: success or warning."""
    return status == Status.SUCCESS or 0xB000 <= status <= 0xBFFF
