"""mine, a policy: images come from registries that are known."""

from typing import Annotated

from argosy.errors import InvalidArgument
from argosy.oci.reference import Reference
from argosy.plugin.hooks import Changes, Container, Deny, Hook, Image
from argosy.plugin.main import main

# A method a point: pre_pull, resolved, layer_ready, unpacked, pre_run. Returning allows, Deny says no with a reason, Changes has the image come from
# elsewhere, adds labels or asks for a snapshotter. It is asked at the points whose methods stand here. What takes longer than its deadline, or
# fails, keeps everything out (or nothing, with `fail = "open"`), so ask nobody who may hang.


class Mine(Hook):
    def __init__(
        self, registries: Annotated[str, "registries that images may come from, with commas between"] = "docker.io"
    ) -> None:
        """Each parameter is a flag: this one is --registries."""
        self._registries = registries.split(",")

    async def pre_pull(self, image: Image) -> Changes | None:
        # Change this: it is asked before a registry is, or, by a client that does not ask, before the image gets its name (image.here).
        self._check(image.registry)
        return None

    async def resolved(self, image: Image) -> Changes | None:
        # What it says here is kept with the image: look at image.digest, and add labels of your own.
        return Changes(labels={"mine/registry": image.registry})

    async def pre_run(self, container: Container) -> None:
        # A container that is of no image is a step of a build, or one that somebody made by hand.
        if container.image:
            self._check(registry_of(container.image))

    def _check(self, registry: str) -> None:
        if registry not in self._registries:
            raise Deny(f"images of {registry or 'nowhere'} are not used here; there are {', '.join(self._registries)}")


def registry_of(name: str) -> str:
    """Return "" for a name that is no reference."""
    try:
        return Reference.parse(name).registry
    except InvalidArgument:
        return ""


if __name__ == "__main__":
    # --address, --help, signals and the service manager are main's.
    main(Mine)
