"""A gRPC service of anybody's: inherit from ``ServiceBase``, name it and its methods, and ``argosy.plugin.main`` serves it.

    class Clock(ServiceBase):
        __service__ = "example.clock.v1.Clock"
        __methods__ = (Method("Now", "now", Cardinality.UNARY_UNARY, Empty, Timestamp),)

        async def now(self, request: Empty) -> Timestamp: ...

Messages are classes with ``encode`` and ``decode``, such as all of ``argosy_protos``.
"""

from argosy_protos._service import Method, ServiceBase
from grpclib.const import Cardinality

__all__ = ("Cardinality", "Method", "ServiceBase")
