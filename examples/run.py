"""Run a command in a new container, on Argosy or any containerd: `run.py IMAGE COMMAND...`. An image that is not here is pulled."""

import asyncio
import secrets
import sys

from argosy.client import Client, Container, images
from argosy.errors import ArgosyError, NotFound
from argosy.oci.reference import Reference
from argosy.oci.spec import Options
from argosy_protos.containerd.services.images.v1 import GetImageRequest


async def main(image: str, command: list[str]) -> int:
    name = str(Reference.parse(image))
    async with Client() as client:  # the socket that ARGOSY_ADDRESS or CONTAINERD_ADDRESS names
        try:
            await client.services.images.get(GetImageRequest(name=name))
        except NotFound:
            await images.pull(client, name)
        container = await Container.create(client, f"run-{secrets.token_hex(4)}", name, Options(args=command))
        # Its stdio and its signals are ours, and so is its exit code, even if the daemon is killed meanwhile.
        async with container.run(stdin=0, remove=True) as process:
            return await process.wait()


if __name__ == "__main__":
    try:
        code = asyncio.run(main(sys.argv[1], sys.argv[2:]))
    except (ArgosyError, OSError) as error:
        sys.exit(f"run.py: {error}")
    sys.exit(code)
