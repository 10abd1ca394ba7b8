"""A content store to inherit from, and the servicer that puts it on a socket."""

from argosy.plugin.content.servicer import ContentServicer
from argosy.plugin.content.store import ContentStore, Info, Status, Writer

__all__ = ("ContentServicer", "ContentStore", "Info", "Status", "Writer")
