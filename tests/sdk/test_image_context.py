"""What a snapshotter is told of an image: all of it within containerd's bounds, and nothing by the image that is ours to say."""

from __future__ import annotations

import pytest
from argosy.client.images.context import labels_of
from argosy.client.images.unpacking import _is_staged
from argosy.labels import CRI_PREFIX, MAX_LABEL_BYTES, SNAPSHOT_PREFIX, SNAPSHOT_REF, STARGZ_PREFIX, check_labels
from argosy.oci.image import Descriptor
from argosy_protos.containerd.types import Mount

MANIFEST = "sha256:" + "a" * 64


def layers(count: int, **annotations: str) -> list[Descriptor]:
    named = {key.replace("_", "/", 1): value for key, value in annotations.items()}
    return [Descriptor(media_type="x", digest=f"sha256:{n:064x}", size=1, annotations=dict(named)) for n in range(count)]


def test_it_names_the_layer_and_those_above_it() -> None:
    found = labels_of("example.com/a:1", MANIFEST, layers(3), 1, "sha256:d", "sha256:c")
    above = ",".join(one.digest for one in layers(3)[1:])
    assert found == {
        SNAPSHOT_REF: "sha256:c", SNAPSHOT_PREFIX + "diff-id": "sha256:d",
        CRI_PREFIX + "image-ref": "example.com/a:1", CRI_PREFIX + "manifest-digest": MANIFEST,
        CRI_PREFIX + "layer-digest": layers(3)[1].digest, CRI_PREFIX + "image-layers": above,
        STARGZ_PREFIX + "reference": "example.com/a:1", STARGZ_PREFIX + "digest": layers(3)[1].digest,
        STARGZ_PREFIX + "layers": above,
    }  # fmt: skip


def test_a_list_ends_where_a_label_has_no_room() -> None:
    """Between two digests, and as late as it can."""
    found = labels_of("example.com/a:1", MANIFEST, layers(200), 0, "sha256:d", "sha256:c")
    check_labels(found)
    for key in (CRI_PREFIX + "image-layers", STARGZ_PREFIX + "layers"):
        said = found[key].split(",")
        assert said == [one.digest for one in layers(200)[: len(said)]]
        assert MAX_LABEL_BYTES - 72 < len(key) + len(found[key]) <= MAX_LABEL_BYTES


def test_an_image_without_a_name_is_told_nothing_of_where_it_is() -> None:
    assert set(labels_of("", MANIFEST, layers(1), 0, "sha256:d", "sha256:c")) == {SNAPSHOT_REF, SNAPSHOT_PREFIX + "diff-id"}


def test_a_layers_own_labels_are_handed_on_but_not_for_ours() -> None:
    """A manifest is anybody's: it can't say that a layer is another image's, was made by itself, or belongs to a gateway."""
    mine = layers(1)
    mine[0].annotations.update(
        {
            SNAPSHOT_PREFIX + "stargz/toc.digest": "sha256:t", "org.example": "x", SNAPSHOT_PREFIX + "long": "x" * MAX_LABEL_BYTES,
            SNAPSHOT_PREFIX + "remote": "yes", SNAPSHOT_PREFIX + "argosy.owner": "me", SNAPSHOT_REF: "sha256:other",
            CRI_PREFIX + "image-ref": "example.com/other", STARGZ_PREFIX + "skipverify": "true",
        }
    )  # fmt: skip
    found = labels_of("", MANIFEST, mine, 0, "sha256:d", "sha256:c")
    assert found == {
        SNAPSHOT_PREFIX + "stargz/toc.digest": "sha256:t", SNAPSHOT_REF: "sha256:c", SNAPSHOT_PREFIX + "diff-id": "sha256:d",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("type", "options", "staged"),
    [
        ("bind", ["rbind", "rw"], False),
        ("bind", ["rbind", "ro"], True),
        ("bind", ["rbind,ro"], True),
        ("overlay", ["lowerdir=/a", "upperdir=/b", "workdir=/c"], False),
        ("overlay", ["lowerdir=/a:/b"], True),
        ("overlay", ["ro", "lowerdir=/a", "upperdir=/b"], True),
        ("erofs", [], True),
        ("format/erofs", [], True),
        ("tmpfs", [], False),
    ],
)
def test_a_snapshot_that_nobody_could_write_to_has_its_layer(type: str, options: list[str], staged: bool) -> None:
    assert _is_staged([Mount(type="bind", options=["ro"]), Mount(type=type, options=options)]) is staged


def test_without_mounts_nothing_is_staged() -> None:
    assert not _is_staged([])
