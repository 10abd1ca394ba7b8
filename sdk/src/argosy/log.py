"""Logs are events with keys: structlog, to a console or as JSON lines, always on standard error."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

from argosy_protos._quick import without

# For tracebacks that we do not draw; rich alone is 95 ms and 6 MiB.
with without("rich", "better_exceptions", "colorama"):
    import structlog

LEVELS: Final = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "fatal": 50, "panic": 50}


def configure(level: str = "info", json: bool | None = None, service: str = "") -> None:
    """Set the process's log level and form. json=None: JSON unless standard error is a terminal.

    Tracebacks appear at debug level only. Raises KeyError for an unknown level.
    """
    number = LEVELS[level]
    as_json = not sys.stderr.isatty() if json is None else json
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if number > logging.DEBUG:
        processors.append(_without_traceback)
    else:
        processors.append(structlog.processors.format_exc_info)
    if service:
        structlog.contextvars.bind_contextvars(service=service)
    processors.append(structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(pad_event_to=28))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _without_traceback(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    event.pop("exc_info", None)
    return event


def get(name: str) -> Any:
    """Return a logger whose events carry name as ``room``."""
    return structlog.get_logger(room=name)
