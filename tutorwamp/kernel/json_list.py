"""A long list whose values are JSON text, as they were kept: nobody takes them apart on the way from row to client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from pydantic_core import from_json


class JsonList(Sequence[Any]):
    """Reads as the list of its values, and equals one; ``texts`` are these values, each a JSON text by itself."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> JsonList: ...
    def __getitem__(self, place: int | slice) -> Any:
        return JsonList(self.texts[place]) if isinstance(place, slice) else from_json(self.texts[place])

    def __iter__(self) -> Iterator[Any]:
        return iter(self.read())

    def __eq__(self, other: object) -> bool:
        return self.read() == (other.read() if isinstance(other, JsonList) else other)

    __hash__ = None  # type: ignore[assignment]  # as of any list

    def __repr__(self) -> str:
        return repr(self.read())

    def read(self) -> list[Any]:
        """The values."""
        values: list[Any] = from_json(f"[{self.inside()}]")
        return values

    def inside(self) -> str:
        """What stands between the brackets of the whole list as JSON."""
        return ",".join(self.texts)
