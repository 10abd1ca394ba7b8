"""A user's script is checked by mypy --strict: what is right passes, and a wrong word is found before it runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[2]
CALL = "await client.services.images.get(GetImageRequest(name=name))"
# What a script says instead, and what mypy is to say of it.
WRONG = {
    "field": (CALL.replace("name=name", "nmae=name"), 'Unexpected keyword argument "nmae" for "GetImageRequest"'),
    "value": (CALL.replace("name=name", "name=1"), 'Argument "name" to "GetImageRequest" has incompatible type "int"'),
    "method": (CALL.replace("images.get", "images.fetch"), '"ImagesStub" has no attribute "fetch"'),
    "service": (CALL.replace("services.images", "services.pictures"), '"Services" has no attribute "pictures"'),
    "request": (CALL.replace("images.get", "images.list"), 'Argument 1 to "list" of "ImagesStub" has incompatible type'),
    "option": (CALL.replace("name=name)", "name=name), timeuot=1.0"), 'Unexpected keyword argument "timeuot" for "get"'),
    "answer": (f"({CALL}).picture", '"GetImageResponse" has no attribute "picture"'),
    "stream": (
        "await client.services.content.write().send_message(GetImageRequest())",
        'Argument 1 to "send_message" of "Stream" has incompatible type "GetImageRequest"',
    ),
}


def test_a_users_script_passes_and_wrong_words_do_not(tmp_path: Path) -> None:
    examples = {path.stem: path.read_text() for path in (HERE / "examples").glob("*.py")}
    right = examples["run"]
    assert right.count(CALL) == 1
    scripts = examples | {name: right.replace(CALL, line) for name, (line, _) in WRONG.items()}
    for name, text in scripts.items():
        (tmp_path / f"{name}.py").write_text(text)
    # A user has no configuration of ours, and argosy is installed where they work.
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache", "--no-error-summary"]
    ran = subprocess.run([*command, *(f"{name}.py" for name in scripts)], cwd=tmp_path, capture_output=True, text=True)
    assert ran.stderr == ""
    said = {name: re.findall(rf"^{name}\.py:\d+: error: (.*)$", ran.stdout, re.MULTILINE) for name in scripts}
    assert {name: said[name] for name in examples} == {name: [] for name in examples}, ran.stdout
    for name, (_, wanted) in WRONG.items():
        assert len(said[name]) == 1 and said[name][0].startswith(wanted), (name, said[name])
    assert sum(map(len, said.values())) == ran.stdout.count(": error: ")
