"""The service's own methods, those that were named to be called, and its process's own end, which is the last of all."""

from __future__ import annotations

import os
import signal
import time

from argosy.errors import ArgosyError, DeadlineExceeded, FailedPrecondition, InvalidArgument, Unimplemented
from argosy.names import NAMESPACE_HEADER
from argosy.testkit.processes import runs
from argosy.testkit.service.calls import NO_METHOD, SUITE, Service
from argosy.testkit.suite import NotHere

check = SUITE.check


@check(fast=True)
async def what_may_be_called_is_answered(s: Service) -> None:
    """A method that answers an empty message answers it again and again, and within its time."""
    if not s.target.unary:
        raise NotHere("no method of it was named with --unary, to be called with an empty message")
    for method in s.target.unary:
        for _ in range(3):
            await s.ask(s.path(method), metadata=s.said)


@check(fast=True)
async def a_stream_may_be_opened_again_and_again(s: Service) -> None:
    """A stream is opened, read from and given up, and the next one is opened as well."""
    if not s.target.streams:
        raise NotHere("no method of it was named with --stream, to be called with an empty message")
    for method in s.target.streams:
        for _ in range(3):
            stream = s.open(s.path(method), metadata=s.said)
            await stream.send_message(b"", end=True)
            await s.opened(stream, s.path(method))
            stream.cancel()
    await s.probe()


@check("namespace", fast=True)
async def a_namespace_reaches_it(s: Service) -> None:
    """A call in a namespace is answered, one without FAILED_PRECONDITION, one whose namespace is no name INVALID_ARGUMENT."""
    if not s.target.unary:
        raise NotHere("no method of it was named with --unary, to be called in a namespace and in none")
    path = s.path(s.target.unary[0])
    await s.ask(path, metadata=s.said)
    await s.refused(s.ask(path), FailedPrecondition)
    await s.refused(s.ask(path, metadata={NAMESPACE_HEADER: "../up"}), InvalidArgument)


@check()
async def metadata_that_it_does_not_know_is_no_trouble(s: Service) -> None:
    """Metadata that means nothing to a service changes no answer: text, bytes, and some kilobytes of it."""
    metadata = {"x-argosy-verify": "a word", "x-argosy-verify-bin": "AAEC", "x-argosy-long": "x" * 4096, **s.said}
    if s.target.unary:
        await s.ask(s.path(s.target.unary[0]), metadata=metadata)
    else:
        await s.refused(s.ask(s.path(NO_METHOD), metadata=metadata), Unimplemented)


@check(last=True)
async def a_process_ends_in_order(s: Service) -> None:
    """A process that is told to end (SIGTERM) says so to who waits, leaves no call unanswered, and is gone then."""
    pid = s.target.process
    if not pid:
        raise NotHere("no process was named with --ends, to be ended when all else has been looked at")
    stream = await s.long()
    await s.opened(stream, "a call that stays open")
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + s.deadline_s
    try:
        while await s.next(stream, f"the call, after SIGTERM to process {pid}") is not None:
            s.holds(time.monotonic() < until, "the end of the call", "more and more of it")
    except DeadlineExceeded:
        raise
    except ArgosyError:
        pass  # that it ends is what it is told

    async def gone() -> bool:
        return not runs(pid)

    await s.eventually(gone, f"process {pid} to be over", "it runs")
