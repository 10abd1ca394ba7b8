"""A hook that answers what a file says, and writes down what it was asked: ``python told_hook.py --address SOCKET --rules FILE``.

The rules are JSON: by a namespace's name and a point's an answer, a key of which is one of DecideResponse's fields. What is not in it is allowed.
"""

import json
from pathlib import Path
from typing import Annotated

from argosy.plugin.hooks import Hook
from argosy.plugin.main import main
from argosy_protos.argosy.hooks.v1 import DecideRequest, DecideResponse


class ToldHook(Hook):
    def __init__(self, rules: Annotated[Path, "what it answers"]) -> None:
        self._rules = rules

    async def decide(self, request: DecideRequest) -> DecideResponse:
        answer = json.loads(self._rules.read_text()).get(request.namespace, {}).get(request.point, {})
        asked = {
            "namespace": request.namespace, "point": request.point, "name": request.name, "reference": request.reference,
            "here": request.here, "digest": request.target.digest if request.target is not None else "",
            "snapshotter": request.snapshotter,
        }  # fmt: skip
        with self._rules.with_suffix(".asked").open("a") as out:
            out.write(json.dumps(asked) + "\n")
        return DecideResponse(**{"allow": True, **answer})


if __name__ == "__main__":
    main(ToldHook)
