"""Snapshotters as a whole: snapshotter migrate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from argosy_cli.output import Exit, fail, remark, run_async, show, watching
from argosy_cli.target import Target
from argosy_cli.words import Argument, Group, Option, Verb

if TYPE_CHECKING:
    from argosy.client.images import Migrated

# So many containers are named.
_NAMED: Final = 5


def migrate(
    old: Annotated[str, Argument(help="the snapshotter that images are on")],
    new: Annotated[str, Argument(help="the one that they shall be on, too")],
    image: Annotated[list[str] | None, Option("--image", help="only this one; default: all that are on the old one")] = None,
    drop: Annotated[
        bool, Option("--drop", help="the old one need not keep the layers of images that are on the new one")
    ] = False,
    plain_http: Annotated[bool, Option("--plain-http", help="speak HTTP to registries")] = False,
    user: Annotated[str, Option("--user", "-u", help="name:password for the registry")] = "",
) -> None:
    """Unpack images on another snapshotter. What content lacks is fetched, or else copied from the old one.

    Containers stay where they are. What is done is done: the same command goes on where it ended.
    """
    from argosy.client import images as api
    from argosy.client.credentials import Credentials

    async def work() -> None:
        rows: list[dict[str, Any]] = []
        code = 0
        name, _, secret = user.partition(":")
        credentials = Credentials(name, secret) if user else None
        async with Target.client() as client:
            with watching() as watch:
                async for one in api.migrate(
                    client, old, new, image or (), plain=plain_http, credentials=credentials, drop=drop, watch=watch
                ):
                    rows.append(_row(one))
                    if one.error is not None:
                        failed = fail(type(one.error)(f"{one.image}: {one.error.message}"))
                        code = code or failed
            stay = await api.containers_on(client, old)
        show(rows, ("image", "state", "there", "unpacked", "copied"), f'no image is on "{old}"')
        if stay:
            more = f", and {len(stay) - _NAMED} more" if len(stay) > _NAMED else ""
            remark(f'{len(stay)} containers keep their snapshots on "{old}": {", ".join(stay[:_NAMED])}{more}')
        if code:
            raise Exit(code)

    run_async(work())


def _row(one: Migrated) -> dict[str, Any]:
    error = str(one.error) if one.error is not None else ""
    return {
        "image": one.image, "state": one.state, "there": one.there, "unpacked": one.unpacked, "copied": one.copied,
        "error": error,
    }  # fmt: skip


VERBS: Final[dict[str, Verb | Group]] = {"snapshotter": Group("Snapshotters, as a whole.", {"migrate": Verb(migrate)})}
