"""A lazy pull as stargz answers it: what Debian's stargz 0.12 was asked, and what it said, was written down, and is played back here.

``stargz.json`` is an eStargz image's manifest and configuration, and the calls of ``argosy pull --snapshotter stargz`` for it in two namespaces, one after
the other: the second finds layers that stargz has made for the first, of which it says that they are there, and keeps the key. A call that was
not made then has no answer: whoever changes what the client or the gateway asks for has to ask a real stargz again.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from argosy.errors import NotFound, Unimplemented, from_wire
from argosy.rpc.server import Server
from argosy_protos.containerd.services.snapshots import v1 as p
from argosy_protos.google.protobuf import Empty

from tests.harness.mesh import Mesh, run
from tests.harness.web import MANIFEST, serving

RECORD = json.loads(Path(__file__).with_name("stargz.json").read_text())
_KEY = re.compile(r'"((?:one|two)/\d+/extract-[^ "]+) (sha256:[0-9a-f]{64})"')
_OWNER = re.compile(r'("containerd\.io/snapshot/argosy\.owner": )"([^"]*)"')


class Stargz(p.SnapshotsBase):
    """Answers each call as it was answered, each once; what is asked beside the record is kept."""

    def __init__(self, registry: str) -> None:
        self.left: list[dict[str, Any]] = list(RECORD["said"])
        self.unknown: list[str] = []
        self.active: set[str] = set()
        """Keys that are there, though their layers are."""
        self.removed: list[str] = []
        self._registry, self._owner = registry, ""

    def _answer(self, call: str, request: Any) -> Any:
        """Return the answers to a call. Raises the error that it was answered with."""
        said = json.dumps(json.loads(request.to_json()))
        self._owner = (_OWNER.search(said) or [None, None, self._owner])[2] or self._owner
        keys = {found[2]: found[1] for found in _KEY.finditer(said)}
        plain = _KEY.sub(r'"KEY \2"', _OWNER.sub(r'\1"OWNER"', said.replace(self._registry, "REGISTRY")))
        asked = json.loads(plain)
        for n, row in enumerate(self.left):
            if (row["call"], row["request"]) == (call, asked):
                del self.left[n]
                break
        else:
            self.unknown.append(f"{call} {plain}")
            raise NotFound(f"nobody has asked that: {call} {plain}")
        if "error" in row:
            raise from_wire(*row["error"])
        answer = (
            json.dumps(row.get("answers", row.get("answer")))
            .replace("REGISTRY", self._registry)
            .replace("OWNER", self._owner)
        )
        for chain_id, key in keys.items():
            answer = answer.replace(f"KEY {chain_id}", f"{key} {chain_id}")
        return json.loads(answer)

    async def prepare(self, request: p.PrepareSnapshotRequest) -> p.PrepareSnapshotResponse:
        self._answer("prepare", request)
        raise AssertionError("each Prepare was answered with an error")

    async def stat(self, request: p.StatSnapshotRequest) -> p.StatSnapshotResponse:
        if request.key == "none/0/none":  # whether it is a snapshotter
            raise NotFound("snapshot does not exist")
        response = p.StatSnapshotResponse.from_dict(self._answer("stat", request))
        if "extract-" in request.key:
            self.active.add(request.key)
        return response

    async def list(self, request: p.ListSnapshotsRequest) -> AsyncIterator[p.ListSnapshotsResponse]:
        if request.filters:
            for answer in self._answer("list", request):
                yield p.ListSnapshotsResponse.from_dict(answer)
        else:  # a collection: the layers, and the keys that were left
            active = [
                p.Info(name=key, kind=p.Kind.ACTIVE, labels={"containerd.io/snapshot/argosy.owner": self._owner})
                for key in self.active
            ]
            yield p.ListSnapshotsResponse(info=active)

    async def remove(self, request: p.RemoveSnapshotRequest) -> Empty:
        self.active.remove(request.key)
        self.removed.append(request.key)
        return Empty()

    async def cleanup(self, request: p.CleanupRequest) -> Empty:
        raise Unimplemented("cleanup")


@pytest.mark.root
def test_two_namespaces_pull_an_image_of_which_no_layer_is_fetched() -> None:
    base = Path(tempfile.mkdtemp(prefix="ay-", dir="/tmp"))
    mesh = Mesh(base)

    async def main() -> None:
        async with serving() as registry:
            manifest = registry.keep(RECORD["manifest"].encode(), MANIFEST)
            registry.tags["busybox:esgz"] = manifest["digest"]
            registry.keep(RECORD["config"].encode())
            stargz = Stargz(registry.netloc)
            server = Server([stargz])
            await server.listen_unix(base / "stargz.sock")
            try:
                add = ("plugin", "add", "snapshot", "stargz", "--address", str(base / "stargz.sock"))
                (await asyncio.to_thread(mesh.argosy, *add)).ok()
                for namespace in ("one", "two"):
                    pull = ("pull", "--plain-http", "--snapshotter", "stargz", f"{registry.netloc}/busybox:esgz")
                    ran = await asyncio.to_thread(partial(mesh.argosy, *pull, namespace=namespace))
                    assert ran.code == 0, (ran, stargz.unknown)
                assert (stargz.unknown, stargz.left) == ([], [])
                layers = [layer["digest"] for layer in json.loads(RECORD["manifest"])["layers"]]
                assert not [seen.path for seen in registry.seen if any(layer in seen.path for layer in layers)]
                # What stargz left of its second answers is ours to remove.
                (await asyncio.to_thread(mesh.argosy, "gc")).ok()
                assert len(stargz.removed) == len(layers) and not stargz.active
            finally:
                await server.close(1.0)

    try:
        mesh.start()
        asyncio.run(main())
    finally:
        mesh.destroy()
        run(["rm", "-rf", str(base)])
