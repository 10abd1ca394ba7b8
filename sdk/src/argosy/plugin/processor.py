"""A stream processor's command line: ``main(convert, accepts=…, returns=…)`` is all that stands at the end of its file.

A differ starts a processor with a blob's bytes on its standard input and takes what they become from its standard output. What goes wrong
is said on standard error, with an exit code that is not 0: whatever was written by then is thrown away.

* Without arguments, and without a daemon that calls it, it says what it is, and with which lines a daemon takes it.
* Each parameter of convert after the two streams is a flag, as in ``argosy.plugin.main``.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable
from typing import Final

from argosy.errors import ArgosyError, in_words
from argosy.plugin.flags import DESCRIBE, about_of, add_flags, described, flags_of, indented, name_of, options_of

# What a differ tells a processor, and nobody else does.
_MEDIA_TYPE: Final = "STREAM_PROCESSOR_MEDIATYPE"


def main(convert: Callable[..., None], *, accepts: str, returns: str) -> None:
    """Convert standard input to standard output; accepts and returns are the media types of a layer before and after.

    Exits with 1 when convert raises ArgosyError, OSError or ValueError, and with 0 after the introduction.
    """
    flags = flags_of(convert, skip=2)
    about = about_of(convert)
    if sys.argv[1:] == [DESCRIBE]:
        print(described("processor", name_of(convert), about))
        return
    if not sys.argv[1:] and _MEDIA_TYPE not in os.environ:
        name = name_of(convert)
        args = [os.path.abspath(sys.argv[0]), *options_of(flags)]
        table = (
            f'[stream_processors."{name}"]\naccepts = ["{accepts}"]\nreturns = "{returns}"\n'
            f"path = {json.dumps(sys.executable)}\nargs = {json.dumps(args)}"
        )
        command = shlex.join([sys.executable, *args])
        added = (
            f"argosy plugin add processor {name} --accepts {accepts} --returns {returns} --command {shlex.quote(command)}"
        )
        print(about, "A running Argosy takes it by", indented(added), sep="\n\n")
        print("\nArgosy (argosy up --config FILE) and containerd (/etc/containerd/config.toml) take it at their start by")
        print(f"\n{indented(table)}")
        return
    parser = argparse.ArgumentParser(
        description=about, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_flags(parser, flags)
    told = vars(parser.parse_args())
    try:
        convert(sys.stdin.buffer, sys.stdout.buffer, **told)
        sys.stdout.buffer.flush()
    except (ArgosyError, OSError, ValueError) as error:
        why = in_words(error) if isinstance(error, OSError) else error
        print(f"{os.path.basename(sys.argv[0])}: {why}", file=sys.stderr)
        # What is still to be written is of a layer that is refused.
        os._exit(1)
