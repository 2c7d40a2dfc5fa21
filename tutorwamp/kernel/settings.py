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

import contextlib
import dataclasses
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NewType, TypeVar, get_type_hints

PREFIX = "TUTORWAMP_"
FILE_VARIABLE = "TUTORWAMP_SETTINGS"
PRIVATE = 0o077
"""The umask of every process that writes into the data folder: what is in it is its owner's alone."""
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
}


def _parse(text: str, kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if text not in list(kind):
            raise ValueError(f"expected one of {', '.join(kind)}")
        return kind(text)
    return _PARSERS[kind](text)


@dataclasses.dataclass(frozen=True)
class NodeSettings:
    """What every process of a node must agree on."""

    data_dir: Path = setting(
        "DATA_DIR",
        Path("tutorwamp-data"),
        "One folder holds all a node keeps: database, key, logs, the router's files.",
    )
    secret_key: str | None = setting(
        "SECRET_KEY", None, "Signs access tokens. Unset: made on first start and kept in the data folder, mode 0600."
    )
    port: Port = setting("PORT", 8080, "The public port: page, /ws and /api.")
    rest_port: Port = setting(
        "REST_PORT", 8081, "The REST process's own port, on loopback; the gate passes /api to it."
    )
    allowed_origins: tuple[str, ...] = setting(
        "ALLOWED_ORIGINS", (), "Other web origins whose pages may connect, comma-separated; the node's own always may."
    )
    trusted_proxies: tuple[Network, ...] = setting(
        "TRUSTED_PROXIES",
        (),
        "Addresses and networks of the proxies in front, comma-separated: who comes through them is told apart by "
        "X-Forwarded-For. Unset: a proxy on this machine, its last word only.",
    )
    node_config: Path | None = setting(
        "NODE_CONFIG", None, "Another node configuration than the package's: more containers, other transports."
    )

    @property
    def node_dir(self) -> Path:
        """The router's working folder: its socket, keys and pid file."""
        return self.data_dir / "node"

    @property
    def router_socket(self) -> Path:
        """Where components reach the router; who may open the file is a component."""
        return self.node_dir / "router.sock"

    def signing_key(self) -> bytes:
        """The key of access tokens. Makes and keeps one where none is set.

        Raises SettingsError where the one set is too short to be safe (RFC 7518 section 3.2).
        """
        if self.secret_key is not None:
            key = self.secret_key.encode()
        else:
            path = self.data_dir / "secret.key"
            if not path.exists():
                self.data_dir.mkdir(parents=True, exist_ok=True)
                write_new_private(path, secrets.token_urlsafe(48).encode())
            key = path.read_bytes()
        if len(key) < SECRET_KEY_BYTES_AT_LEAST:
            raise SettingsError(f"{PREFIX}SECRET_KEY must have at least {SECRET_KEY_BYTES_AT_LEAST} bytes.")
        return key


SECRET_KEY_BYTES_AT_LEAST = 32


def write_new_private(path: Path, content: bytes) -> None:
    """Write a file only we can read; the first of several writers wins, and none sees it half written."""
    # A name of its own for each draft: in a container every start may have the same process id. Its mode is 0600.
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # a power cut must not leave an empty key behind
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    Path(draft).unlink()
