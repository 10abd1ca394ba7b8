"""S16 (CVE-2026-53492): annotations, devices and mounts of a restored task come from its container's record alone."""

from __future__ import annotations

import json

from tests.harness.checkpoints import SPEC, House, archive, in_house


def test_a_spec_inside_an_archive_adds_nothing() -> None:
    """Neither CDI annotations, nor devices, nor mounts: the task's spec is the record's, byte for byte."""

    async def work(house: House) -> None:
        spec = {
            "annotations": {"cdi.k8s.io/x": "vendor.com/device=all", "io.kubernetes.cri.container-type": "sandbox"},
            "linux": {"devices": [{"path": "/dev/sda", "type": "b", "major": 8, "minor": 0}]},
            "mounts": [{"destination": "/host", "source": "/", "type": "bind"}],
            "hooks": {"prestart": [{"path": "/bin/sh"}]},
        }
        data = json.dumps(spec).encode()
        names = dict.fromkeys(("config.json", "spec.dump", "config.dump", "descriptors.json", "status"), data)
        await house.restore(house.put(archive(*names.items())))
        assert [spec for spec, _ in house.roster.made] == [SPEC] and house.containers.written == []

    in_house(work)
