"""Structured logs: a sentence and fields such as action=..., series=..., reason=...; never a patient's name."""

import logging
import sys
import warnings
from typing import Literal

import structlog


def configure(level: str, style: Literal["auto", "console", "json"]) -> None:
    """Send log lines to standard error: for a reader at a console, or one JSON object a line, or as it is read.

    Call it once, at the start of a process.
    """
    # These libraries put values of the data set into warnings, and a value may be a patient's name.
    warnings.filterwarnings("ignore", module=r"(pydicom|pynetdicom|highdicom)\b")
    for library in ("pydicom", "pynetdicom", "highdicom"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_rendering(style),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _rendering(style: Literal["auto", "console", "json"]) -> list[structlog.typing.Processor]:
    """Return the last processors of the chain."""
    if style == "json" or (style == "auto" and not sys.stderr.isatty()):
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback  # rich tracebacks print local variables: data sets among them
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
