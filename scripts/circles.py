"""A contract for import-linter: no module comes back to itself by what it imports, at its top, in a function or for types alone."""

from __future__ import annotations

from collections.abc import Mapping, Set

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


def circles(imports: Mapping[str, Set[str]]) -> list[list[str]]:
    """Return ways from a module back to it, a shortest one of each module that is in none of those before. imports says what each module imports."""
    found: list[list[str]] = []
    seen: set[str] = set()
    for module in sorted(imports):
        if module not in seen and (way := _way_back(module, imports)) is not None:
            found.append(way)
            seen.update(way)
    return found


def _way_back(module: str, imports: Mapping[str, Set[str]]) -> list[str] | None:
    """Return a shortest way from a module to itself, which it begins and ends with."""
    ways, been = [[module]], set[str]()
    for way in ways:  # longer ones are added behind it
        for other in sorted(imports.get(way[-1], frozenset())):
            if other == module:
                return [*way, module]
            if other not in been:
                been.add(other)
                ways.append([*way, other])
    return None


class NoCircles(Contract):
    """The modules of packages import each other in one direction. There are no exceptions: what two modules need is below both."""

    type_name = "no_circles"
    packages = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        names: set[str] = set(self.packages)  # type: ignore[call-overload] # a field; a contract has its value
        ours = {module for module in graph.modules if module.partition(".")[0] in names}
        found = circles({module: graph.find_modules_directly_imported_by(module) for module in ours})
        return ContractCheck(kept=not found, metadata={"circles": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for way in check.metadata["circles"]:
            output.print_error(" -> ".join(way))
        output.print_error("Give what two of them need a home below both, or have one take it as an argument.")
