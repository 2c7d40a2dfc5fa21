"""Read settings from the environment and one file.

A domain declares what can be tuned as a frozen dataclass in its own ``settings.py``; every field is made with
``setting()``: environment name, default, unit in the type, reason in the text. ``read()`` fills such a class::

    @dataclass(frozen=True)
    class AccountsSettings:
        '''How long tokens live.'''

        access_token_lifetime: timedelta = setting("ACCESS_TOKEN_LIFETIME", timedelta(minutes=15), "why 15")

The variable's name is the setting's with the prefix ``TUTORWAMP_``. Durations are seconds (``120`` or ``120s``),
``ms`` and ``min`` are understood as well. The file named by ``TUTORWAMP_SETTINGS`` has lines ``NAME=value`` with
the same names; the environment wins. A name nobody declared stops the start.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NewType, TypeVar, get_type_hints

PREFIX = "TUTORWAMP_"
FILE_VARIABLE = "TUTORWAMP_SETTINGS"
SettingsClass = TypeVar("SettingsClass")


class SettingsError(Exception):
    """A setting is unknown or ill-formed; the text is one clear line for the operator."""


def setting(name: str, default: Any, reason: str) -> Any:
    """Declare one setting as a dataclass field. ``name`` goes without the prefix."""
    return dataclasses.field(default=default, metadata={"name": name, "reason": reason})


@dataclasses.dataclass(frozen=True)
class Described:
    """One setting, for the reference and for ``tutorwamp check``."""

    variable: str
    default: Any
    reason: str


def describe(settings_class: type) -> list[Described]:
    """All settings of a class, in the order of their declaration."""
    return [
        Described(PREFIX + field.metadata["name"], field.default, field.metadata["reason"])
        for field in dataclasses.fields(settings_class)
    ]


def gather(environment: Mapping[str, str]) -> dict[str, str]:
    """Merge the settings file, if one is named, with the environment's ``TUTORWAMP_`` variables."""
    values: dict[str, str] = {}
    file = environment.get(FILE_VARIABLE)
    if file:
        values.update(_from_file(Path(file)))
    values.update(
        {name: text for name, text in environment.items() if name.startswith(PREFIX) and name != FILE_VARIABLE}
    )
    return values


def refuse_unknown(values: Mapping[str, str], settings_classes: Iterable[type]) -> None:
    """Raise SettingsError for a variable that no settings class declares, with the nearest known name."""
    known = {described.variable for settings_class in settings_classes for described in describe(settings_class)}
    for variable in sorted(values):
        if variable not in known:
            import difflib

            # Without the prefix, which would make any two of them alike.
            names = [name.removeprefix(PREFIX) for name in known]
            near = difflib.get_close_matches(variable.removeprefix(PREFIX), names, n=1)
            hint = f" Did you mean {PREFIX}{near[0]}?" if near else ""
            raise SettingsError(f"Unknown setting {variable}.{hint}")


def read(settings_class: type[SettingsClass], values: Mapping[str, str]) -> SettingsClass:
    """Fill a settings class. Raises SettingsError, naming the variable, where a text does not fit its type."""
    hints = get_type_hints(settings_class)
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(settings_class):  # type: ignore[arg-type]  # TypeVar bound to dataclasses cannot be said
        variable = PREFIX + field.metadata["name"]
        if variable in values:
            try:
                arguments[field.name] = _parse(values[variable].strip(), hints[field.name])
            except ValueError as error:
                raise SettingsError(f"{variable}={values[variable]!r}: {error}") from error
    return settings_class(**arguments)


def _from_file(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{FILE_VARIABLE}={path}: cannot be read ({error.__class__.__name__})") from error
    values = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        name, equals, text = line.partition("=")
        name = name.strip()
        if not equals or not name.startswith(PREFIX):
            raise SettingsError(f"{path} line {number}: expected {PREFIX}NAME=value, found {line!r}")
        values[name] = text.strip()
    return values


_UNITS = {"": 1.0, "s": 1.0, "ms": 0.001, "min": 60.0, "h": 3600.0}


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h)?", text)
    if not match:
        raise ValueError("expected a duration in seconds, such as 30, 30s, 500ms or 2min")
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2] or ""])
    except OverflowError as error:
        raise ValueError("longer than anybody waits") from error


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "on", "yes", "1"):
        return True
    if text.lower() in ("false", "off", "no", "0"):
        return False
    raise ValueError("expected on or off")


def _integer(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text):
        raise ValueError("expected a whole number")
    return int(text)


Port = NewType("Port", int)


def _port(text: str) -> Port:
    number = _integer(text)
    if not 1 <= number <= 65_535:
        raise ValueError("expected a port number, 1 to 65535")
    return Port(number)


Network = IPv4Network | IPv6Network


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"expected addresses or networks, such as 10.0.0.5 or 10.0.0.0/8 ({error})") from error


Source = NewType("Source", str)
"""An origin as a browser's policy names it, its host perhaps with ``*.`` before it; or ``self``."""


def _sources(text: str) -> tuple[Source, ...]:
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for one in found:
        # Nothing that ends a word or a sentence of the policy; no path, which frames are not told apart by.
        if one != "self" and not re.fullmatch(r"(https?|wss?)://(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?", one):
            raise ValueError(f"expected origins, such as https://school.example, not {one!r}")
    return tuple(map(Source, found))


_PARSERS: dict[Any, Callable[[str], Any]] = {
    timedelta: _duration,
    bool: _boolean,
    int: _integer,
    Port: _port,
    str: str,
    str | None: lambda text: text or None,
    Path: Path,
    Path | None: lambda text: Path(text) if text else None,
    tuple[str, ...]: lambda text: tuple(part.strip() for part in text.split(",") if part.strip()),
    tuple[Network, ...]: _networks,
    tuple[Source, ...]: _sources,
}


def _parse(text: str, kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if text not in list(kind):
            raise ValueError(f"expected one of {', '.join(kind)}")
        return kind(text)
    return _PARSERS[kind](text)
