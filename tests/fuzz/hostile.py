"""Arguments nobody should send: made good from a JSON Schema, then spoiled. Seeded: what was found comes back."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.journeys.test_bad_input import elements
from tutorwamp.kernel.contracts import cursor_from, instant_text, new_id

TEXTS: Final = (
    "", " ", "\t\n", "\0", "a\0b", "\x1b[31m", "\x7f", "\x85",
    "\u202eevil\u202c", "\u200f", "\ufeff", "\ufffe", "e\u0301", "\u1100\u1161", "🧑‍🏫", "\U0010ffff", "𝒳" * 300,
    "%s%n%x", "{0}{__class__}", "${7*7}", "'; drop table x; --", "<script>", "null", "true", "0", "NaN", "x" * 201,
    "ß" * 4_001, "x" * 70_000,
)  # fmt: skip
SURROGATES: Final = ("\ud800", "a\udfffb", "\udfff\ud800")
"""Halves of a pair. Only JSON carries them, as escapes."""
EMAILS: Final = (
    "a", "@", "a@", "@b", "a@b", "a@@b.example", "a b@c.example", "a@b.example\n", "a@-b.example", "a@b..example",
    '"a b"@c.example', "a@[127.0.0.1]", "ä@ö.example", "a@xn--.example", "a" * 65 + "@b.example",
    "a@" + "b" * 64 + ".example", "a@" + "b." * 200 + "example", "a\0@b.example", "<a@b.example>",
)  # fmt: skip
UUIDS: Final = (
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "0191F0C6-7B1A-7CC3-98C4-DC0C0C07398F", "{0191f0c6-7b1a-7cc3-98c4-dc0c0c07398f}",
    "0191f0c67b1a7cc398c4dc0c0c07398f", "0191f0c6-7b1a-7cc3-98c4-dc0c0c07398", "0191f0c6-7b1a-7cc3-98c4-dc0c0c07398f\n",
    "urn:uuid:0191f0c6-7b1a-7cc3-98c4-dc0c0c07398f", "0191f0c6-7b1a-7cc3-98c4-dc0c0c07398g", "٠" * 36,
)  # fmt: skip
DATES: Final = (
    "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-25T24:00:00Z", "2026-11-25T23:59:60Z", "2026-11-25",
    "2026-11-25T10:00:00", "2026-W48-3T10:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-14:00", "10000-01-01T00:00:00Z",
    "2026-11-25T10:00:00+24:00", "2026-11-25T10:00:00.1234567891Z", "1764064800", "now", "٢٠٢٦-11-25T10:00:00Z",
)  # fmt: skip
NUMBERS: Final = (
    float("nan"), float("inf"), float("-inf"), -0.0, 0, -1, 1, 0.1, 1.0, 101, 2**31 - 1, 2**31, 2**53 - 1, 2**53,
    2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**70, -(2**53), -(2**63), -(2**63) - 1, 1e308, 5e-324, 10**400,
)  # fmt: skip
KEYS: Final = ("self", "details", "arguments", "args", "kwargs", "fun", "request", "\0", "", "__class__", "x" * 5_000)
CHANGES: Final = ("put", "append", "delete")

DEPTH_AT_MOST: Final = 60
"""Of nesting inside a call; what ends a connection is deeper, and has a test of its own."""
HUGE_ONCE_IN: Final = 150
"""Values of more than a megabyte are slow; so seldom."""


class Hostile:
    """One source of arguments. ``known``: by argument, ids of things that are there."""

    def __init__(
        self, seed: str, definitions: Mapping[str, Any], known: Mapping[str, list[str]], *, as_json: bool
    ) -> None:
        self.random = random.Random(seed)
        self._definitions = definitions
        self._known = known
        self._as_json = as_json

    def arguments(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Of one call: good one time in three, else spoiled in one to three places, else nothing the schema knows."""
        kind = self.random.randrange(12)
        if kind == 0:
            return {self.key(): self.value() for _ in range(self.random.randrange(4))}
        made: dict[str, Any] = self.good(schema)
        for _ in range(0 if kind <= 4 else self.random.randint(1, 3)):
            made = self.spoiled(made)
        return made

    def good(self, schema: Mapping[str, Any], name: str = "") -> Any:
        """A value that the schema allows, as far as a schema can say it."""
        if "$ref" in schema:
            return self.good(self._definitions[schema["$ref"].rpartition("/")[2]], name)
        if "anyOf" in schema:
            return self.good(self.random.choice(schema["anyOf"]), name)
        if "enum" in schema or "const" in schema:
            return self.random.choice(schema.get("enum", [schema.get("const")]))
        if name == "changes":
            return [self.change() for _ in range(self.random.randint(1, 5))]
        makers = {"object": self._object, "array": self._array, "string": self._text, "integer": self._integer}
        if schema.get("type") in makers:
            return makers[schema["type"]](schema, name)
        return {"number": 1.5, "boolean": self.random.random() < 0.5, "null": None}.get(schema.get("type", ""), {})

    def _object(self, schema: Mapping[str, Any], name: str) -> Any:
        required = schema.get("required", ())
        made = {
            field: self.good(of, field)
            for field, of in schema.get("properties", {}).items()
            if field in required or self.random.random() < 0.5
        }
        if name == "positions":
            return {
                f"tutorwamp.lesson.{self._id('lesson_id')}.{kind}": 0 for kind in ("chat", "state", "board", "polls")
            }
        if name == "scene":
            return {"type": "excalidraw", "elements": []}
        return made

    def _array(self, schema: Mapping[str, Any], name: str) -> Any:
        count = self.random.randint(schema.get("minItems", 0), min(schema.get("maxItems", 3), 3))
        return [self.good(schema.get("items", {}), name) for _ in range(count)]

    def _text(self, schema: Mapping[str, Any], name: str) -> str:
        if schema.get("format") == "date-time":
            return instant_text(datetime.now(UTC) + timedelta(minutes=self.random.randrange(600_000)))
        if "cursor" in name or name == "after":
            return self.random.choice([cursor_from(10**12, new_id()), cursor_from(5), cursor_from("x")])
        if name == "emoji":
            return "👍"
        if "[0-9a-f]{8}-" in schema.get("pattern", ""):
            return self._id(name)
        return str(self.random.choice(["a", "Fractions", "漢字", "x" * schema.get("maxLength", 20)]))

    def _integer(self, schema: Mapping[str, Any], _name: str) -> int:
        least, most = schema.get("minimum", 0), schema.get("maximum", 2**31)
        return int(self.random.choice([least, least + 1, most, self.random.randint(least, min(most, least + 50))]))

    def _id(self, name: str) -> str:
        known = self._known.get(name, [])
        return self.random.choice(known) if known and self.random.random() < 0.9 else new_id()

    def change(self) -> dict[str, Any]:
        """One of the board's, which are plain objects to the schema."""
        element = self.random.choice(elements(self._id("page")))
        version = self.random.randint(1, 3)
        return {
            "put": {"op": "put", "element": element},
            "append": {"op": "append", "id": element["id"], "version": version, "points": [[1, 2], [3, 4, 0.5]]},
            "delete": {"op": "delete", "id": element["id"], "version": version},
        }[self.random.choice(CHANGES)]

    def spoiled(self, value: Any) -> Any:
        """The same with something wrong in one place."""
        made = copy.deepcopy(value)
        found = list(places(made))
        if not found or self.random.random() < 0.1:
            return {**made, self.key(): self.value()} if isinstance(made, dict) else self.value()
        holder, key = self.random.choice(found)
        if isinstance(holder, dict) and self.random.random() < 0.15:
            del holder[key]
        elif isinstance(holder, dict) and self.random.random() < 0.1:
            holder[self.key()] = holder.pop(key)
        else:
            holder[key] = self._wrong(holder[key])
        return made

    def _wrong(self, value: Any) -> Any:
        if isinstance(value, str) and self.random.random() < 0.3:
            spot = self.random.randrange(len(value) + 1)
            return value[:spot] + self.text() + value[spot:]
        return self.random.choice([self.value(), self.value(), [value], {"x": value}])

    def text(self) -> str:
        """A hostile one."""
        kinds: list[tuple[str, ...]] = [TEXTS, TEXTS, EMAILS, UUIDS, DATES]
        if self._as_json:
            kinds.append(SURROGATES)
        return self.random.choice(self.random.choice(kinds))

    def key(self) -> str:
        """A hostile name of an argument."""
        return self.random.choice([*KEYS, self.text()])

    def value(self) -> Any:
        """A hostile one of any type."""
        if self.random.randrange(HUGE_ONCE_IN) == 0:
            return self.random.choice(["x" * 1_100_000, [0] * 250_000, dict.fromkeys(map(str, range(90_000)))])
        others: list[Any] = [None, True, False]
        if not self._as_json:
            others += [b"bytes", b"\0\xff", datetime.now(UTC), {1: 2}, {None: []}]
        plain = [self.text(), self.text(), self.random.choice(NUMBERS), self.random.choice(others)]
        return self.random.choice([*plain, self._container(), self._nested()])

    def _container(self) -> Any:
        inner = self.random.choice([self.text(), self.random.choice(NUMBERS), None])
        return self.random.choice([[], {}, [inner], {self.key(): inner}, [inner] * 300, [[inner], {self.key(): []}]])

    def _nested(self) -> Any:
        made: Any = self.text()
        for _ in range(self.random.randint(2, DEPTH_AT_MOST)):
            made = [made] if self.random.random() < 0.5 else {"a": made}
        return made


def places(value: Any) -> Any:
    """Every place in nested dicts and lists: what holds it, and its key."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            yield holder, key
            if isinstance(holder[key], (dict, list)):
                waiting.append(holder[key])
