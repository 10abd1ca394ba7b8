"""One image, or some: whether they can be run, what refers to them, and what becomes of their layers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from argosy.errors import InvalidArgument

from argosy_cli.images import DecryptionKeys, Plain, User, credentials, keys_of, platforms_of
from argosy_cli.inspecting import inspect
from argosy_cli.output import Exit, every, remark, run_async, show, show_one, size, watching
from argosy_cli.target import Target
from argosy_cli.words import Argument, Group, Option, Verb


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
                    platforms=platforms_of(platform),
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
                    client, source, target, keys, layers=layer or (), platforms=platforms_of(platform), watch=watch
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
            found = await api.layer_info(client, reference, platforms_of(platform))
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
                made = await api.convert(
                    client, source, target, to, keys=keys, platforms=platforms_of(platform), watch=watch
                )
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
}
