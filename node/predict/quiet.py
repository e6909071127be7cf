"""Keeps what native libraries write to standard error while they start off the screen."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

from inference.errors import ModelError

_STANDARD_ERROR = 2


@contextmanager
def quiet_start() -> Iterator[None]:
    """Let nothing reach standard error, not even past Python; show all of it where starting fails unexpectedly."""
    sys.stderr.flush()
    screen = os.dup(_STANDARD_ERROR)
    with TemporaryFile() as said:
        os.dup2(said.fileno(), _STANDARD_ERROR)
        try:
            yield
        except ModelError:  # it says itself what is wrong
            raise
        except BaseException:
            sys.stderr.flush()
            said.seek(0)
            os.write(screen, said.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(screen, _STANDARD_ERROR)
            os.close(screen)
