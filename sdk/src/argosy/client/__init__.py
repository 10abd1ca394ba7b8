"""A typed asynchronous client of containerd's contract, for our mesh and any other daemon."""

from argosy.client.connection import Client, Services
from argosy.client.containers import Container
from argosy.client.progress import Progress
from argosy.client.tasks import Process, Stdio, Task

__all__ = ("Client", "Container", "Process", "Progress", "Services", "Stdio", "Task")
