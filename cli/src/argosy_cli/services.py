"""Which services are installed: entry points of the group ``argosy.services``, each of which names one ``argosy.service.Service``.

The supervisor, the configuration and compose/ know a service by that object and by nothing else. The files of entry points are read
here: ``importlib.metadata`` brings the libraries for mail and archives along, 2 MiB of a mesh and 75 ms of its start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final, NamedTuple

from argosy.errors import FailedPrecondition, InvalidArgument
from argosy.service import Service
from argosy.settings import nearest
from argosy.tables import SHORT_TYPES

GROUP: Final = "argosy.services"
GATEWAY: Final = "gateway"


class EntryPoint(NamedTuple):
    """What a distribution calls an object, and where it is."""

    name: str
    value: str
    """``module:attribute``; what may follow in brackets says what else has to be installed."""

    def load(self) -> Any:
        """Return the object. Raises ImportError, AttributeError, and whatever its module does."""
        module, _, attributes = self.value.partition("[")[0].partition(":")
        found: Any = import_module(module.strip())
        for name in filter(None, attributes.strip().split(".")):
            found = getattr(found, name)
        return found


def _files() -> Iterator[str]:
    """Yield the entry points' files of the distributions on our path. Of one that is there twice, the first counts."""
    seen: set[str] = set()
    for folder in sys.path:
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            continue  # an archive, or nothing at all
        for name in names:
            stem, dot, kind = name.rpartition(".")
            distribution = stem.partition("-")[0].lower().replace(".", "_")
            if dot and kind in ("dist-info", "egg-info") and distribution not in seen:
                seen.add(distribution)
                yield os.path.join(folder or ".", name, "entry_points.txt")


def _entry_points(group: str) -> Iterator[EntryPoint]:
    for path in _files():
        try:
            with open(path, encoding="utf-8") as file:
                lines = [line.strip() for line in file]
        except OSError:
            continue  # most have none
        inside = False
        for line in lines:
            if line.startswith("["):
                inside = line == f"[{group}]"
            elif inside and "=" in line and not line.startswith(("#", ";")):
                name, _, value = line.partition("=")
                yield EntryPoint(name.strip(), value.strip())


@cache
def installed() -> Mapping[str, EntryPoint]:
    """Return the entry points by their names, which are the services' kinds. Raises FailedPrecondition for one that two have."""
    found: dict[str, EntryPoint] = {}
    for point in _entry_points(GROUP):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise FailedPrecondition(
                f'two packages install a service "{point.name}": {other.value} and {point.value}; remove one'
            )
    return found


@cache
def service_of(kind: str) -> Service[Any]:
    """Return the service of a kind, of which little is loaded yet.

    Raises InvalidArgument for one that is not installed, FailedPrecondition for one that can't be what it says.
    """
    point = installed().get(kind)
    if point is None:
        raise InvalidArgument(f'no service of kind "{kind}" is installed{nearest(kind, list(installed()))}')
    try:
        service = point.load()
    except (ImportError, AttributeError) as error:
        raise FailedPrecondition(f'service "{kind}" ({point.value}) cannot be loaded: {error}; install it again') from error
    if not isinstance(service, Service) or service.name != kind:
        raise FailedPrecondition(f'service "{kind}" ({point.value}) is no argosy.service.Service of that name')
    if service.plugin and (service.plugin not in SHORT_TYPES or not service.public_name):
        raise FailedPrecondition(
            f'service "{kind}" ({point.value}) is a {service.plugin} plugin called "{service.public_name}"; '
            f"it needs a name, and one of the types {', '.join(SHORT_TYPES)}"
        )
    return service


def plugin_of(kind: str) -> Service[Any]:
    """Return the service of a kind that a mesh can have behind its gateway. Raises as service_of does."""
    service = service_of(kind)
    if not service.plugin:
        raise InvalidArgument(f'"{kind}" is no plugin: a mesh has one by itself')
    return service
