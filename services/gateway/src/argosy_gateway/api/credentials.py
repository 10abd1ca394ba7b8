"""argosy.credentials.v1.Credentials: tokens of registries for plugins that fetch by themselves.

Names, passwords and headers of hosts.toml stay here; what is given out is for one repository of one host, and lasts minutes. Whoever can call
this can open the gateway's socket, which is root's.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import anyio
from argosy.errors import InvalidArgument
from argosy.oci.reference import Reference
from argosy.recent import Recent
from argosy.tables import Registries
from argosy.timestamps import to_wire
from argosy_protos.argosy.credentials.v1 import CredentialsBase, GetTokensRequest, GetTokensResponse, HostToken

# A token that has less left than this is asked for anew.
_SPARE_S: Final = 20.0
# Answers that are remembered, and about how many bytes of memory they may take.
_MOST, _MOST_BYTES = 128, 1 << 20
# How many registries are asked at once.
_AT_ONCE: Final = 8


class Credentials(CredentialsBase):
    """Tokens, each asked for once for as long as it lasts."""

    def __init__(self, settings: Registries) -> None:
        self._settings = settings
        self._known: Recent[tuple[str, str, bool], tuple[float, GetTokensResponse]] = Recent(
            _MOST, _MOST_BYTES, lambda key, value: 1000 + sum(len(host.token) + len(host.base) for host in value[1].hosts)
        )
        self._asking = anyio.Semaphore(_AT_ONCE)

    async def get_tokens(self, request: GetTokensRequest) -> GetTokensResponse:
        scope = request.scope or "pull"
        if scope not in ("pull", "push"):
            raise InvalidArgument(f'scope {scope[:64]!r} is neither "pull" nor "push"')
        reference = Reference.parse(request.reference)
        key = (reference.registry, reference.repository, scope == "push")
        known = self._known.get(key)
        if known is None or known[0] < time.time():
            async with self._asking:
                known = await self._ask(reference, scope == "push")
            self._known.put(key, known)
        return known[1]

    async def _ask(self, reference: Reference, push: bool) -> tuple[float, GetTokensResponse]:
        """Return an answer, and until when it is one, in seconds since the epoch. Raises what the registry is refused with, or refuses."""
        # With the first question, and with it all that speaks HTTP.
        from argosy.client.hosts import hosts_for
        from argosy.client.logins import login_for
        from argosy.client.registry import Registry

        settings, now = self._settings, time.time()
        login = await login_for(reference.registry, Path(settings.docker_config)) if settings.docker_config else None
        folder = Path(settings.hosts_dir) if settings.hosts_dir else None
        hosts = await anyio.to_thread.run_sync(hosts_for, reference.registry, False, folder)
        async with Registry(reference, credentials=login, hosts=hosts) as registry:
            grants = await registry.grants(push)
        lasting = [grant.lasts_s for grant in grants if grant.token]
        answer = GetTokensResponse(
            hosts=[
                HostToken(
                    base=grant.base, token=grant.token,
                    expires_at=to_wire(int((now + grant.lasts_s) * 1e9)) if grant.token else None,
                )
                for grant in grants
            ]
        )  # fmt: skip
        return now + max(0.0, min(lasting, default=60.0) - _SPARE_S), answer
