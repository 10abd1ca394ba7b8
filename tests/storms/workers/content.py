"""Ingests that are opened, written, committed and aborted."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.storms.faults import CONTENT, GATEWAY, soon
from tests.storms.model import (
    BACK,
    LOST,
    STUCK,
)  # fmt: skip
from tests.storms.wire import (
    NOT_FOUND,
    UNAVAILABLE,
    Answer,
    message,
)  # fmt: skip
from tests.storms.workers.worker import COMMIT, CONTENTS, MANY, STAT, TRIED, WRITE, Worker


@dataclass(frozen=True)
class Blob:
    """A blob; its bytes follow from its seed."""

    seed: int
    size: int
    label: str = ""


@dataclass(frozen=True)
class Ref:
    """An ingest that was opened, with at least acked bytes of the blob."""

    seed: int
    size: int
    acked: int


def bytes_of(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class ContentWorker(Worker):
    """Ingests and blobs. Workers of different namespaces write the same bytes."""

    kind = "blob"
    victims = (GATEWAY, CONTENT)

    def ops(self) -> Sequence[tuple[float, Callable[[], None]]]:
        crowded = len(self.ledger.certain) > MANY
        return (
            (2 if crowded else 6, self.put), (3, self.resume), (1, self.abort), (8 if crowded else 2, self.delete),
            (2, self.label), (2, self.read), (1, self.race),
        )  # fmt: skip

    def _of(self, kind: type[Any]) -> Any:
        return self.ledger.one(self.rng, lambda _, s: isinstance(s, kind))

    def put(self) -> None:
        gone = [str(k[1]) for k in self.ledger.gone if isinstance(k, tuple) and k[0] == "ref"]
        ref = self.rng.choice(sorted(gone)) if gone and self.rng.random() < 0.3 else self.new("r")
        # Half of the bytes are written by workers of several namespaces, so that blobs are shared.
        seed = self.rng.randrange(100) * 10 + self.number % 2 if self.rng.random() < 0.5 else self._private()
        size = random.Random(seed).choice((33, 700, 5_000, 70_000, 300_000))
        key = ("blob", digest_of(bytes_of(seed, size)))
        if key in self.ledger.certain or self.ledger.is_open(key):
            return
        self._write(ref, None, seed, size)

    def _private(self) -> int:
        return 10_000 * (self.number + 1) + self.rng.randrange(5000)

    def resume(self) -> None:
        key = self._of(Ref)
        if key is not None:
            state = self.ledger.certain[key]
            blob = ("blob", digest_of(bytes_of(state.seed, state.size)))
            if blob not in self.ledger.certain and not self.ledger.is_open(blob):
                self._write(key[1], state, state.seed, state.size)

    def _write(self, ref: str, before: Ref | None, seed: int, size: int) -> None:
        data = bytes_of(seed, size)
        digest = digest_of(data)
        key, blob = ("ref", ref), ("blob", digest)
        chunk = max(1, size // self.rng.choice((1, 2, 4)))
        self.storm.faults.around(self.victims)
        stream = self.wire.write(self.lease)
        steps = 2 + -(-size // chunk)
        cut = self.rng.randrange(steps + 1) if self.rng.random() < 0.45 else -1
        leave = self.rng.random() < 0.25
        # What another namespace has is linked instead of written, and goes when that one forgets it.
        shared = seed < 10_000
        step = 0
        timer: threading.Timer | None = None

        def ask(action: int, **fields: Any) -> Answer:
            nonlocal step, timer
            if step == cut:
                timer = threading.Timer(soon(self.rng), stream.cancel)
                timer.start()
            step += 1
            return self.findings.answered(
                f"Content/Write {('STAT', 'WRITE', 'COMMIT')[action]}",
                stream.ask(message("content.v1.WriteContentRequest", action=action, ref=ref, **fields)),
            )

        try:
            answer = ask(STAT, total=size, expected=digest)
            if not answer.ok:
                if answer.refused:
                    self.contradiction(f"Write {ref} of {digest}, which is not there", answer)
                self.suspects.add(key)
                if before is None:
                    self.ledger.unsure(f"Write {ref}", [{key: None}, {key: Ref(seed, size, 0)}])
                if answer.code is UNAVAILABLE:
                    time.sleep(self.rng.uniform(0.02, 0.2))
                return
            at = answer.message.offset
            if before is not None and at < before.acked:
                self.findings.add(LOST, "bytes of an ingest", f"{self.name}: {ref} is at {at}, was at {before.acked}")
            acked = 0 if shared else at
            self.ledger.set({key: Ref(seed, size, acked)})
            while at < size:
                answer = ask(WRITE, offset=at, data=data[at : at + chunk])
                if not answer.ok:
                    if answer.refused:
                        self.contradiction(f"Write {ref} at {at}", answer)
                    self.suspects.add(key)
                    return
                at = answer.message.offset
                acked = 0 if shared else at
                self.ledger.set({key: Ref(seed, size, acked)})
                if leave and self.rng.random() < 0.5:
                    return
            answer = ask(COMMIT, total=size, expected=digest, offset=size)
            done = {blob: Blob(seed, size), key: None}
            if answer.ok:
                self.ledger.set(done)
                return
            if answer.refused:
                self.contradiction(f"Commit of {ref} to {digest}", answer)
            self.suspects |= {key, blob}
            self.ledger.unsure(f"Commit-of-ingest {ref}", [{blob: None, key: Ref(seed, size, acked)}, done])
        finally:
            if timer is not None:
                timer.cancel()
            if self.rng.random() < 0.5:
                stream.cancel()
            else:
                stream.close()

    def abort(self) -> None:
        key = self._of(Ref)
        if key is None:
            return
        before = self.ledger.certain[key]
        answer = self.cut(CONTENTS + "Abort", self.victims, ref=key[1])
        if answer.ok:
            self.ledger.set({key: None})
            return
        if answer.refused:
            self.contradiction(f"Abort {key[1]}, which is open", answer)
        self.suspects.add(key)
        self.ledger.unsure(f"Abort {key[1]}", [{key: before}, {key: None}])

    def delete(self) -> None:
        key = self._of(Blob)
        if key is None:
            return
        before = self.ledger.certain[key]
        answer = self.cut(CONTENTS + "Delete", self.victims, digest=key[1])
        if answer.ok:
            self.ledger.set({key: None})
            return
        if answer.refused:
            self.contradiction(f"Delete {key[1]}, which is there", answer)
        self.suspects.add(key)
        self.ledger.unsure(f"Delete-blob {key[1]}", [{key: before}, {key: None}])

    def label(self) -> None:
        key = self._of(Blob)
        if key is None:
            return
        before = self.ledger.certain[key]
        after = replace(before, label=self.new("l"))
        info = message("content.v1.Info", digest=key[1], labels={"storm": after.label})
        answer = self.cut(CONTENTS + "Update", self.victims, info=info, update_mask={"paths": ["labels.storm"]})
        if answer.ok:
            self.ledger.set({key: after})
            return
        if answer.refused:
            self.contradiction(f"Update {key[1]}, which is there", answer)
        self.ledger.unsure(f"Update-blob {key[1]}", [{key: before}, {key: after}])

    def read(self) -> None:
        key = self._of(Blob)
        if key is None:
            return
        answer = self.cut(CONTENTS + "Read", self.victims, digest=key[1])
        if answer.ok and digest_of(b"".join(m.data for m in answer.messages)) != key[1]:
            self.findings.add(LOST, "bytes of a blob", f"{self.name}: {key[1]} reads as other bytes")
        if answer.refused:
            self.contradiction(f"Read {key[1]}, which is there", answer)

    def race(self) -> None:
        """Two writers on one ref: the second is told that it is locked."""
        ref, size = self.new("r"), 10
        state = Ref(self._private(), size, 0)
        first, second = self.wire.write(self.lease), self.wire.write(self.lease)
        ask = message("content.v1.WriteContentRequest", action=STAT, ref=ref, total=size)
        opened = self.findings.answered("Content/Write STAT", first.ask(ask))
        told = self.findings.answered("Content/Write STAT of a held ref", second.ask(ask))
        if opened.ok and told.ok and first.ask(ask).ok:
            # A store that was killed between the two has let go of the first, which hears of it with its next message.
            self.contradiction(f"Write {ref} twice", "both writers were let in")
        elif opened.ok and told.refused:
            self.contradiction(f"Write {ref} twice", told)
        first.cancel()
        second.cancel()
        key = ("ref", ref)
        self.suspects.add(key)
        if opened.ok:
            self.ledger.set({key: state})
        else:
            self.ledger.unsure(f"Write {ref}", [{key: None}, {key: state}])

    # -- the judge's side --

    def _look(self, key: Any) -> Any:
        if key[0] == "blob":
            answer = self.surely(CONTENTS + "Info", digest=key[1])
            if answer.ok:
                return answer.message.info.size, answer.message.info.labels.get("storm", "")
        else:
            answer = self.surely(CONTENTS + "Status", ref=key[1])
            if answer.ok:
                return answer.message.status.offset
        return None if answer.code is NOT_FOUND else str(answer)

    @staticmethod
    def _same(state: Any, seen: Any) -> bool:
        if state is None or seen is None or isinstance(seen, str):
            return state is None and seen is None
        if isinstance(state, Blob):
            return bool(seen == (state.size, state.label))
        return bool(seen >= state.acked)

    def _same_open(self, state: Any, seen: Any) -> bool:
        # A ref that was opened and never written to may have no bytes yet that could tell a status.
        return self._same(state, seen) or (isinstance(state, Ref) and state.acked == 0 and seen is None)

    def check(self, thorough: bool) -> None:
        self.findings.count("open outcomes resolved", self.ledger.resolve(self._look, self._same_open, self.findings))
        for key, state in list(self.ledger.certain.items()):
            self.findings.count("acknowledged objects looked at")
            seen = self._look(key)
            problem = "" if self._same_open(state, seen) else f"is {seen}"
            if not problem and isinstance(state, Blob):
                answer = self.surely(CONTENTS + "Read", digest=key[1])
                if not answer.ok:
                    problem = str(answer)
                elif digest_of(b"".join(m.data for m in answer.messages)) != key[1]:
                    problem = "other bytes"
            if problem:
                self.findings.add(LOST, type(state).__name__.lower(), f"{self.name}: {key} must be {state}: {problem}")
                del self.ledger.certain[key]
        for key in sorted(self.ledger.gone, key=str):
            if self._look(key) is not None:
                self.findings.add(BACK, key[0], f"{self.name}: {key[1]} is there again: {self._look(key)}")
                self.ledger.gone.pop(key, None)
        refs = [k for k in self.suspects if k[0] == "ref" and (k in self.ledger.gone or k in self.ledger.certain)]
        for key in self.rng.sample(sorted(refs, key=str), min(len(refs), TRIED)):
            self._try_again(key)
        self.suspects.clear()
        self.ledger.forget()

    def _try_again(self, key: tuple[str, str]) -> None:
        """Whoever held a ref is gone: it must let itself be opened, and aborted or finished."""
        deadline = time.monotonic() + 10
        while True:
            stream = self.wire.write(self.lease)
            answer = stream.ask(message("content.v1.WriteContentRequest", action=STAT, ref=key[1]))
            stream.close()
            if answer.code is not UNAVAILABLE or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        if not answer.ok:
            self.findings.add(STUCK, "ref", f"{self.name}: {key[1]} can't be opened: {answer}")
        while True:
            answer = self.surely(CONTENTS + "Abort", lease=self.lease, ref=key[1])
            if answer.ok:
                self.ledger.set({key: None})
                return
            if time.monotonic() > deadline:
                self.findings.add(STUCK, "ref", f"{self.name}: {key[1]} can't be aborted: {answer}")
                self.ledger.certain.pop(key, None)
                return
            time.sleep(0.2)

    def clear(self) -> None:
        for kind, name in list(self.ledger.certain):
            if kind == "blob":
                self.tidy(CONTENTS + "Delete", lease=self.lease, digest=name)
            else:
                self.tidy(CONTENTS + "Abort", lease=self.lease, ref=name)
        super().clear()


# -- images --
