"""The URL of a Redis or Valkey, as an operator writes it, and the ways to it: the node's, and ``check``'s."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tutorwamp.kernel.settings import PREFIX, SettingsError, setting

PORT: Final = 6379
EXPECTED: Final = (
    "redis://HOST:PORT/DB or unix:///PATH is expected (unix:///PATH?db=DB; rediss:// with TLS; USER:PASSWORD@ before "
    "HOST or /PATH, in which @ is written %40, : %3A, / %2F, # %23, ? %3F, % %25)"
)


@dataclass(frozen=True)
class CacheSettings:
    """Where cached values are."""

    redis_url: str | None = setting(
        "REDIS_URL",
        None,
        "Unset: each process caches for itself. Redis or Valkey, shared: redis://USER:PASSWORD@HOST:PORT/DB, rediss:// "
        "with TLS, or unix:///PATH.",
    )


@dataclass(frozen=True)
class RedisAddress:
    """Where it is and who we are there. ``path``: of a unix socket, instead of ``host`` and ``port``."""

    host: str
    port: int
    path: str | None
    tls: bool
    user: str | None
    password: str | None
    database: int

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read it. Raises SettingsError, without any part of what may be a password."""
        try:
            parts = urlsplit(url)
            port = PORT if parts.port is None else parts.port
            unix = parts.scheme == "unix"
            number = parse_qs(parts.query).get("db", [""])[0] if unix else parts.path.strip("/")
            database = int(number or 0)
        except ValueError:
            raise SettingsError(f"{PREFIX}REDIS_URL: {EXPECTED}") from None
        tcp = parts.scheme in ("redis", "rediss") and parts.hostname and not parts.query
        if not (tcp or (unix and parts.path)) or parts.fragment or port == 0 or database < 0:
            raise SettingsError(f"{PREFIX}REDIS_URL: {EXPECTED}")
        user, password = (None if one is None else unquote(one) for one in (parts.username, parts.password))
        path = unquote(parts.path) if unix else None
        return cls(parts.hostname or "", port, path, parts.scheme == "rediss", user or None, password or None, database)

    def __str__(self) -> str:
        """To be shown: without user and password."""
        secret = "***@" if self.user or self.password else ""
        if self.path is not None:
            return f"unix://{secret}{self.path}" + (f"?db={self.database}" if self.database else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{secret}{host}:{self.port}/{self.database}"

    def pool(self, connections: int) -> Any:
        """A pool that connects when it is needed and again whenever it is lost."""
        import txredisapi  # late: who only asks whether it is there needs none of it

        common = {
            "poolsize": connections,
            "reconnect": True,
            "password": self.password,
            "username": self.user,
            "dbid": self.database or None,
        }
        if self.path is not None:
            return txredisapi.lazyUnixConnectionPool(self.path, **common)
        tls = _tls(self.host) if self.tls else False
        return txredisapi.lazyConnectionPool(self.host, self.port, ssl_context_factory=tls, **common)

    def ping(self, within_s: float) -> str | None:
        """Log in, choose the database, ask whether it is there, waiting for each: what is wrong, or None."""
        login = [word for word in (self.user, self.password) if word is not None] if self.password else []
        questions = [["AUTH", *login]] if login else []
        questions += [["SELECT", str(self.database)]] if self.database else []
        try:
            with self._wire(within_s) as wire, wire.makefile("rb") as answers:
                for words in (*questions, ["PING"]):
                    wire.sendall(_written(words))
                    answer = answers.readline(1024)
                    if not answer.startswith(b"+"):
                        return answer.decode(errors="replace").strip() or "it ends the connection"
        except (OSError, ValueError) as error:
            return str(error)
        return None

    def _wire(self, within_s: float) -> socket.socket:
        if self.path is not None:
            wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            wire.settimeout(within_s)
            wire.connect(self.path)
            return wire
        wire = socket.create_connection((self.host, self.port), within_s)
        return ssl.create_default_context().wrap_socket(wire, server_hostname=self.host) if self.tls else wire


def require_url(url: str | None) -> None:
    """Raise SettingsError unless it is the URL of a Redis, or none."""
    if url is not None:
        RedisAddress.parse(url)


def _written(words: list[str]) -> bytes:
    """A command as Redis reads it whatever is in its words (RESP)."""
    texts = [word.encode() for word in words]
    return b"*%d\r\n" % len(texts) + b"".join(b"$%d\r\n%s\r\n" % (len(text), text) for text in texts)


def _tls(host: str) -> Any:
    from twisted.internet.ssl import optionsForClientTLS  # late: most nodes need no TLS

    return optionsForClientTLS(host)
