"""A typed asynchronous client of containerd's contract, for our mesh and any other daemon."""

from argosy.client.connection import Client, Services
from argosy.client.containers import Container
from argosy.client.foreground import Foreground, Interrupted
from argosy.client.progress import Progress
from argosy.client.stdio import Stdio
from argosy.client.tasks import Process, Task

__all__ = ("Client", "Container", "Foreground", "Interrupted", "Process", "Progress", "Services", "Stdio", "Task")
