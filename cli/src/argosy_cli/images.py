"""Images: pull, push, import, export, images, rmi, tag, and what is done with one image."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from argosy.errors import ArgosyError, InvalidArgument

from argosy_cli.inspecting import inspect, verdict_of
from argosy_cli.output import Exit, ask, each, every, fail, remark, run_async, show, show_one, size, watching
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


def _platforms(said: Sequence[str] | None) -> list[Platform]:
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


def check(
    references: Annotated[list[str] | None, Argument(help="images; default: all of the namespace")] = None,
    snapshotter: Annotated[
        list[str] | None, Option("--snapshotter", help="only on this one; default: on each that there is")
    ] = None,
) -> None:
    """Say whether images can be run: which of their blobs are here, and on which snapshotters they are unpacked."""
    from argosy.client import images as api
    from argosy_protos.containerd.services.images.v1 import ListImagesRequest

    async def work() -> None:
        rows: list[dict[str, Any]] = []
        async with Target.client() as client:
            on = snapshotter or await api.snapshotters(client.services)
            names = references or [one.name for one in (await client.services.images.list(ListImagesRequest())).images]

            async def look(name: str) -> None:
                found = await api.ready(client.services, name, on)
                for one in found.unpacked:
                    state = "ready" if found.is_on(one.snapshotter) else f"{one.layers} of {found.layers} layers"
                    rows.append(
                        {
                            "image": found.image, "platform": found.platform, "snapshotter": one.snapshotter,
                            "unpacked": state if one.error is None else "unknown", "ready": found.is_on(one.snapshotter),
                            "content": f"{len(found.missing)} of {found.layers} layers missing" if found.missing else "complete",
                            "missing": list(found.missing), "error": str(one.error or ""),
                        }
                    )  # fmt: skip

            code = await every(names, look)
        show(rows, ("image", "platform", "content", "snapshotter", "unpacked", "error"), "no images")
        if code:
            raise Exit(code)

    run_async(work())


_Layers = Annotated[list[int] | None, Option("--layer", help="only this layer, counted from 0, or from the end with -1")]
_Platforms = Annotated[list[str] | None, Option("--platform", help="only os/architecture[/variant]")]


def encrypt(
    source: Annotated[str, Argument(help="the image to encrypt", metavar="OLD")],
    target: Annotated[str, Argument(help="what the encrypted image is called", metavar="NEW")],
    recipient: Annotated[
        list[str] | None, Option("--recipient", help="who may open it: jwe:FILE, pkcs7:FILE or provider:NAME[:PARAMETER]")
    ] = None,
    layer: _Layers = None,
    platform: _Platforms = None,
    decryption_keys: DecryptionKeys = None,
) -> None:
    """Encrypt an image's layers, or give more recipients to those that are."""
    from argosy.encryption import installed

    installed.check()
    from argosy.client import images as api
    from argosy.encryption import words

    if not recipient:
        raise InvalidArgument(
            "nobody could open the image: say for whom it is, such as --recipient jwe:FILE with a public key"
        )
    recipients, keys = words.recipients(recipient), keys_of(decryption_keys)

    async def work() -> None:
        async with Target.client() as client:
            with watching() as watch:
                made = await api.encrypt(
                    client,
                    source,
                    target,
                    recipients,
                    keys=keys,
                    layers=layer or (),
                    platforms=_platforms(platform),
                    watch=watch,
                )
        show_one({"image": made.name, "digest": made.target.digest if made.target else ""})

    run_async(work())


def decrypt(
    source: Annotated[str, Argument(help="the image to decrypt", metavar="OLD")],
    target: Annotated[str, Argument(help="what the decrypted image is called", metavar="NEW")],
    decryption_keys: Annotated[
        list[str] | None,
        Option("--decryption-keys", "--key", help="FILE[:pass=WORD], directory or provider:NAME whose keys open its layers"),
    ] = None,
    layer: _Layers = None,
    platform: _Platforms = None,
) -> None:
    """Decrypt an image's layers."""
    from argosy.encryption import installed

    installed.check()
    from argosy.client import images as api

    # A key provider that a configuration names needs no word here.
    keys = keys_of(decryption_keys) or {}

    async def work() -> None:
        async with Target.client() as client:
            with watching() as watch:
                made = await api.decrypt(
                    client, source, target, keys, layers=layer or (), platforms=_platforms(platform), watch=watch
                )
        show_one({"image": made.name, "digest": made.target.digest if made.target else ""})

    run_async(work())


