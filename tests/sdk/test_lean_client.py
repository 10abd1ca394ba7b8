"""What a client loads: the messages of the services it uses, and nothing for what it does not do."""

from __future__ import annotations

import subprocess
import sys

import pytest
from argosy.client import Client
from argosy.client.services import present
from argosy.errors import Internal

LISTS = """
import sys
from argosy.client import Client
from argosy.client.tasks import tasks
client = Client("/nowhere")
client.services.containers, client.services.tasks
print(*sys.modules)
"""


def test_who_lists_containers_loads_containers_and_tasks() -> None:
    ran = subprocess.run([sys.executable, "-c", LISTS], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    messages = {name for name in loaded if name.startswith("argosy_protos.containerd.services.") and name.endswith(".v1")}
    assert messages == {f"argosy_protos.containerd.services.{name}.v1" for name in ("containers", "tasks")}
    assert loaded & {"anyio", "aiohttp", "pydantic", "tempfile", "argosy.client.images", "argosy.client.containers"} == set()


def test_what_was_put_into_a_services_place_stays_there_under_a_lease() -> None:
    mine = object()
    client = Client("/nowhere")
    client.replace(content=mine)
    leased = client.services.with_metadata({"containerd-lease": "x"})
    assert leased.content is mine
    assert leased.ingests is None, "another store's ingests have no place that is known"
    assert leased.images is not client.services.images


def test_a_service_of_a_wrong_name_is_refused() -> None:
    for name in ("contents", "replaced", "_channel", "__init__"):
        with pytest.raises(TypeError, match=f'"{name}" is no service'):
            Client("/nowhere").replace(**{name: object()})


def test_an_answer_that_lacks_its_part_says_so() -> None:
    with pytest.raises(Internal, match='without image "a"'):
        present(None, 'image "a"')
