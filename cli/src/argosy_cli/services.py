"""Which services are installed: entry points of the group ``argosy.services``, each of which names one ``argosy.service.Service``.

The supervisor, the configuration and compose/ know a service by that object and by nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from argosy.errors import FailedPrecondition, InvalidArgument
from argosy.service import Service
from argosy.settings import nearest
from argosy.tables import SHORT_TYPES

GROUP: Final = "argosy.services"
GATEWAY: Final = "gateway"


@cache
def installed() -> Mapping[str, EntryPoint]:
    """Return the entry points by their names, which are the services' kinds. Raises FailedPrecondition for one that two have."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
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
