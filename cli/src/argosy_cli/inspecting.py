"""image inspect: all that is known here of an image, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from argosy_cli.output import Exit, Shown, every, run_async, say, show, show_one, size
from argosy_cli.target import Target
from argosy_cli.words import Option

if TYPE_CHECKING:
    from argosy.client.images.inspecting import Inspected, Layer
    from argosy.client.images.readiness import Unpacked


def verdict_of(labels: Mapping[str, str], digest: str) -> str:
    """Return what verifiers have said of an image, and of which name of it; "" for nothing. It counts for what they have seen."""
    from argosy.labels import VERDICT, VERIFIED_AS, verdict

    told = verdict(labels, digest)
    return told.get(VERDICT, "") + (f" (as {told[VERIFIED_AS]})" if VERIFIED_AS in told else "")


def inspect(
    references: list[str],
    platform: Annotated[
        str, Option("--platform", help="os/architecture[/variant]; default: this machine's, or else the first that is here")
    ] = "",
) -> None:
    """Show what is known here of images: platforms, config, layers, where they are unpacked, encryption, verdict, referrers."""
    from argosy.client.images.inspecting import inspect
    from argosy.oci.image import Platform

    wanted = Platform.parse(platform) if platform else None
    found: list[Inspected] = []

    async def work() -> int:
        async with Target.client() as client:

            async def look(name: str) -> None:
                found.append(await inspect(client.services, name, wanted))

            return await every(references, look)

    code = run_async(work())
    if Shown.json:
        show([_whole(one) for one in found], ())
    else:
        for number, one in enumerate(found):
            if number:
                say("")
            _show(one)
    if code:
        raise Exit(code)


def _whole(one: Inspected) -> dict[str, Any]:
    """Return an image as a program reads it: what is not known, or not said, is null or empty."""
    from argosy.timestamps import format_rfc3339, from_wire

    labels = dict(one.image.labels)
    return {
        "name": one.image.name,
        "names": list(one.names),
        "digest": one.target.digest,
        "media_type": one.target.media_type,
        "added": format_rfc3339(from_wire(one.image.created_at) or 0),
        "updated": format_rfc3339(from_wire(one.image.updated_at) or 0),
        "labels": labels,
        "verified": verdict_of(labels, one.target.digest),
        "platforms": [
            {"platform": x.platform, "digest": x.descriptor.digest, "media_type": x.descriptor.media_type, "here": x.here}
            for x in one.variants
        ],
        "platform": one.chosen.platform if one.chosen is not None else None,
        "manifest": one.chosen.descriptor.digest if one.chosen is not None else None,
        "annotations": one.manifest.annotations if one.manifest is not None else {},
        "artifact_type": one.manifest.artifact_type if one.manifest is not None else "",
        "bytes": one.size,
        "size": size(one.size),
        "config": _config(one),
        "layers": [
            {
                "digest": x.descriptor.digest, "media_type": x.descriptor.media_type, "bytes": x.descriptor.size, "size": size(x.descriptor.size),
                "diff_id": x.diff_id, "here": x.here, "encryption": list(x.schemes) if _is_encrypted(x) else None, "annotations": x.descriptor.annotations,
            }
            for x in one.layers
        ],
        "unpacked": [
            {"snapshotter": x.snapshotter, "layers": x.layers, "ready": _is_ready(one, x), "error": str(x.error or "")} for x in one.unpacked
        ],
        "referrers": [
            {"digest": x.descriptor.digest, "artifact_type": x.artifact_type, "bytes": x.descriptor.size, "annotations": dict(x.annotations)}
            for x in one.referrers
        ],
    }  # fmt: skip


def _config(one: Inspected) -> dict[str, Any] | None:
    if one.config is None or one.manifest is None:
        return None
    running, said = one.config.config, dict(one.said)
    return {
        "digest": one.manifest.config.digest,
        "media_type": one.manifest.config.media_type,
        "created": said.get("created", ""),
        "author": said.get("author", ""),
        "entrypoint": running.entrypoint or [],
        "cmd": running.cmd or [],
        "env": running.env or [],
        "working_dir": running.working_dir,
        "user": running.user,
        "stop_signal": running.stop_signal,
        "labels": running.labels or {},
        "exposed_ports": sorted(said.get("ExposedPorts", {})),
        "volumes": sorted(said.get("Volumes", {})),
        "healthcheck": said.get("Healthcheck"),
        "on_build": said.get("OnBuild", []),
        "shell": said.get("Shell", []),
        "history": said.get("history", []),
    }


def _show(one: Inspected) -> None:
    """Show an image to a person: what is not known, or not said, is left out."""
    whole = _whole(one)
    config = whole["config"] or {}
    rows = {
        "name": whole["name"],
        "also called": " ".join(name for name in whole["names"] if name != whole["name"]),
        "digest": whole["digest"],
        "type": whole["media_type"],
        "added": whole["added"],
        "labels": _pairs(whole["labels"]),
        "verified": whole["verified"],
        "platform": whole["platform"],
        "manifest": whole["manifest"] if whole["manifest"] != whole["digest"] else "",
        "artifact": whole["artifact_type"],
        "size": whole["size"] if one.manifest is not None else "",
        "config": config.get("digest", ""),
        "made": config.get("created", ""),
        "author": config.get("author", ""),
        "entrypoint": _words(config.get("entrypoint")),
        "command": _words(config.get("cmd")),
        "environment": _words(config.get("env")),
        "directory": config.get("working_dir", ""),
        "user": config.get("user", ""),
        "stop signal": config.get("stop_signal", ""),
        "ports": " ".join(config.get("exposed_ports", [])),
        "volumes": " ".join(config.get("volumes", [])),
        "image labels": _pairs(config.get("labels", {})),
        "unpacked": ", ".join(_unpacked(one)),
        "encrypted": _encrypted(one),
    }
    show_one({key: _line(value) for key, value in rows.items() if value})
    if one.layers:
        say("")
        layers = [
            {
                "layer": number, "digest": x.descriptor.digest, "size": size(x.descriptor.size), "type": _line(x.descriptor.media_type),
                "diff id": x.diff_id or "-", "here": "yes" if x.here else "no",
            }
            for number, x in enumerate(one.layers)
        ]  # fmt: skip
        show(layers, ("layer", "digest", "size", "type", "diff id", "here"))
    if len(one.variants) > 1 or one.chosen is None:
        say("")
        variants = [
            {"platform": _line(x.platform) or "-", "digest": x.descriptor.digest, "here": "yes" if x.here else "no"}
            for x in one.variants
        ]
        show(variants, ("platform", "digest", "here"))
    if one.referrers:
        say("")
        referrers = [
            {"referrer": x.descriptor.digest, "artifact type": _line(x.artifact_type), "size": size(x.descriptor.size)}
            for x in one.referrers
        ]
        show(referrers, ("referrer", "artifact type", "size"))


def _line(text: str) -> str:
    """Return text on one line: whoever made an image could write lines of ours otherwise, such as a verdict."""
    return text.replace("\n", "\\n")


def _words(said: list[str] | None) -> str:
    import shlex

    return shlex.join(said or [])


def _pairs(labels: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in labels.items())


def _is_encrypted(layer: Layer) -> bool:
    from argosy.oci.layers import is_encrypted

    return is_encrypted(layer.descriptor.media_type)


def _encrypted(one: Inspected) -> str:
    closed = [layer for layer in one.layers if _is_encrypted(layer)]
    schemes = sorted({scheme for layer in closed for scheme in layer.schemes})
    return f"{len(closed)} of {len(one.layers)} layers, for {', '.join(schemes) or 'nobody'}" if closed else ""


def _is_ready(one: Inspected, unpacked: Unpacked) -> bool:
    return unpacked.error is None and unpacked.layers == len(one.layers)


def _unpacked(one: Inspected) -> Iterator[str]:
    """Yield where an image is unpacked, and how far."""
    for x in one.unpacked:
        if x.error is not None:
            yield f"{x.snapshotter}: unknown ({x.error})"
        elif _is_ready(one, x):
            yield x.snapshotter
        elif x.layers:
            yield f"{x.snapshotter}: {x.layers} of {len(one.layers)} layers"
