"""Which push endpoints we talk to: a person's browser names them, so they must not lead into our own network."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from typing import Any, Final, cast
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.interfaces import IResolutionReceiver, IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from zope.interface import implementer

from tutorwamp.kernel.errors import Invalid

NOWHERE: Final = frozenset({"invalid", "test", "local", "localhost", "onion", "internal", "alt"})
"""Names that no resolver of the internet has an answer for (RFC 6761, RFC 6762, RFC 7686, RFC 9476; ICANN 2024)."""

Allowed = Callable[[str], bool]
"""Whether an address may be connected to."""

CONNECT_WITHIN_S: Final = 10.0
"""All addresses of a host together: less than a push may take, for what is given up here is tried again."""
ADDRESSES_AT_MOST: Final = 4
"""Tried, so that each has some seconds."""
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All that IANA has given out of IPv6. Old forms outside it (site-local, IPv4-compatible, NAT64) pass for global."""


def is_public(address: str) -> bool:
    """Neither private nor loopback, link-local, multicast, reserved, nor an IPv4 address of these hidden in IPv6."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        hidden = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        nat64 = found in ipaddress.ip_network("64:ff9b::/96")
        if hidden is not None:
            return is_public(str(hidden))
        if nat64:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if found not in GLOBAL_UNICAST:
            return False
    return found.is_global and not found.is_multicast


def require_endpoint(endpoint: str, *, allowed: Allowed = is_public, schemes: tuple[str, ...] = ("https",)) -> None:
    """Raise Invalid unless this may be a push service's: https, a host, and no address of our own network."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
        fits = parts.scheme in schemes and bool(host) and parts.username is None and port != 0 and endpoint.isascii()
        fits = fits and not any(character.isspace() for character in endpoint)
        literal = _literal(host)
        fits = fits and (allowed(literal) if literal is not None else _may_exist(host))
    except ValueError:
        fits = False
    if not fits:
        raise Invalid("Not a push service.", details=[{"loc": ["endpoint"], "msg": "must be https on a public host"}])


def _may_exist(host: str) -> bool:
    name = host.removesuffix(".")
    return "." in name and name.rpartition(".")[2] not in NOWHERE


def _literal(host: str) -> str | None:
    """The host where it is an address, also in the short and odd forms that resolvers understand."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    if host.replace(".", "").isdigit() or host.startswith("0x"):
        raise ValueError("an address in disguise")
    return None


@implementer(IStreamClientEndpoint)
class CheckedEndpoint:
    """Connects to an address that was looked at, not to a name that may mean another one a moment later.

    A host's addresses are tried one after the other, as long as no connection is made.
    """

    def __init__(self, reactor: Any, host: str, port: int, *, secure: bool, allowed: Allowed) -> None:
        self._reactor = reactor
        self._host, self._port = host, port
        self._secure = secure
        self._allowed = allowed

    def connect(self, protocolFactory: Any) -> Deferred[Any]:  # noqa: N803  # Twisted's name
        """Resolve, look, connect. Fails with DNSLookupError where an address is not allowed, or there is none."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: Any) -> Any:
        addresses = await _resolved(self._reactor, self._host, self._port)
        if not addresses or not all(self._allowed(one.host) for one in addresses):
            raise DNSLookupError(f"{self._host} is no public host")
        tried = _in_turn([str(one.host) for one in addresses])
        failed: ConnectError | None = None
        for address in tried:
            try:
                return await self._endpoint(address, CONNECT_WITHIN_S / len(tried)).connect(factory)
            except ConnectError as error:
                failed = error
        raise failed or AssertionError("unreachable: there is an address")

    def _endpoint(self, address: str, within_s: float) -> Any:
        make: Any = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        endpoint = make(self._reactor, address, self._port, timeout=within_s)
        return wrapClientTLS(optionsForClientTLS(self._host), endpoint) if self._secure else endpoint


def _in_turn(addresses: Sequence[str]) -> list[str]:
    """The resolver's first, then the first of the other family, and so on: all of a family may be broken here."""
    families: dict[bool, list[str]] = {}
    for address in dict.fromkeys(addresses):
        families.setdefault(":" in address, []).append(address)
    return [one for one in chain(*zip_longest(*families.values())) if one is not None][:ADDRESSES_AT_MOST]


def _resolved(reactor: Any, host: str, port: int) -> Deferred[list[Any]]:
    done: Deferred[list[Any]] = Deferred()
    found: list[Any] = []

    @implementer(IResolutionReceiver)
    class Receiver:
        def resolutionBegan(self, resolution: Any) -> None:  # noqa: N802  # Twisted's names
            pass

        def addressResolved(self, address: Any) -> None:  # noqa: N802  # Twisted's name
            found.append(address)

        def resolutionComplete(self) -> None:  # noqa: N802  # Twisted's name
            done.callback(found)

    reactor.nameResolver.resolveHostName(cast("Any", Receiver()), host, port)
    return done
