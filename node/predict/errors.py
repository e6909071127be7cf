"""Why nothing can be predicted of what was given."""

from dicom_io.errors import printable


class InputRefused(Exception):
    """The message is one plain sentence that says what is wrong, and where it helps what to do."""

    def __init__(self, message: str) -> None:
        """Take the reason; what it repeats of the input becomes one printable line."""
        super().__init__(printable(message))
