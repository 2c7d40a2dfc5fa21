"""TLS before a server that has none itself: a certificate of the test's own, and an entrance that decrypts."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST: Final = "localhost"
VALID_FOR: Final = timedelta(days=1)
CHUNK: Final = 65_536
POLL_S: Final = 0.05


def make_certificate(folder: Path) -> Path:
    """A new key with a certificate for this machine that it has signed itself; the file with both.

    Whoever is given the file by ``SSL_CERT_FILE`` trusts it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST), x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + VALID_FOR)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    path = folder / "certificate.pem"
    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(own + certificate.public_bytes(Encoding.PEM))
    return path


class TlsEntrance:
    """Listens on ``port`` with the certificate, and passes all on to a unix socket or a port of this machine, and back.

    It lives in threads of its own, so that it works while a test waits for a process.
    """

    def __init__(self, certificate: Path, behind: Path | int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server = _Server(context, behind)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True).start()

    def close(self) -> None:
        """Take nobody in any more."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, context: ssl.SSLContext, behind: Path | int) -> None:
        self.context = context
        self.behind = behind
        super().__init__(("127.0.0.1", 0), _Visit)

    def handle_error(self, *_: object) -> None:
        """Who is not trusted, or goes without a word, is no fault here."""


class _Visit(BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        with (
            self.server.context.wrap_socket(self.request, server_side=True) as outer,
            _connected(self.server.behind) as inner,
        ):
            while True:
                ready = [outer] if outer.pending() else select.select([outer, inner], [], [])[0]
                for one in ready:
                    came = one.recv(CHUNK)
                    if not came:
                        return
                    (inner if one is outer else outer).sendall(came)


def _connected(behind: Path | int) -> socket.socket:
    if isinstance(behind, int):
        return socket.create_connection(("127.0.0.1", behind))
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(behind))
    return made
