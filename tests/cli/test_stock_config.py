"""What a stock configuration of containerd's means to a mesh: plugins that are disabled."""

from __future__ import annotations

from typing import Any

import pytest
from argosy.errors import InvalidArgument
from argosy_cli.config import Loaded, parse_stock
from argosy_cli.supervisor import plan


def read(disabled: Any, version: int = 2, **more: Any) -> Loaded:
    return parse_stock({"version": version, "disabled_plugins": disabled, **more}, "config.toml")


def proxy(type: str, name: str) -> dict[str, Any]:
    return {"proxy_plugins": {name: {"type": type, "address": "/run/theirs.sock"}}}


@pytest.mark.parametrize(
    ("id", "type", "service"),
    [
        ("io.containerd.snapshotter.v1.overlayfs", "snapshot", "snapshotter-overlay"),
        ("io.containerd.snapshotter.v1.native", "snapshot", "snapshotter-native"),
        ("io.containerd.content.v1.content", "content", "content"),
        ("io.containerd.differ.v1.walking", "diff", "diff"),
    ],
)
def test_a_plugin_that_is_disabled_leaves_its_place_to_a_proxy(id: str, type: str, service: str) -> None:
    name = id.rpartition(".")[2]
    loaded = read([id], **proxy(type, name))
    assert service not in loaded.mesh.services and loaded.ignored == []
    gateway = plan(loaded.mesh)[-1]
    assert gateway.values["proxy_plugins"][name].address == "/run/theirs.sock"
    with pytest.raises(InvalidArgument):
        plan(read([], **proxy(type, name)).mesh)


@pytest.mark.parametrize(("type", "disabled"), [("content", "content.v1.content"), ("diff", "differ.v1.walking")])
def test_the_proxy_may_have_another_name(type: str, disabled: str) -> None:
    plugins = plan(read([f"io.containerd.{disabled}"], **proxy(type, "theirs")).mesh)[-1].values["proxy_plugins"]
    assert [name for name, plugin in plugins.items() if plugin.type == type] == ["theirs"]


def test_version_1_has_short_ids() -> None:
    loaded = read(["cri", "overlayfs", "restart"], version=1)
    assert loaded.mesh.restart_interval_s == 0
    assert "snapshotter-overlay" not in loaded.mesh.services and loaded.ignored == []
    assert read(["overlayfs"]).ignored == ['disabled_plugins "overlayfs"']


def test_what_is_not_here_is_disabled_and_what_cannot_be_turned_off_is_said() -> None:
    images = "io.containerd.grpc.v1.images"
    loaded = read(
        ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.restart", images]
    )
    assert loaded.ignored == [f'disabled_plugins "{images}"']
    assert loaded.mesh.restart_interval_s == 0 and loaded.mesh.services.keys() == read([]).mesh.services.keys()


@pytest.mark.parametrize("wrong", ["io.containerd.grpc.v1.cri", [1], {"cri": True}])
def test_something_else_than_a_list_of_ids_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgument, match="disabled_plugins"):
        read(wrong)


def test_the_order_of_differs_is_containerds() -> None:
    order: dict[str, Any] = {"plugins": {"io.containerd.service.v1.diff-service": {"default": ["mine", "walking"]}}}
    loaded = read([], **order, **proxy("diff", "mine"))
    assert loaded.ignored == [] and plan(loaded.mesh)[-1].values["differs"] == ["mine", "walking"]


def test_a_content_store_that_a_namespace_names_is_beside_the_other() -> None:
    """Two that nobody tells apart are not; a stock file may say it, too, which a stock daemon does not heed."""
    mine: dict[str, Any] = {"namespaces": {"dev": {"content": "mine"}}}
    assert plan(read([], **mine, **proxy("content", "mine")).mesh)[-1].values["namespaces"]["dev"].content == "mine"
    with pytest.raises(InvalidArgument, match="2 content plugins.*or have a namespace name it"):
        plan(read([], **proxy("content", "mine")).mesh)


def test_the_programs_that_verify_images_are_those_that_containerd_is_told() -> None:
    table = {
        "io.containerd.image-verifier.v1.bindir": {
            "bin_dir": "/opt/verify",
            "max_verifiers": 3,
            "per_verifier_timeout": "1m30s",
        }
    }
    loaded = read([], plugins=table)
    verifiers = loaded.mesh.image_verifiers
    assert (verifiers.bin_dir, verifiers.max_verifiers, verifiers.per_verifier_timeout_s) == ("/opt/verify", 3, 90.0)
    assert verifiers.cover == "transfer" and loaded.ignored == []
    children = {child.kind: child.values for child in plan(loaded.mesh)}
    # The one runs them, the other has them run.
    assert children["transfer"]["image_verifiers"] == children["gateway"]["image_verifiers"] == verifiers
    assert read([]).mesh.image_verifiers.bin_dir == "/opt/containerd/image-verifier/bin"
    with pytest.raises(InvalidArgument, match="bin_dir"):
        read([], plugins={"io.containerd.image-verifier.v1.bindir": {"bin_dir": "relative"}})
