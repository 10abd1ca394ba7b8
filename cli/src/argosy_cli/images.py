"""Images: pull, push, import, export, images, rmi, tag."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from argosy.errors import ArgosyError, InvalidArgument

from argosy_cli.inspecting import verdict_of
from argosy_cli.output import Exit, ask, each, fail, remark, run_async, show, show_one, size, watching
from argosy_cli.target import Target
from argosy_cli.words import Argument, Group, Option, Verb

if TYPE_CHECKING:
    from argosy.client.credentials import Credentials
    from argosy.client.sources import Source
    from argosy.encryption.payload import Parameters
    from argosy.oci.image import Platform

Snapshotter = Annotated[str, Option("--snapshotter", help="snapshotter; default: the namespace's")]
User = Annotated[
    str, Option("--user", "-u", help="name:password for the registry; of a name alone the password is asked for")
]
Plain = Annotated[bool, Option("--plain-http", help="speak HTTP to the registry")]
DecryptionKeys = Annotated[
    list[str] | None,
    Option("--decryption-keys", help="FILE[:pass=WORD], directory or provider:NAME whose keys open encrypted layers"),
]


def credentials(user: str) -> Credentials | None:
    """Return what a name and a password say; a name alone has its password asked for. Raises InvalidArgument where nobody can be asked."""
    from argosy.client.credentials import Credentials

    name, colon, secret = user.partition(":")
    if user and not colon:
        if sys.stdin is None or not sys.stdin.isatty():
            raise InvalidArgument(f'user "{name}" has no password: write {name}:PASSWORD, or be asked for it at a terminal')
        from getpass import getpass

        secret = getpass(f"Password of {name}: ")
    return Credentials(name, secret) if user else None


def keys_of(said: Sequence[str] | None) -> Parameters | None:
    """Return the keys that open encrypted layers, as they were said. Raises InvalidArgument, NotFound, PermissionDenied, Unimplemented."""
    if not said:
        return None
    from argosy.encryption import installed

    installed.check()
    from argosy.encryption import words

    return words.keys(said)


def platforms_of(said: Sequence[str] | None) -> list[Platform]:
    """Return platforms, as they were said. Raises InvalidArgument."""
    from argosy.oci.image import Platform

    return [Platform.parse(one) for one in said or ()]


def pull(
    reference: str,
    plain_http: Plain = False,
    user: User = "",
    platform: Annotated[str, Option("--platform", help="os/architecture[/variant]")] = "",
    all_platforms: Annotated[bool, Option("--all-platforms", help="fetch every platform")] = False,
    snapshotter: Snapshotter = "",
    unpack: Annotated[bool, Option(help="unpack after fetching")] = True,
    decryption_keys: DecryptionKeys = None,
) -> None:
    """Pull an image from its registry and unpack it."""
    from argosy.client import images as api
    from argosy.labels import VERDICT
    from argosy.oci.image import Platform

    keys, login = keys_of(decryption_keys), credentials(user)

    async def work() -> None:
        async with Target.client() as client:
            with watching() as watch:
                image = await api.pull(
                    client, reference, plain=plain_http, credentials=login, all_platforms=all_platforms,
                    platform=Platform.parse(platform) if platform else None, snapshotter=snapshotter, unpack_image=unpack, watch=watch,
                    keys=keys, warn=remark,
                )  # fmt: skip
        verdict = image.labels.get(VERDICT, "")
        row = {"image": image.name, "digest": image.target.digest if image.target else ""}
        show_one({**row, "verified": verdict} if verdict else row)

    run_async(work())


def push(
    reference: str,
    source: Annotated[str, Argument(help="local image to push under that name; default: the same name")] = "",
    plain_http: Plain = False,
    user: User = "",
    platform: Annotated[
        str, Option("--platform", help="os/architecture[/variant]: the image of this one alone, and no index")
    ] = "",
) -> None:
    """Push an image to the registry that its name says."""
    from argosy.client import images as api
    from argosy.oci.image import Platform
    from argosy.oci.reference import Reference

    login = credentials(user)

    async def work() -> None:
        async with Target.client() as client:
            with watching() as watch:
                await api.push(
                    client, reference, source=source, plain=plain_http, credentials=login, watch=watch, warn=remark,
                    platform=Platform.parse(platform) if platform else None,
                )  # fmt: skip
        show_one({"pushed": str(Reference.parse(reference))})

    run_async(work())


def import_(
    archive: Annotated[Path, Argument(help="a file, a FIFO, a folder with an OCI layout, or - for standard input")],
    snapshotter: Snapshotter = "",
    unpack: Annotated[bool, Option(help="unpack after importing")] = True,
    decryption_keys: DecryptionKeys = None,
) -> None:
    """Import an OCI or docker archive."""
    import fcntl

    from argosy.client import images as api

    keys = keys_of(decryption_keys)
    source: Source = archive
    if str(archive) == "-":
        # What stands in for one that was closed can't be read.
        if sys.stdin is None or fcntl.fcntl(0, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
            raise Exit(fail(InvalidArgument("standard input is closed; pipe an archive into it, or name a file")))
        source = sys.stdin.buffer

    async def work() -> None:
        async with Target.client() as client:
            with watching() as watch:
                names = await api.import_archive(
                    client, source, snapshotter=snapshotter, unpack_images=unpack, watch=watch, keys=keys
                )
        show([{"image": n} for n in names], ("image",))

    run_async(work())


def export(
    archive: Path,
    references: list[str],
    platform: Annotated[str, Option("--platform", help="only this platform")] = "",
) -> None:
    """Write images into an OCI archive that docker reads too; "-" is standard output."""
    from argosy.client import images as api
    from argosy.client.files import naming
    from argosy.oci.image import Platform
    from argosy.oci.reference import Reference

    async def work() -> None:
        if str(archive) == "-" and os.isatty(1):
            raise InvalidArgument("standard output is a terminal, and an archive no text: send it to a file or a program")
        async with Target.client() as client:
            names = [str(Reference.parse(r)) for r in references]
            only = Platform.parse(platform) if platform else None
            if str(archive) == "-":
                with naming("standard output"), open(1, "wb", closefd=False) as stream:
                    await api.export_stream(client, stream, names, only)
                return
            await api.export_archive(client, archive, names, only)
        if not archive.is_file() or str(archive).startswith("/dev/"):
            return  # what is said would be in the archive, or is of no use
        show_one({"archive": str(archive), "size": size(archive.stat().st_size)})

    run_async(work())


def images(filters: Annotated[list[str] | None, Argument(help="containerd filters")] = None) -> None:
    """List images."""
    from argosy.client import images as api
    from argosy.client.services import present
    from argosy.oci.image import Platform
    from argosy.timestamps import format_rfc3339, from_wire
    from argosy_protos.containerd.services.images.v1 import ListImagesRequest

    async def work() -> None:
        rows = []
        services = Target.services()
        reply = await services.images.list(ListImagesRequest(filters=filters or []))
        for image in reply.images:
            target = present(image.target, f'the target of image "{image.name}"')
            row: dict[str, Any] = {"name": image.name, "digest": target.digest, "labels": dict(image.labels)}
            row["verified"] = verdict_of(row["labels"], target.digest)
            row["created"] = format_rfc3339(from_wire(image.created_at) or 0)
            try:
                found = await api.resolve(services, api.from_wire(target))
                total = found.manifest.config.size + sum(layer.size for layer in found.manifest.layers)
                row |= {
                    "size": size(total),
                    "bytes": total,
                    "platform": str(Platform(os=found.config.os, architecture=found.config.architecture)),
                }
            except ArgosyError:
                row |= {"size": "-", "platform": "-"}
            rows.append(row)
        verified = ("verified",) if any(row["verified"] for row in rows) else ()
        show(rows, ("name", "digest", "size", "platform", *verified), "no images")

    ask(work())


def rmi(
    references: list[str],
    sync: Annotated[bool, Option("--sync", help="wait until the disk is free")] = False,
) -> None:
    """Remove images."""
    from argosy.oci.reference import Reference
    from argosy_protos.containerd.services.images.v1 import DeleteImageRequest

    async def work() -> None:
        async with Target.client() as client:
            names = [str(Reference.parse(r)) for r in references]
            stub = client.services.images
            await each(names, "removed", lambda n: stub.delete(DeleteImageRequest(name=n, sync=sync and n == names[-1])))

    run_async(work())


def tag(source: str, target: str) -> None:
    """Give an image another name."""
    from argosy.client import images as api
    from argosy.client.services import present
    from argosy.oci.reference import Reference
    from argosy_protos.containerd.services.images.v1 import GetImageRequest

    async def work() -> None:
        async with Target.client() as client:
            name = str(Reference.parse(source))
            old = present((await client.services.images.get(GetImageRequest(name=name))).image, f'image "{name}"')
            digest = present(old.target, f'the target of image "{name}"')
            await api.put_image(client.services, str(Reference.parse(target)), digest, dict(old.labels))
        show_one({"image": str(Reference.parse(target))})

    run_async(work())


VERBS: Final[dict[str, Verb | Group]] = {
    "pull": Verb(pull),
    "push": Verb(push),
    "import": Verb(import_),
    "export": Verb(export),
    "images": Verb(images),
    "rmi": Verb(rmi),
    "tag": Verb(tag),
}
