"""A snapshotter to inherit from, its index, and the servicer that puts it on a socket.

A new snapshotter says only how to make, mount, measure and drop one snapshot's bytes (``Backend``); keys, kinds,
parents, labels, times and errors are ``TreeSnapshotter``'s.
"""

from argosy.plugin.snapshots.index import Record
from argosy.plugin.snapshots.rules import Info, Kind, Usage
from argosy.plugin.snapshots.servicer import SnapshotsServicer
from argosy.plugin.snapshots.tree import Backend, Snapshotter, TreeSnapshotter

__all__ = ("Backend", "Info", "Kind", "Record", "SnapshotsServicer", "Snapshotter", "TreeSnapshotter", "Usage")
