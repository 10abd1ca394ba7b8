"""What every process that serves gRPC is asked: methods that it does not have, how it is, and what it has."""

from __future__ import annotations

import asyncio

from argosy_protos.grpc.health import v1 as health

from argosy.errors import ArgosyError, NotFound, Unavailable, Unimplemented
from argosy.testkit.service.calls import NO_METHOD, NOBODY, SUITE, Service, methods_in
from argosy.testkit.suite import Broken, NotHere, spoken

check = SUITE.check

_NOT_FOUND = 5


@check(fast=True)
async def an_unknown_method_is_unimplemented(s: Service) -> None:
    """A method that a service does not have answers UNIMPLEMENTED, at once and whatever is sent: clients find out so what there is."""
    await s.refused(s.ask(s.path(NO_METHOD)), Unimplemented)
    await s.refused(s.ask(s.path(NO_METHOD), b"\x0a\x03abc"), Unimplemented)
    stream = s.open(s.path(NO_METHOD))
    await stream.send_request()  # and nothing more: it must not wait for a message
    await s.refused(s.next(stream, f"{s.path(NO_METHOD)}, open and without a message"), Unimplemented)


@check(fast=True)
async def an_unknown_service_is_unimplemented(s: Service) -> None:
    """A service that nobody serves there answers UNIMPLEMENTED, and the connection lives on."""
    await s.refused(s.ask(f"/{NOBODY}/{NO_METHOD}"), Unimplemented)
    await s.refused(s.ask("/nothing"))
    await s.probe()


@check(fast=True)
async def it_says_that_it_is_well(s: Service) -> None:
    """Health answers SERVING for the process as a whole, and for the service by its name, if it knows it by that."""
    s.need("health")
    s.equal(await s.health(), "SERVING", "the health of the process")
    try:
        answer = await s.health(s.target.name)
    except NotFound:
        return  # a server need not tell its services apart
    s.equal(answer, "SERVING", "the health of the service")


@check()
async def the_health_of_nobody_is_not_found(s: Service) -> None:
    """Health of a service that is not there answers NOT_FOUND."""
    s.need("health")
    await s.refused(s.health(NOBODY), NotFound)


@check()
async def health_is_watched(s: Service) -> None:
    """Health's Watch answers at once, and stays open; of a service that is not there it says SERVICE_UNKNOWN."""
    s.need("health")
    for service, expected in (("", "SERVING"), (NOBODY, "SERVICE_UNKNOWN")):
        wish = health.HealthCheckRequest(service=service).encode()
        stream = s.open(f"/{health.HealthBase.__service__}/Watch", health.HealthCheckResponse)
        await stream.send_message(wish, end=True)
        try:
            answer = await s.next(stream, f'Health.Watch(service="{service}")')
        except Unimplemented:
            raise NotHere("its health is not watched") from None
        s.holds(answer is not None, "an answer", "the end of the stream")
        s.equal(health.HealthCheckResponseServingStatus(int(answer.status)).name, expected, "the health")
        await asyncio.sleep(0.2)
        s.holds(not stream.ended, "the stream to stay open", "its end")


@check(fast=True)
async def it_lists_itself(s: Service) -> None:
    """Reflection lists the service: clients and gateways find out so what a process serves."""
    stream, version = s.reflecting()
    await stream.send_message(version.ServerReflectionRequest(list_services="*"))
    answer = await s.next(stream, 'ServerReflectionInfo(list_services="*")')
    listed = answer.list_services_response if answer is not None else None
    names = [one.name for one in listed.service] if listed is not None else []
    s.holds(s.target.name in names, f'a list with "{s.target.name}"', ", ".join(names) or "none")


@check()
async def it_describes_itself(s: Service) -> None:
    """Reflection's descriptors of the service have its methods, and are found by the name of each of them, too."""
    stream, version = s.reflecting()
    await stream.send_message(version.ServerReflectionRequest(file_containing_symbol=s.target.name))
    answer = await s.next(stream, f'ServerReflectionInfo(file_containing_symbol="{s.target.name}")')
    if answer is not None and answer.error_response is not None and answer.error_response.error_code == _NOT_FOUND:
        raise NotHere("its reflection lists it, and has no descriptors of it")
    files = answer.file_descriptor_response if answer is not None else None
    methods = methods_in(files.file_descriptor_proto if files is not None else (), s.target.name)
    s.holds(methods, f'descriptors of files, one of which has the methods of "{s.target.name}"', answer)
    for name in methods:
        symbol = f"{s.target.name}.{name}"
        await stream.send_message(version.ServerReflectionRequest(file_containing_symbol=symbol))
        answer = await s.next(stream, f'ServerReflectionInfo(file_containing_symbol="{symbol}")')
        s.holds(answer is not None and answer.file_descriptor_response is not None, "the descriptors", answer)


@check()
async def what_it_describes_is_there(s: Service) -> None:
    """No method that reflection describes is UNIMPLEMENTED. It is called with bytes that are no message, so that nothing is done."""
    s.reflecting()
    if not s.target.methods:
        raise NotHere("its reflection has no descriptors of it")
    for method in s.target.methods:
        stream = s.open(s.path(method), metadata=s.said)
        await stream.send_message(b"\xff\xff\xff", end=True)
        try:
            await s.next(stream, f"{s.path(method)}, with bytes that are no message")
        except Unimplemented as error:
            raise Broken("another answer than UNIMPLEMENTED", spoken(error)) from None
        except ArgosyError:
            pass  # what it says to rubbish is its own business
        stream.cancel()


@check()
async def a_question_that_has_no_answer_is_an_answer(s: Service) -> None:
    """Reflection answers what it does not know with an error in the answer, NOT_FOUND, and goes on: the stream does not end."""
    stream, version = s.reflecting()
    for symbol in (NOBODY, f"{NOBODY}2"):
        await stream.send_message(version.ServerReflectionRequest(file_containing_symbol=symbol))
        answer = await s.next(stream, f'ServerReflectionInfo(file_containing_symbol="{symbol}")')
        error = answer.error_response if answer is not None else None
        s.equal(error.error_code if error is not None else None, _NOT_FOUND, "the code of the error in the answer")


@check(fast=True)
async def a_half_closed_stream_ends(s: Service) -> None:
    """A stream whose client says that it has said its last is answered and ended with OK, also when it has said nothing."""
    stream, version = s.reflecting()
    await stream.send_message(version.ServerReflectionRequest(list_services="*"), end=True)
    answer = await s.next(stream, "ServerReflectionInfo, half-closed after one question")
    s.holds(answer is not None, "an answer", "none")
    s.equal(await s.next(stream, "the next answer"), None, "what follows")
    stream, _ = s.reflecting()
    await stream.end()
    try:
        s.equal(await s.next(stream, "ServerReflectionInfo, half-closed at once"), None, "the answer")
    except Unavailable as error:
        s.holds(False, "the end of the stream", error)
