"""Containers: run, exec, ps, logs, kill, rm."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

from argosy.errors import FailedPrecondition, InvalidArgument, NotFound

from argosy_cli.images import DecryptionKeys, keys_of
from argosy_cli.output import Exit, ask, each, run_async, show, show_one, watching, write_out
from argosy_cli.target import Target
from argosy_cli.words import Argument, Group, Option, Verb

if TYPE_CHECKING:
    from argosy.client import Client, Container, Stdio
    from argosy.encryption.payload import Parameters
    from argosy_protos.containerd.v1.types import Process as WireProcess

LOG_LABEL = "argosy/log"
# Of what a detached container writes, so much is kept; when it is reached, half of it goes.
_LOG_BYTES = 64 << 20
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def parse_size(text: str) -> int:
    """Return "64m" in bytes. Raises InvalidArgument."""
    match = re.fullmatch(r"(\d+)([bkmgBKMG]?)", text)
    if not match:
        raise InvalidArgument(f'"{text}" is no size; write bytes, or a number with k, m or g')
    return int(match[1]) * _UNITS[match[2].lower()]


def parse_signal(text: str) -> int:
    """Return the number of TERM, SIGTERM or 15. Raises InvalidArgument."""
    if text.isdigit() and 0 < int(text) < 65:
        return int(text)
    try:
        return signal.Signals[text if text.startswith("SIG") else f"SIG{text}"].value
    except KeyError:
        raise InvalidArgument(f'"{text}" is no signal; write TERM, KILL, 9, ...') from None


async def _log_path(client: Client, id: str) -> Path:
    """Return where a detached container's log is: below the daemon's root, which outlives a reboot and is no memory."""
    from argosy_protos.containerd.services.introspection.v1 import PluginsRequest

    reply = await client.services.introspection.plugins(PluginsRequest(filters=["id==bolt"]))
    databases = [plugin.exports["path"] for plugin in reply.plugins if plugin.exports.get("path")]
    root = Path(databases[0]).parent.parent if databases else Target.socket().absolute().parent
    return root / "logs" / Target.namespace / f"{id}.log"


def _say(text: str) -> None:
    """Tell a person what is waited for. The terminal may be raw: lines end with both characters there."""
    end = "\r\n" if sys.stderr.isatty() else "\n"
    with suppress(OSError):  # nobody is there to be told
        os.write(2, f"argosy: {text}{end}".encode())


def run(
    image: str,
    command: Annotated[list[str] | None, Argument(help="what to run; default: what the image says")] = None,
    name: Annotated[str, Option("--name", help="container id; default: random")] = "",
    remove: Annotated[bool, Option("--rm", help="remove the container when it ends")] = False,
    interactive: Annotated[bool, Option("--interactive", "-i", help="pass standard input")] = False,
    terminal: Annotated[bool, Option("--tty", "-t", help="give it a terminal")] = False,
    detach: Annotated[bool, Option("--detach", "-d", help="leave it running; see logs")] = False,
    snapshotter: Annotated[str, Option("--snapshotter", help="snapshotter")] = "",
    runtime: Annotated[str, Option("--runtime", help="runtime, such as io.containerd.runc.v2")] = "",
    env: Annotated[
        list[str] | None, Option("--env", "-e", help="NAME=value, or NAME with the value that it has here")
    ] = None,
    mount: Annotated[
        list[str] | None,
        Option("--mount", help="type=bind,src=/a,dst=/b,options=rbind:ro; type=uds,src=SOCKET,dst=/b; type=tmpfs,dst=/t"),
    ] = None,
    net_host: Annotated[bool, Option("--net-host", help="use the host's network")] = False,
    memory: Annotated[str, Option("--memory", "-m", help="memory limit, such as 64m")] = "",
    cpus: Annotated[float, Option("--cpus", help="CPU limit")] = 0.0,
    workdir: Annotated[str, Option("--workdir", "-w", help="working directory")] = "",
    user: Annotated[str, Option("--user", "-u", help="name or uid[:group]")] = "",
    hostname: Annotated[str, Option("--hostname", help="host name inside")] = "",
    privileged: Annotated[bool, Option("--privileged", help="every capability and device")] = False,
    read_only: Annotated[bool, Option("--read-only", help="read-only root file system")] = False,
    seccomp: Annotated[bool, Option(help="the default seccomp profile")] = True,
    label: Annotated[list[str] | None, Option("--label", help="name=value")] = None,
    plain_http: Annotated[bool, Option("--plain-http", help="speak HTTP to the registry when pulling")] = False,
    decryption_keys: DecryptionKeys = None,
    skip_decrypt_auth: Annotated[
        bool, Option("--skip-decrypt-auth", help="run an encrypted image that is unpacked already though no key is at hand")
    ] = False,
) -> None:
    """Run a command in a new container; an image that is not here is pulled first."""
    import secrets

    from argosy.client import Container, Stdio
    from argosy.client.stdio import terminal_size
    from argosy.oci.reference import Reference
    from argosy.oci.spec import BindMount, Options

    keys = keys_of(decryption_keys)

    async def work() -> int:
        _check_terminal(interactive, terminal, detach)
        if remove and detach:
            raise InvalidArgument(
                "--rm with -d: nobody waits for the end; leave out one of them, and remove it by `argosy rm`"
            )
        id = name or secrets.token_hex(6)
        reference = str(Reference.parse(image))
        options = Options(
            args=command or (), env=_env(env), cwd=workdir, terminal=terminal, hostname=hostname, screen=terminal_size(),
            mounts=[BindMount.parse(m) for m in mount or ()], host_network=net_host, privileged=privileged, read_only=read_only,
            memory=parse_size(memory) if memory else 0, cpus=cpus, seccomp=seccomp,
        )  # fmt: skip
        labels = dict(x.partition("=")[::2] for x in label or ())
        async with Target.client() as client:
            uri = ""
            if detach:
                log = await _log_path(client, id)
                uri = f"file://{quote(str(log))}?maxSize={_LOG_BYTES}"
                labels[LOG_LABEL] = str(log)
            await _ensure_image(client, reference, snapshotter, plain_http, keys)
            container = await Container.create(
                client,
                id,
                reference,
                options,
                snapshotter=snapshotter,
                runtime=runtime,
                user=user,
                labels=labels,
                keys=keys,
                check_keys=not skip_decrypt_auth,
            )
            if detach:
                await _run_detached(container, Stdio(stdout=uri, stderr=uri), terminal)
                return 0
            source = 0 if interactive else None
            async with container.run(stdin=source, terminal=terminal, remove=remove, say=_say) as process:
                return await process.wait()

    raise Exit(run_async(work()))


def _env(said: Sequence[str] | None) -> list[str]:
    """Return variables as they were said; a name alone has the value that it has here, or is left out where it has none."""
    return [v if "=" in v else f"{v}={os.environ[v]}" for v in said or () if "=" in v or v in os.environ]


def _check_terminal(interactive: bool, terminal: bool, detach: bool) -> None:
    """A terminal knows no end of its input: what comes from a pipe or a file through one may leave the container waiting for ever."""
    if interactive and terminal and not detach and not os.isatty(0):
        raise InvalidArgument("-i with -t wants a terminal for standard input, which is none; leave out -t, or -i")


async def _run_detached(container: Container, stdio: Stdio, terminal: bool) -> None:
    from argosy.client import Task
    from argosy.client.jobs import given_back
    from argosy.client.tasks import end_task

    async def undo() -> None:
        await end_task(Task(container.client, container.id))
        with suppress(NotFound):  # gone already
            await container.delete()

    try:
        task = await container.new_task(stdio, terminal)
        await task.start()
    except BaseException:
        await given_back(undo())
        raise
    show_one({"container": container.id, "pid": task.pid})


async def _ensure_image(client: Client, reference: str, snapshotter: str, plain: bool, keys: Parameters | None) -> None:
    from argosy_protos.containerd.services.images.v1 import GetImageRequest

    try:
        await client.services.images.get(GetImageRequest(name=reference))
    except NotFound:
        from argosy.client.images import pull  # and with it all that speaks to registries

        with watching() as watch:
            await pull(client, reference, plain=plain, snapshotter=snapshotter, watch=watch, keys=keys)


def exec_(
    container: str,
    command: list[str],
    interactive: Annotated[bool, Option("--interactive", "-i", help="pass standard input")] = False,
    terminal: Annotated[bool, Option("--tty", "-t", help="give it a terminal")] = False,
    detach: Annotated[bool, Option("--detach", "-d", help="do not wait")] = False,
    env: Annotated[
        list[str] | None, Option("--env", "-e", help="NAME=value, or NAME with the value that it has here")
    ] = None,
    workdir: Annotated[str, Option("--workdir", "-w", help="working directory")] = "",
    user: Annotated[str, Option("--user", "-u", help="name or uid[:group]; default: the container's")] = "",
) -> None:
    """Run another command in a running container."""
    import secrets

    from argosy.client import Container, Stdio, Task
    from argosy.client.stdio import terminal_size
    from argosy.oci.spec import merge_env, size_table, user_table

    async def work() -> int:
        _check_terminal(interactive, terminal, detach)
        async with Target.client() as client:
            found = await Container.get(client, container)
            spec = dict(found.spec["process"])
            spec["args"] = command
            spec["env"] = merge_env(spec.get("env", []), _env(env))
            spec.pop("consoleSize", None)  # of the init's terminal
            if terminal and (screen := terminal_size()):
                spec["consoleSize"] = size_table(screen)
            if workdir:
                spec["cwd"] = workdir
            if user:
                spec["user"] = user_table(await found.user(user))
            id = f"exec-{secrets.token_hex(6)}"
            task = Task(client, container)
            if detach:
                process = await task.exec(id, spec, Stdio(), terminal)
                show_one({"exec": id, "pid": await process.start()})
                return 0
            source = 0 if interactive else None
            async with task.run(id, spec, stdin=source, terminal=terminal, say=_say) as running:
                return await running.wait()

    raise Exit(run_async(work()))


def ps(filters: Annotated[list[str] | None, Argument(help="containerd filters")] = None) -> None:
    """List containers and their tasks."""
    from argosy_protos.containerd.services.containers.v1 import ListContainersRequest
    from argosy_protos.containerd.services.tasks.v1 import ListTasksRequest
    from argosy_protos.containerd.v1.types import Status

    async def work() -> None:
        services = Target.services()
        reply = await services.containers.list(ListContainersRequest(filters=filters or []))
        running: dict[str, WireProcess] = {}
        with suppress(NotFound):  # of a namespace without tasks, from some daemons
            running = {p.id: p for p in (await services.tasks.list(ListTasksRequest())).tasks}
        rows = []
        for c in reply.containers:
            process = running.get(c.id)
            state = Status(process.status).name.lower() if process else "-"
            if process and process.status == Status.STOPPED:
                state = f"exited ({process.exit_status})"
            row = {"id": c.id, "image": c.image, "runtime": c.runtime.name if c.runtime else "", "status": state}
            rows.append(
                row | {"pid": process.pid if process else "", "snapshotter": c.snapshotter, "labels": dict(c.labels)}
            )
        if not filters:
            # Of a gateway that lost its metadata: "rm --force" ends them.
            rows += [_without_record(running[id]) for id in sorted(running.keys() - {c.id for c in reply.containers})]
        show(rows, ("id", "image", "status", "pid", "snapshotter"), "no containers")

    ask(work())


def _without_record(process: WireProcess) -> dict[str, Any]:
    """Return the row of a task whose container has no record."""
    from argosy_protos.containerd.v1.types import Status

    status = f"{Status(process.status).name.lower()} (no record)"
    return {
        "id": process.id, "image": "", "runtime": "", "status": status, "pid": process.pid, "snapshotter": "", "labels": {},
    }  # fmt: skip


def logs(
    container: str,
    follow: Annotated[bool, Option("--follow", "-f", help="go on until it ends")] = False,
) -> None:
    """Print what a detached container has written."""
    from argosy.client import Container
    from argosy.client.logs import read

    async def work() -> None:
        async with Target.client() as client:
            found = await Container.get(client, container)
            path = found.record.labels.get(LOG_LABEL)
            if not path or not os.path.exists(path):
                raise NotFound(f'container "{container}" has no log here; only what "argosy run -d" started has one')
            async for data in read(client, container, Path(path), follow):
                await write_out(data)

    run_async(work())


def kill(
    container: str,
    sig: Annotated[str, Option("--signal", "-s", help="signal")] = "TERM",
    everyone: Annotated[bool, Option("--all", help="signal every process in it")] = False,
) -> None:
    """Send a signal to a container's task."""
    from argosy.client import Task

    async def work() -> None:
        async with Target.client() as client:
            await Task(client, container).kill(parse_signal(sig), everyone)

    run_async(work())


