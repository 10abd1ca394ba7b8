"""transfer: any source to any sink."""

from __future__ import annotations

from typing import Annotated, Final

from argosy.errors import InvalidArgument

from argosy_cli.images import Plain, Snapshotter, credentials
from argosy_cli.output import run_async, show_one, watching
from argosy_cli.target import Target
from argosy_cli.words import Argument, Option, Verb


def transfer(
    source: Annotated[
        str,
        Argument(
            help="NAME of a registry's image, image:NAME, oci:DIR[:NAME], archive:FILE[#NAME], blob:DIGEST, snapshot:NAME, container:NAME:PATH, DEPOT:NAME, or -"
        ),
    ],
    sink: Annotated[str, Argument(help="the same; blob: takes whatever comes")],
    platform: Annotated[
        str, Option("--platform", help="os/architecture[/variant]; default: all, and to image: this machine's")
    ] = "",
    all_platforms: Annotated[bool, Option("--all-platforms", help="to image: every platform, too")] = False,
    layers: Annotated[
        str, Option("--layers", help="what layers become on the way: uncompressed, gzip, zstd, erofs, erofs+zstd")
    ] = "",
    referrers: Annotated[
        bool,
        Option("--referrers", help="what refers to the image in its registry goes along: signatures, bills of materials"),
    ] = False,
    plain_http: Plain = False,
    from_user: Annotated[str, Option("--from-user", help="name:password for the source's registry")] = "",
    to_user: Annotated[str, Option("--to-user", help="name:password for the sink's registry")] = "",
    snapshotter: Snapshotter = "",
    unpack: Annotated[bool, Option(help="unpack what becomes one of the daemon's images")] = True,
) -> None:
    """Bring an image, files, or bytes, from anywhere to anywhere. What only passes through is kept nowhere."""
    from argosy.client.transfers import Converted, NewBlob, Output, Places, RegistryName, StoredName, Wish
    from argosy.client.transfers import transfer as bring
    from argosy.oci.image import Platform

    if referrers and layers:
        raise InvalidArgument("with --layers it becomes another image, to which nothing refers; leave out --referrers")

    async def work() -> None:
        places = Places(
            Target.client(),
            plain=plain_http,
            from_credentials=credentials(from_user),
            to_credentials=credentials(to_user),
            snapshotter=snapshotter,
            unpack=unpack,
        )
        async with places:
            begin, end = await places.source(source, referrers), await places.sink(sink, source)
            wanted = [Platform.parse(platform)] if platform else []
            if not wanted and not all_platforms and isinstance(end, StoredName):
                wanted = [Platform.of_host()]
            with watching() as watch:
                # A registry takes no index without all that it names.
                wish = Wish(wanted, watch, alone=bool(platform) and isinstance(end, RegistryName))
                found = await bring(Converted(begin, layers, wish) if layers else begin, end, wish)
        if not isinstance(end, Output):  # what was asked for is on standard output
            digest = end.digest if isinstance(end, NewBlob) else found.digest if found is not None else ""
            show_one({"from": source, "to": sink, **({"digest": digest} if digest else {})})

    run_async(work())


VERBS: Final = {"transfer": Verb(transfer)}
