"""A real node with the shipped router part. The container is left out: the tests themselves are the components."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_twisted
import yaml

from tests.gate.people import SERIALIZERS, Office, Visit, gate_node
from tests.support.node import CONFIG, Node


@pytest.fixture(scope="session")
def router_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped configuration without its container."""
    config = yaml.safe_load(CONFIG.read_text())
    config["workers"] = [worker for worker in config["workers"] if worker["type"] == "router"]
    # So that what cuts a connection is the gate, and not the WebSocket's own timer, which is a rough one.
    config["workers"][0]["transports"][1]["paths"]["ws"]["options"]["close_handshake_timeout"] = 60_000
    path = tmp_path_factory.mktemp("node") / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="session")
def node(router_config: Path) -> Iterator[Node]:
    """One router for all tests of the gate."""
    with gate_node(router_config, TUTORWAMP_ALLOWED_ORIGINS="https://a.test").running(rest=False) as node:
        yield node


@pytest.fixture(params=SERIALIZERS)
def serializer(request: pytest.FixtureRequest) -> str:
    """Whoever asks for it is run with each."""
    name: str = request.param
    return name


@pytest_twisted.async_yield_fixture
async def visit(node: Node) -> AsyncIterator[Visit]:
    """Join as a client; whoever still is there at the end is sent home."""
    visit = Visit(node)
    yield visit
    await visit.end()


@pytest_twisted.async_yield_fixture
async def office(node: Node) -> AsyncIterator[Office]:
    """The components' side: all that the configuration names have reported ready."""
    office = await Office.open(node)
    yield office
    await office.close()
