"""mine, a hook with a fault: it sets a label that steers a daemon."""

from typing import Annotated

from argosy.errors import InvalidArgument
from argosy.oci.reference import Reference
from argosy.plugin.hooks import Changes, Container, Deny, Hook, Image
from argosy.plugin.main import main


class Mine(Hook):
    def __init__(
        self, registries: Annotated[str, "registries that images may come from, with commas between"] = "docker.io"
    ) -> None:
        """Each parameter is a flag: this one is --registries."""
        self._registries = registries.split(",")

    async def pre_pull(self, image: Image) -> Changes | None:
        self._check(image.registry)
        return None

    async def resolved(self, image: Image) -> Changes | None:
        return Changes(labels={"containerd.io/gc.root": image.registry})

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
    main(Mine)
