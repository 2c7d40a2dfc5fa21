"""A real node with the shipped router part. The container is left out: the tests themselves are the components."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_twisted
import yaml

from tests.gate.people import Office, Visit
from tests.support.node import CONFIG, Node
from tutorwamp.kernel.contracts import AuthRole, new_id, utc_now
from tutorwamp.kernel.tokens import sign

KEY = "a key that is known to the tests only"


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
    node = Node(config=router_config, env={"TUTORWAMP_SECRET_KEY": KEY, "TUTORWAMP_ALLOWED_ORIGINS": "https://a.test"})
    try:
        node.start()
        node.wait_ready(rest=False)
        yield node
    finally:
        node.close()


@pytest.fixture
def narrow_node(router_config: Path, tmp_path: Path) -> Iterator[Node]:
    """A router with a gate through which few come at once."""
    config = yaml.safe_load(router_config.read_text())
    config["workers"][0]["components"][0]["classname"] = "tests.gate.narrow.NarrowGate"
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    node = Node(config=path, env={"TUTORWAMP_SECRET_KEY": KEY})
    try:
        node.start()
        node.wait_ready(rest=False)
        yield node
    finally:
        node.close()


@pytest.fixture
def ticket() -> Callable[..., str]:
    """Sign an access token, as accounts would."""

    def make(user_id: str | None = None, *, role: AuthRole = AuthRole.STUDENT, age: timedelta = timedelta(0)) -> str:
        return sign(
            KEY.encode(),
            user_id=user_id or new_id(),
            role=role,
            family_id=new_id(),
            now=utc_now() - age,
            lifetime=timedelta(minutes=15),
        )

    return make


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
