"""Who asks a template of processes for a worker, by the words that programs use, and whether it gets one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# The connection is made by the process itself, or by a child of it that has ended when the template looks.
_ASK = """
import marshal, os, socket, sys
how, address, *argv = sys.argv[1:]
connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
if how == "itself":
    connection.connect(address)
else:
    child = os.fork()
    if child == 0:
        connection.connect(address)
        os._exit(0)
    os.waitpid(child, 0)
data = marshal.dumps((argv, dict(os.environb)))
try:
    socket.send_fds(connection, [len(data).to_bytes(4, "little") + data], [0, 1, 2, os.open(".", os.O_RDONLY)])
    answer = connection.recv(16)
except OSError:
    answer = b""
print("served" if answer else "refused")
"""


def served(address: Path, argv: Sequence[str], wrap: Sequence[str] = (), how: str = "itself") -> bool:
    """Return whether a process, run by the command wrap, gets a worker at the address for argv. how is "itself" or "by a child"."""
    command = [*wrap, sys.executable, "-c", _ASK, how, str(address), *argv]
    told = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20, check=True, cwd="/")
    (answer,) = [line for line in told.stdout.splitlines() if line in ("served", "refused")]
    return answer == "served"