def layerinfo(reference: Annotated[str, Argument(metavar="IMAGE")], platform: _Platforms = None) -> None:
    """Show an image's layers: which are encrypted, and for how many recipients of which kind."""
    from argosy.encryption import installed

    installed.check()
    from argosy.client import images as api

    async def work() -> None:
        async with Target.client() as client:
            found = await api.layer_info(client, reference, _platforms(platform))
        rows = [
            {
                "layer": one.number, "digest": one.layer.digest, "platform": one.platform, "size": size(one.layer.size),
                "bytes": one.layer.size, "type": one.layer.media_type, "encryption": ",".join(one.schemes),
                "recipients": one.recipients or "",
            }
            for one in found
        ]  # fmt: skip
        show(rows, ("layer", "digest", "platform", "size", "encryption", "recipients"), "no layers")

    run_async(work())


def convert(
    source: Annotated[str, Argument(help="the image to convert", metavar="OLD")],
    target: Annotated[str, Argument(help="what the converted image is called", metavar="NEW")],
    to: Annotated[
        str,
        Option("--to", help="gzip, zstd, uncompressed, erofs, erofs+zstd, or a media type that a stream processor makes"),
    ] = "zstd",
    platform: _Platforms = None,
    decryption_keys: DecryptionKeys = None,
) -> None:
    """Pack an image's layers otherwise."""
    from argosy.client import images as api

    keys = keys_of(decryption_keys)

    async def work() -> None:
        async with Target.client() as client:
            with watching() as watch:
                made = await api.convert(client, source, target, to, keys=keys, platforms=_platforms(platform), watch=watch)
        show_one({"image": made.name, "digest": made.target.digest if made.target else ""})

    run_async(work())


def referrers(
    reference: str,
    artifact_type: Annotated[str, Option("--artifact-type", help="only those of this type")] = "",
    fetch: Annotated[bool, Option("--fetch", help="fetch them, and keep them with the image, which must be here")] = False,
    plain_http: Plain = False,
    user: User = "",
) -> None:
    """List what refers to an image in its registry: signatures, bills of materials."""
    from argosy.client import images as api
    from argosy.client.referrers import referrers as listed
    from argosy.client.resolvers import Registries
    from argosy.oci.reference import Reference

    async def work() -> None:
        name = Reference.parse(reference)
        async with Registries(plain=plain_http, credentials=credentials(user), warn=remark) as registries:
            if fetch:
                async with Target.client() as client, client.lease() as services:
                    target = await api.target_of(services, str(name))
                    with watching() as watch:
                        found = await api.fetch_referrers(services, registries, name, target.digest, artifact_type, watch)
            else:
                target = await registries.resolve(name)
                found = await listed(await registries.of(name), target.digest, artifact_type)
        rows = [
            {
                "digest": one.descriptor.digest, "artifact type": one.artifact_type, "size": size(one.descriptor.size),
                "bytes": one.descriptor.size, "media type": one.descriptor.media_type, "annotations": dict(one.annotations),
            }
            for one in found
        ]  # fmt: skip
        show(rows, ("digest", "artifact type", "size"), f"nothing refers to {target.digest}")

    run_async(work())


def build_erofs_cache(
    reference: str,
    folder: Annotated[Path, Argument(help="where the images of layers are kept; made if it is missing")],
    platform: Annotated[str, Option("--platform", help="os/architecture[/variant]; default: this machine's")] = "",
) -> None:
    """Make EROFS images of an image's layers, for `layer_content_caches` of EROFS snapshotters: there nobody fetches them."""
    from argosy.client import images as api
    from argosy.oci.image import Platform
    from argosy.oci.reference import Reference

    async def work() -> None:
        async with Target.client() as client:
            target = await api.target_of(client.services, str(Reference.parse(reference)))
            wanted = Platform.parse(platform) if platform else None
            made = await api.build_erofs_cache(client.services, target, folder, wanted)
        rows = [{"layer": one.digest, "diff id": one.diff_id, "state": one.state} for one in made]
        show(rows, ("layer", "diff id", "state"))

    run_async(work())


VERBS: Final[dict[str, Verb | Group]] = {
    "pull": Verb(pull),
    "push": Verb(push),
    "import": Verb(import_),
    "export": Verb(export),
    "images": Verb(images),
    "image": Group(
        "One image, or some.",
        {
            "build-erofs-cache": Verb(build_erofs_cache),
            "check": Verb(check),
            "convert": Verb(convert),
            "decrypt": Verb(decrypt),
            "encrypt": Verb(encrypt),
            "inspect": Verb(inspect),
            "layerinfo": Verb(layerinfo),
            "referrers": Verb(referrers),
        },
    ),
    "rmi": Verb(rmi),
    "tag": Verb(tag),
}
