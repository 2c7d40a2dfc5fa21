"""What an operator may write for a Redis, and what is not shown of it."""

from __future__ import annotations

import pytest

from tests.support.redis import RedisServer
from tutorwamp.kernel.redis_url import RedisAddress
from tutorwamp.kernel.settings import SettingsError


@pytest.mark.parametrize(
    ("url", "address", "shown"),
    [
        ("redis://h", ("h", 6379, None, False, None, None, 0), "redis://h:6379/0"),
        ("redis://h:1/3", ("h", 1, None, False, None, None, 3), "redis://h:1/3"),
        ("redis://:p%40%3A@h", ("h", 6379, None, False, None, "p@:", 0), "redis://***@h:6379/0"),
        ("rediss://u%2F:p@h:2/", ("h", 2, None, True, "u/", "p", 0), "rediss://***@h:2/0"),
        ("redis://[::1]:2/1", ("::1", 2, None, False, None, None, 1), "redis://[::1]:2/1"),
        ("unix:///a%20b?db=4", ("", 6379, "/a b", False, None, None, 4), "unix:///a b?db=4"),
        ("unix://u:p@/a", ("", 6379, "/a", False, "u", "p", 0), "unix://***@/a"),
    ],
)
def test_what_is_read(url: str, address: tuple[object, ...], shown: str) -> None:
    assert RedisAddress.parse(url) == RedisAddress(*address)  # type: ignore[arg-type]  # as the table has them
    assert str(RedisAddress.parse(url)) == shown


@pytest.mark.parametrize(
    "url",
    [
        "http://h", "redis://", "redis://h:0", "redis://h:99999", "redis://h/x", "redis://h/-1", "redis://h/1?x=2",
        "redis://u:hunter2/x@h", "redis://u:hunter2#x@h", "redis://[h", "unix://", "unix:///a?db=x",
    ],
)  # fmt: skip
def test_what_is_none(url: str) -> None:
    with pytest.raises(SettingsError, match="TUTORWAMP_REDIS_URL: redis://HOST:PORT/DB or unix:///PATH") as caught:
        RedisAddress.parse(url)
    assert "hunter2" not in str(caught.value)


async def test_the_pool_uses_account_and_database() -> None:
    with RedisServer("valkey") as server:
        server.ask("ACL SETUSER ada on >p@ss ~* &* +@all")
        server.ask("ACL SETUSER default off")
        pool = RedisAddress.parse(f"unix://ada:p%40ss@{server.socket}?db=3").pool(1)
        try:
            await pool.set("key", "value")
            assert "db=3" in await pool.execute_command("CLIENT", "INFO")
            assert await pool.execute_command("ACL", "WHOAMI") == "ada"
        finally:
            await pool.disconnect()
