"""What every process of a node must agree on: its folder, its ports, its key, and whom it trusts."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tutorwamp.kernel.private_files import write_new_private
from tutorwamp.kernel.settings import PREFIX, Network, Port, SettingsError, setting

SECRET_KEY_BYTES_AT_LEAST: Final = 32


@dataclass(frozen=True)
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
    public_url: str | None = setting(
        "PUBLIC_URL",
        None,
        "Where people reach the page, https://tutor.school.example: links in mails and invitations begin with it. "
        "Unset: this machine's own address, which only this machine can follow.",
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

    @property
    def page_url(self) -> str:
        """Where the page is, without a slash at the end; never as a request says it (``Host`` is anybody's)."""
        return self.public_url.rstrip("/") if self.public_url is not None else f"http://127.0.0.1:{self.port}"

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


def require_public_url(url: str | None) -> None:
    """Raise SettingsError unless links can begin with it: http or https, a host, at most a path."""
    if url is None:
        return
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        fits = fits and parts.username is None and not parts.query and not parts.fragment
    except ValueError:
        fits = False
    if not fits or not url.isascii() or not url.isprintable() or " " in url:
        raise SettingsError(f"{PREFIX}PUBLIC_URL: https://HOST or https://HOST/PATH is expected")
