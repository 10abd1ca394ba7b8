"""Which intercept a call belongs to: by its namespace, the lease that it carries, the image that it is about, and what it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from argosy_gateway.metadata.intercepts import Selector
from argosy_gateway.plugins.plugin import Plugin


class Intercept(NamedTuple):
    """One intercept and the instance that its calls go to."""

    selector: Selector
    plugin: Plugin


class Intercepts:
    """All intercepts. Without any, to look a call up is to look into an empty table."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], list[Intercept]] = {}

    def __iter__(self) -> Iterator[Intercept]:
        for some in self._all.values():
            yield from some

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, intercept: Intercept) -> None:
        """Have calls go to an instance from now on."""
        selector = intercept.selector
        some = [*self._all.get((selector.plugin, selector.ns), ()), intercept]
        # The narrowest first: with a lease and a pattern, with a pattern, with a lease, all of a namespace.
        some.sort(key=lambda one: (bool(one.selector.reference), bool(one.selector.lease)), reverse=True)
        self._all[selector.plugin, selector.ns] = some

    def find(self, selector: Selector) -> Intercept | None:
        """Return the intercept of just these calls, if there is one."""
        return next((one for one in self._all.get((selector.plugin, selector.ns), ()) if one.selector == selector), None)

    def remove(self, intercept: Intercept) -> None:
        """Have its calls go where they would without it."""
        at = (intercept.selector.plugin, intercept.selector.ns)
        left = [one for one in self._all.pop(at) if one is not intercept]
        if left:
            self._all[at] = left

    def of_call(self, plugin: str, ns: str, lease: str | None, labels: Mapping[str, str] | None = None) -> Intercept | None:
        """Return the narrowest intercept that takes a call by what it carries, None when the plugin itself is called."""
        for one in self._all.get((plugin, ns), ()):
            if one.selector.takes(lease, labels or {}):
                return one
        return None

    def of_snapshots(
        self, plugin: str, ns: str, lease: str | None, labels: Mapping[str, str], keys: Sequence[str],
        has: Callable[[str, str], bool],
    ) -> Intercept | None:  # fmt: skip
        """Return the intercept that a call about snapshots belongs to, None when the plugin itself is called.

        A call that carries no lease and no reference goes on with what one which did has made: keys are the snapshots that it names, and
        has says whether there is one at a plugin or an instance. What is at the plugin itself, or the whole namespace's instance, comes first.
        """
        found = self.of_call(plugin, ns, lease, labels)
        if found is not None and found.selector.is_narrow:
            return found
        narrow = [one for one in self._all.get((plugin, ns), ()) if one.selector.is_narrow]
        usual = found.plugin.name if found is not None else plugin
        for key in filter(None, keys if narrow else ()):
            if has(usual, key):
                return found
            for one in narrow:
                if has(one.plugin.name, key):
                    return one
        return found
