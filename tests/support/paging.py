"""Page after page of a list, as a client turns them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any


async def pages(ask: Callable[..., Awaitable[Any]], *asked: Any, **more: Any) -> AsyncIterator[Any]:
    """All pages, objects or plain values; ``ask`` is given what is asked, and the cursor: at first none."""
    cursor = None
    while True:
        page = await ask(*asked, **more, cursor=cursor)
        yield page
        cursor = page["next_cursor"] if isinstance(page, dict) else page.next_cursor
        if cursor is None:
            return
