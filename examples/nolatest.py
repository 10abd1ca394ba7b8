"""A policy: in one namespace no image is called :latest, whoever pulls, imports, builds or tags it, and nothing runs by such a name.

It is a hook. A daemon asks it before an image is pulled or named, and before a container runs; the client gets to read the reason.
"""

from typing import Annotated

from argosy.plugin.hooks import Changes, Container, Deny, Hook, Image
from argosy.plugin.main import main


class NoLatest(Hook):
    def __init__(self, namespace: Annotated[str, "where it holds"] = "prod") -> None:
        self._namespace = namespace

    async def pre_pull(self, image: Image) -> Changes | None:
        self._check(image.namespace, image.tag, image.name)
        return None

    async def pre_run(self, container: Container) -> None:
        self._check(container.namespace, container.tag, container.image)

    def _check(self, namespace: str, tag: str, name: str) -> None:
        if namespace == self._namespace and tag == "latest":
            raise Deny(f"{name} is :latest, which is another image tomorrow; say which version")


if __name__ == "__main__":
    main(NoLatest)
