"""An interpreter that has loaded the SDK before it is told for which file: it becomes that plugin's process without the wait for both.

``argosy plugin dev`` has one ahead. The file, and the modules beside it, are read only when it is told: what runs is what is on disk then.
It is told by one line of JSON on standard input: ``{"file": "mine.py", "words": ["--address", "a.sock"], "notify": "ready.sock"}``. It ends
with whoever started it, whose pid is its argument.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import traceback
from types import TracebackType

# What takes the time: of every plugin, and of a differ.
import argosy.plugin.main
import argosy.unpack.apply  # noqa: F401 - it is used by what is told
from argosy.kernel.process import die_with_parent


def main(parent: int) -> None:
    """Wait to be told, and be that plugin. Returns when nobody tells it anything."""
    die_with_parent(signal.SIGTERM)
    line = sys.stdin.readline() if os.getppid() == parent else ""
    if not line:
        return
    told = json.loads(line)
    file = os.path.abspath(told["file"])
    os.environ["NOTIFY_SOCKET"] = told["notify"]
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    # As `python FILE WORDS...` has them.
    sys.argv[1:] = told["words"]
    sys.path.insert(0, os.path.dirname(file))
    try:
        runpy.run_path(file, run_name="__main__")
    except Exception as error:
        traceback.print_exception(type(error), error, _below(error.__traceback__, file))
        raise SystemExit(1) from None


def _below(trace: TracebackType | None, file: str) -> TracebackType | None:
    """Return a traceback from the plugin's own file on; what led there is nothing that its author could mend."""
    while trace is not None and trace.tb_frame.f_code.co_filename != file:
        trace = trace.tb_next
    return trace


if __name__ == "__main__":
    main(int(sys.argv[1]))
