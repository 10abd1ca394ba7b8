"""Logs are events with keys: structlog, to a console or as JSON lines, always on standard error.

structlog is loaded by the first event that is said: a process that has nothing to tell starts without it.
"""

from __future__ import annotations

import sys
from typing import Any, ClassVar, Final

from argosy_protos._quick import without

LEVELS: Final = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "fatal": 50, "panic": 50}


class _Chosen:
    """What configure was told."""

    level: ClassVar[int] = LEVELS["info"]
    json: ClassVar[bool | None] = None
    service: ClassVar[str] = ""
    applied: ClassVar[bool] = False


def configure(level: str = "info", json: bool | None = None, service: str = "") -> None:
    """Set the process's log level and form. json=None: JSON unless standard error is a terminal.

    Tracebacks appear at debug level only. Raises KeyError for an unknown level.
    """
    _Chosen.level = LEVELS[level]
    _Chosen.json = json
    _Chosen.service = service or _Chosen.service
    _Chosen.applied = False


def load() -> Any:
    """Return structlog, set up as configure was told."""
    if "structlog" not in sys.modules:
        # For tracebacks that we do not draw; rich alone is 95 ms and 6 MiB.
        with without("rich", "better_exceptions", "colorama"):
            import structlog
    import structlog

    if not _Chosen.applied:
        _apply(structlog)
        _Chosen.applied = True
    return structlog


def _apply(structlog: Any) -> None:
    processors: list[Any] = [
        _with_service,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if LEVELS["debug"] < _Chosen.level:
        processors.append(_without_traceback)
    else:
        processors.append(structlog.processors.format_exc_info)
    as_json = not sys.stderr.isatty() if _Chosen.json is None else _Chosen.json
    processors.append(structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(pad_event_to=28))
    structlog.configure(
        processors=processors,
        # It knows no level below debug, and we say nothing there either.
        wrapper_class=structlog.make_filtering_bound_logger(max(_Chosen.level, LEVELS["debug"])),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _with_service(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    if _Chosen.service:
        event.setdefault("service", _Chosen.service)
    return event


def _without_traceback(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    event.pop("exc_info", None)
    return event


class Logger:
    """Says events; each carries the name of the room that it was said in."""

    __slots__ = ("_room",)

    def __init__(self, room: str) -> None:
        self._room = room

    def _say(self, level: str, event: str, keys: dict[str, Any]) -> None:
        if LEVELS[level] >= _Chosen.level:
            try:
                getattr(load().get_logger(room=self._room), level)(event, **keys)
            except (OSError, ValueError):
                pass  # standard error is full, closed, or nobody reads it: no reason to fail what was being done

    def debug(self, event: str, **keys: Any) -> None:
        self._say("debug", event, keys)

    def info(self, event: str, **keys: Any) -> None:
        self._say("info", event, keys)

    def warning(self, event: str, **keys: Any) -> None:
        self._say("warning", event, keys)

    def error(self, event: str, **keys: Any) -> None:
        self._say("error", event, keys)


def get(name: str) -> Logger:
    """Return a logger whose events carry name as ``room``."""
    return Logger(name)