async def _container_of(client: Client, id: str, force: bool) -> Container:
    """Return a container, with a new record when there is only its task: calls name a task by that. Raises NotFound, FailedPrecondition."""
    from argosy.client import Container
    from argosy.client.services import present
    from argosy.client.tasks import tasks
    from argosy.typeurl import SPEC, pack_json
    from argosy_protos.containerd.services.containers.v1 import Container as Record
    from argosy_protos.containerd.services.containers.v1 import ContainerRuntime, CreateContainerRequest
    from argosy_protos.containerd.v1.types import Status

    try:
        return await Container.get(client, id)
    except NotFound:
        state = {found.id: found.status async for found in tasks(client)}.get(id)
        if state is None:
            raise
        _check_over(id, force or state == Status.STOPPED)
        defaults = await client.defaults()
        record = Record(id=id, runtime=ContainerRuntime(name=defaults.runtime), spec=pack_json(SPEC, {}))
        reply = await client.services.containers.create(CreateContainerRequest(container=record))
        return Container(client, present(reply.container, f'container "{id}"'))


def _check_over(id: str, over: bool) -> None:
    if not over:
        raise FailedPrecondition(f'container "{id}" is running; stop it first, or use --force')


def rm(
    containers: list[str],
    force: Annotated[bool, Option("--force", "-f", help="kill what still runs")] = False,
) -> None:
    """Remove containers with their snapshots and ended tasks, and tasks whose containers have no record."""
    from argosy.client import Task
    from argosy.client.logs import is_running
    from argosy.client.tasks import end_task

    async def work() -> None:
        async with Target.client() as client:

            async def remove(id: str) -> None:
                container = await _container_of(client, id, force)
                _check_over(id, force or not await is_running(client, id))
                await end_task(Task(client, id))
                await container.delete()
                path = container.record.labels.get(LOG_LABEL)
                if path and Path(path) == await _log_path(client, id):
                    Path(path).unlink(missing_ok=True)

            await each(containers, "removed", remove)

    run_async(work())


VERBS: Final[dict[str, Verb | Group]] = {
    # What stands behind the image or the container is the command's; a word before it that looks like an option is one of ours, or wrong.
    "run": Verb(run, command_follows=True),
    "exec": Verb(exec_, command_follows=True),
    "ps": Verb(ps),
    "logs": Verb(logs),
    "kill": Verb(kill),
    "rm": Verb(rm),
}
