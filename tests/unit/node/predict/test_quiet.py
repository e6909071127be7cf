"""Native libraries are kept off the screen while they start."""

import os

import pytest

from inference.errors import WeightsMissing
from node.predict.quiet import quiet_start


def start(noise: bytes, failure: Exception) -> None:
    with quiet_start():
        os.write(2, noise)
        raise failure


def test_nothing_written_past_python_reaches_the_screen(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_start():
        os.write(2, b"oneDNN custom operations are on\n")
    os.write(2, b"after\n")

    assert capfd.readouterr().err == "after\n"


def test_where_starting_fails_unexpectedly_all_of_it_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError):
        start(b"libcudart is broken\n", ImportError())

    assert capfd.readouterr().err == "libcudart is broken\n"


def test_a_model_that_says_why_needs_no_more(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WeightsMissing):
        start(b"noise\n", WeightsMissing())

    assert capfd.readouterr().err == ""
