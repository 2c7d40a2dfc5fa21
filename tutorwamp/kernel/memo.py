"""Remember the answers to a question for a while, and ask it once however many want to know."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class Memo(Generic[Key, Answer]):
    """A bounded memory in front of an asynchronous look-up; the least recently used is forgotten first.

    Those who ask while the look-up is under way share it and are answered in the order they asked. Failures are not
    remembered.
    """

    def __init__(self, look_up: Callable[[Key], Awaitable[Answer]], *, at_most: int) -> None:
        self._look_up = look_up
        self._at_most = at_most
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self._fetching: dict[Key, list[Deferred[Answer]]] = {}

    async def get(self, key: Key) -> Answer:
        """The answer, from memory where it is known. Raises what the look-up raises."""
        if key in self._answers:
            self._answers.move_to_end(key)
            return self._answers[key]
        wanted: Deferred[Answer] = Deferred()
        if key in self._fetching:
            self._fetching[key].append(wanted)
            return await wanted
        waiting = self._fetching[key] = [wanted]
        Deferred.fromCoroutine(self._fetch(key, waiting)).addErrback(lambda _: None)
        return await wanted

    def known(self, keys: Iterable[Key]) -> dict[Key, Answer]:
        """Those answers that are in memory."""
        found = {key: self._answers[key] for key in keys if key in self._answers}
        for key in found:
            self._answers.move_to_end(key)
        return found

    def remember(self, key: Key, answer: Answer) -> None:
        """Keep an answer that was found in another way."""
        self._answers[key] = answer
        self._answers.move_to_end(key)
        while len(self._answers) > self._at_most:
            self._answers.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Ask again next time; a look-up already under way may bring old news and is not remembered either."""
        self._answers.pop(key, None)
        self._fetching.pop(key, None)

    def forget_where(self, is_old: Callable[[Answer], bool]) -> None:
        """Forget all answers of which this is true, and those on their way, of which nobody knows."""
        for key in [key for key, answer in self._answers.items() if is_old(answer)]:
            del self._answers[key]
        self._fetching.clear()

    async def _fetch(self, key: Key, waiting: list[Deferred[Answer]]) -> None:
        try:
            answer = await self._look_up(key)
        except Exception as error:  # noqa: BLE001  # handed on to everybody who asked
            self._done(key, waiting)
            for wanted in waiting:
                wanted.errback(error)
            return
        if self._done(key, waiting):
            self.remember(key, answer)
        for wanted in waiting:
            wanted.callback(answer)

    def _done(self, key: Key, waiting: list[Deferred[Answer]]) -> bool:
        """Whether this look-up is still the current one."""
        if self._fetching.get(key) is waiting:
            del self._fetching[key]
            return True
        return False
