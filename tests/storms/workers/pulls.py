"""Images that are pulled, imported, transferred and removed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.storms import images
from tests.storms.faults import CONTENT, DIFF, GATEWAY, SNAPSHOTTERS, TRANSFER
from tests.storms.images import Sample
from tests.storms.model import (
    BACK,
    LOST,
)  # fmt: skip
from tests.storms.wire import (
    NOT_FOUND,
    packed,
)  # fmt: skip
from tests.storms.workers.content import digest_of
from tests.storms.workers.worker import CONTENTS, IMAGES, LEASES, SNAPSHOTS, Worker

_KIND: Final = "containerd.types.transfer."


@dataclass(frozen=True)
class Pulled:
    """An image's row, and the snapshotters that have its layers for certain."""

    target: str
    unpacked: frozenset[str] = frozenset()


class ImageWorker(Worker):
    """Pulls, imports and removals by clients that are processes; tags and updates over the wire."""

    kind = "image"
    victims = (GATEWAY, CONTENT, DIFF)

    def start(self) -> None:
        pass  # images hold what they need; clients bring leases of their own

    def ops(self) -> Sequence[tuple[float, Callable[[], None]]]:
        return (
            (4, self.pull), (3, self.take_in), (6, self.remove), (3, self.tag), (1, self.pull_at_once), (3, self.transfer),
            (2, self.carry), (4, self.have_pulled),
        )  # fmt: skip

    def _around(self, snapshotter: str) -> tuple[str, ...]:
        return (*self.victims, SNAPSHOTTERS[snapshotter])

    def _choose(self) -> tuple[Sample, str]:
        return self.rng.choice(self.storm.samples), self.rng.choice(self.storm.snapshotters)

    def _got(self, key: Any, sample: Sample, snapshotter: str, code: int | None, what: str, before: Any) -> None:
        held = before.unpacked if before is not None and before.target == sample.digest else frozenset()
        if code == 0:
            self.ledger.set({key: Pulled(sample.digest, held | {snapshotter})})
        else:
            self.ledger.unsure(f"{what} {key[1]}", [{key: before}, {key: Pulled(sample.digest, held)}])

    def pull(self) -> None:
        sample, snapshotter = self._choose()
        name = f"{self.storm.registry}/{sample.name}"
        key = ("image", name)
        if self.ledger.is_open(key):
            return
        before = self.ledger.certain.get(key)
        args = (
            self.argosy("pull", "--plain-http", "--snapshotter", snapshotter, name) if self.rng.random() < 0.4
            else self.ctr("images", "pull", "--plain-http", "--snapshotter", snapshotter, name)
        )  # fmt: skip
        code = self.command(*args, victims=self._around(snapshotter))
        self._got(key, sample, snapshotter, code, "Pull", before)

    def transfer(self) -> None:
        """A pull or an import by a client that brings an image from anywhere to anywhere."""
        sample, snapshotter = self._choose()
        name = f"{self.storm.registry}/{sample.name}"
        source, what = (name, name) if self.rng.random() < 0.6 else (f"archive:{sample.archive}", sample.imported)
        key = ("image", what)
        if self.ledger.is_open(key):
            return
        before = self.ledger.certain.get(key)
        flags = ("--plain-http", "--snapshotter", snapshotter)
        code = self.command(
            *self.argosy("transfer", *flags, source, f"image:{what}"),
            victims=self._around(snapshotter),
        )
        self._got(key, sample, snapshotter, code, "Transfer", before)

    def have_pulled(self) -> None:
        """A pull by the daemon itself, as newer clients ask for it."""
        sample, snapshotter = self._choose()
        name = f"{self.storm.registry}/{sample.name}"
        key = ("image", name)
        if self.ledger.is_open(key):
            return
        before = self.ledger.certain.get(key)
        source = packed(_KIND + "OCIRegistry", reference=name, resolver={"default_scheme": "http"})
        sink = packed(
            _KIND + "ImageStore", name=name,
            unpacks=[{"platform": {"os": "linux", "architecture": "amd64"}, "snapshotter": snapshotter}],
        )  # fmt: skip
        answer = self.cut(
            "transfer.v1.Transfer/Transfer", (TRANSFER, *self._around(snapshotter)), "", source=source, destination=sink
        )
        if answer.refused:
            self.contradiction(f"Transfer {name}", answer)
        self._got(key, sample, snapshotter, 0 if answer.ok else 1, "Transfer", before)

    def carry(self) -> None:
        """An image goes to a file, or to another name in the registry: what is acknowledged is there, whole."""
        key = self.ledger.one(self.rng, lambda *_: True)
        if key is None:
            return
        sample = next(s for s in self.storm.samples if s.digest == self.ledger.certain[key].target)
        archive = self.storm.scratch / f"{self.name}.tar"
        there = f"{self.storm.registry}/copied/{self.name}:1"
        to_file = self.rng.random() < 0.5
        sink = f"archive:{archive}" if to_file else there
        code = self.command(
            *self.argosy("transfer", "--plain-http", f"image:{key[1]}", sink), victims=(GATEWAY, CONTENT)
        )
        if code == 0:
            found = images.digests_in(archive) if to_file else images.digests_at(there)
            if missing := {sample.digest, *sample.blobs} - found:
                self.findings.add(LOST, "a copy", f"{self.name}: {sink} of {key[1]} lacks {sorted(missing)}")
        archive.unlink(missing_ok=True)

    def pull_at_once(self) -> None:
        """Several clients pull one image at the same time."""
        sample, snapshotter = self._choose()
        name = f"{self.storm.registry}/{sample.name}"
        key = ("image", name)
        if self.ledger.is_open(key):
            return
        before = self.ledger.certain.get(key)
        args = self.ctr("images", "pull", "--plain-http", "--snapshotter", snapshotter, name)
        codes: list[int | None] = []
        threads = [
            threading.Thread(
                target=lambda: codes.append(self.command(*args, victims=self._around(snapshotter), may_kill=False))
            )
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._got(key, sample, snapshotter, 0 if 0 in codes else 1, "Pulls", before)

    def take_in(self) -> None:
        sample, snapshotter = self._choose()
        key = ("image", sample.imported)
        if self.ledger.is_open(key):
            return
        before = self.ledger.certain.get(key)
        code = self.command(
            *self.ctr("images", "import", "--snapshotter", snapshotter, str(sample.archive)),
            victims=self._around(snapshotter),
        )
        self._got(key, sample, snapshotter, code, "Import", before)

    def remove(self) -> None:
        key = self.ledger.one(self.rng, lambda *_: True)
        if key is None:
            return
        before = self.ledger.certain[key]
        how = self.rng.randrange(3)
        if how == 0:
            answer = self.cut(IMAGES + "Delete", (GATEWAY,), "", name=key[1], sync=self.rng.random() < 0.3)
            if answer.refused:
                self.contradiction(f"Delete-image {key[1]}, which is there", answer)
            ok = answer.ok
        else:
            flags = ("--sync",) if how == 1 else ()
            ok = self.command(*self.ctr("images", "rm", *flags, key[1]), victims=(GATEWAY, *SNAPSHOTTERS.values())) == 0
        if ok:
            self.ledger.set({key: None})
        else:
            self.ledger.unsure(f"Remove-image {key[1]}", [{key: before}, {key: None}])

    def tag(self) -> None:
        """Give an image a second name, or point a name to another image."""
        source = self.ledger.one(self.rng, lambda *_: True)
        if source is None:
            return
        state = self.ledger.certain[source]
        target = {
            "media_type": "application/vnd.oci.image.manifest.v1+json", "digest": state.target,
            "size": next(s.size for s in self.storm.samples if s.digest == state.target),
        }  # fmt: skip
        key = ("image", f"tag-{self.rng.randrange(6)}")
        if self.ledger.is_open(key) or key == source:
            return
        before = self.ledger.certain.get(key)
        verb = "Create" if before is None else "Update"
        answer = self.cut(IMAGES + verb, (GATEWAY,), "", image={"name": key[1], "target": target})
        after = Pulled(state.target, state.unpacked)
        if answer.ok:
            self.ledger.set({key: after})
            return
        if answer.refused:
            self.contradiction(f"{verb}-image {key[1]}", answer)
        self.ledger.unsure(f"{verb}-image {key[1]}", [{key: before}, {key: after}])

    def settle(self) -> None:
        """What killed clients left is theirs: their leases."""
        answer = self.surely(LEASES + "List")
        for lease in answer.message.leases if answer.ok else ():
            self.tidy(LEASES + "Delete", id=lease.id)

    def _look(self, key: Any) -> Any:
        answer = self.surely(IMAGES + "Get", name=key[1])
        if answer.ok:
            return answer.message.image.target.digest
        return None if answer.code is NOT_FOUND else str(answer)

    @staticmethod
    def _same(state: Any, seen: Any) -> bool:
        return bool(seen == (None if state is None else state.target))

    @staticmethod
    def _of_both(one: Any, other: Any) -> Any:
        """The same image, by what was known before a change or after it: unpacked for certain is what is so in either."""
        return Pulled(one.target, one.unpacked & other.unpacked)

    def check(self, thorough: bool) -> None:
        self.findings.count(
            "open outcomes resolved", self.ledger.resolve(self._look, self._same, self.findings, self._of_both)
        )
        listed = self.surely(IMAGES + "List")
        for image in listed.message.images if listed.ok else ():
            if ("image", image.name) not in self.ledger.certain:
                self.contradiction("List-images", f"{image.name}, which nobody has made, or which was removed")
        samples = {s.digest: s for s in self.storm.samples}
        for key, state in list(self.ledger.certain.items()):
            self.findings.count("acknowledged objects looked at")
            seen = self._look(key)
            problem = "" if self._same(state, seen) else f"is {seen}"
            sample = samples[state.target]
            for digest in () if problem else sample.blobs:
                answer = self.surely(CONTENTS + "Read", digest=digest)
                if not answer.ok or digest_of(b"".join(m.data for m in answer.messages)) != digest:
                    problem = f"its {digest}: {answer}"
                    break
            for snapshotter in () if problem else sorted(state.unpacked):
                for chain in sample.chains:
                    answer = self.surely(SNAPSHOTS + "Stat", snapshotter=snapshotter, key=chain)
                    if not answer.ok:
                        problem = f"unpacked on {snapshotter}, {chain}: {answer}"
            if problem:
                self.findings.add(LOST, "image", f"{self.name}: {key} must be {state}: {problem}")
                self.ledger.certain.pop(key, None)
        for key in sorted(self.ledger.gone, key=str):
            if self._look(key) is not None:
                self.findings.add(BACK, "image", f"{self.name}: {key} is there again: {self._look(key)}")
                self.ledger.gone.pop(key, None)

    def clear(self) -> None:
        for key in list(self.ledger.certain):
            self.tidy(IMAGES + "Delete", name=key[1])
        self.settle()


# -- things that come and go --
