"""Keys, certificates and encrypted layers for tests; what makes them is openssl, and not our code."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any


def openssl(*words: object, input: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *map(str, words)], input=input, capture_output=True, check=True).stdout


class Keys:
    """Pairs in a directory, each made when it is first asked for: NAME.pem, NAME.pub, and NAME.crt of RSA keys."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def _made(self, name: str, kind: tuple[str, ...]) -> Path:
        path = self.directory / f"{name}.pem"
        if not path.exists():
            openssl("genpkey", *kind, "-out", path)
            openssl("pkey", "-in", path, "-pubout", "-out", path.with_suffix(".pub"))
        return path

    def rsa(self, name: str = "rsa") -> Path:
        path = self._made(name, ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"))
        if not path.with_suffix(".crt").exists():
            openssl(
                "req", "-x509", "-new", "-key", path, "-subj", f"/CN={name}", "-days", "2", "-out", path.with_suffix(".crt")
            )
        return path

    def ec(self, name: str = "ec", curve: str = "P-256") -> Path:
        return self._made(name, ("-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}"))

    def locked(self, name: str, password: str, *, traditional: bool) -> Path:
        """Return the RSA key of that name behind a password, in the form of today or in that of long ago."""
        path = self.directory / f"{name}-{'old' if traditional else 'new'}.locked"
        if traditional:
            openssl("rsa", "-aes256", "-traditional", "-in", self.rsa(name), "-passout", f"pass:{password}", "-out", path)
        else:
            openssl("pkcs8", "-topk8", "-in", self.rsa(name), "-passout", f"pass:{password}", "-out", path)
        return path


def decoded(annotation: str) -> Any:
    """Return the JSON in an annotation."""
    return json.loads(base64.b64decode(annotation))


def encoded(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()
