"""Log lines: structured, and without values out of data sets."""

import json
import subprocess
import sys

PROGRAM = """
import logging, warnings
import structlog
from node import log
log.configure("{level}", "{style}")
logger = structlog.get_logger()
logger.debug("small", action="receive")
logger.info("series complete", action="enqueue", series="1.2.3")
{more}
"""


def run(level: str, style: str, more: str = "") -> str:
    program = PROGRAM.format(level=level, style=style, more=more)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stderr


def test_json_style_writes_one_object_a_line_with_its_fields() -> None:
    (line,) = run("info", "json").splitlines()

    entry = json.loads(line)
    assert entry["event"] == "series complete"
    assert (entry["action"], entry["series"], entry["level"]) == ("enqueue", "1.2.3", "info")
    assert entry["timestamp"].endswith("Z")


def test_auto_style_is_json_where_no_terminal_reads() -> None:
    assert json.loads(run("info", "auto"))["event"] == "series complete"


def test_levels_below_the_configured_one_are_left_out() -> None:
    assert len(run("debug", "json").splitlines()) == 2
    assert run("error", "console") == ""


def test_values_that_pydicom_warns_about_are_not_written() -> None:
    more = (
        "from pydicom.dataset import Dataset\n"
        "data_set = Dataset()\n"
        "data_set.add_new('PatientID', 'LO', 'SECRET' * 20)\n"
        "data_set.add_new('SOPInstanceUID', 'UI', 'SECRET')\n"
    )

    assert "SECRET" not in run("debug", "console", more)


def test_tracebacks_do_not_show_local_variables() -> None:
    more = (
        "def read(name):\n"
        "    raise ValueError('broken')\n"
        "try:\n"
        "    read('SEC' + 'RET')\n"
        "except ValueError:\n"
        "    logger.exception('instance refused', action='refuse')\n"
    )

    for style in ("console", "json"):
        text = run("info", style, more)
        assert "broken" in text
        assert "SECRET" not in text
