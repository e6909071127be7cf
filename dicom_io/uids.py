"""UIDs derived from what they name: the same parts give the same UID, on every machine, for ever."""

import hashlib
import uuid


def derive(*parts: str) -> str:
    """Return the UID of these parts, "2.25." and a name-based UUID in decimal; at most 44 characters.

    The order of the parts counts, and so does where one part ends and the next begins.
    """
    # PS3.5 B.2
    name = "".join(f"{len(part)}:{part}" for part in parts)
    digest = hashlib.sha256(name.encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"
