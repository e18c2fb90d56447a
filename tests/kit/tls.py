"""TLS in front of a server on loopback, under a certificate that is made for the test."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mtproto_bind_adapters.sync import dial

NAME = "localhost"


class TlsServer:
    """Takes one TLS stream after another, and carries what is inside to ``address``."""

    def __init__(self, address: tuple[str, int], folder: Path) -> None:
        self.certificate = folder / "tls.pem"
        write_certificate(self.certificate)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate)
        self._address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._run)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._listener.getsockname()
        return host, port

    def trust(self) -> ssl.SSLContext:
        """For a client that takes this certificate, and no other."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                with self._context.wrap_socket(near, server_side=True) as inside, dial(*self._address) as far:
                    carry_both_ways(inside, far)


def carry_both_ways(near: ssl.SSLSocket, far: socket.socket) -> None:
    """Until either end has had enough."""
    near.settimeout(None)
    far.settimeout(None)
    down = Thread(target=carry, args=(far, near))
    down.start()
    carry(near, far)
    down.join()


def carry(source: socket.socket, target: socket.socket) -> None:
    """Until the source ends; then both do."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            socket.socket.shutdown(end, socket.SHUT_RDWR)


def write_certificate(path: Path) -> None:
    """A key and a certificate that it has signed itself, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(NAME), x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
