"""What may go together in a transport."""

from __future__ import annotations

import pytest

from mtproto_bind._wire.framing import Framing
from mtproto_bind._wire.transport import ServerTransport, Transport

SECRET = bytes(range(100, 116))


def test_defaults() -> None:
    assert Transport() == Transport(Framing.INTERMEDIATE, obfuscated=False, secret=None)
    assert Transport.detect() == ServerTransport(tuple(Framing), plain=True, obfuscated=True, secrets=())


def test_a_secret_is_not_shown() -> None:
    transport = Transport(obfuscated=True, secret=SECRET)
    assert "secret=<hidden>" in repr(transport)
    assert "secret=None" in repr(Transport())
    assert repr(SECRET)[2:-1] not in repr(transport) + repr(Transport.detect(secrets=[SECRET]))
    assert "secrets=<1 hidden>" in repr(Transport.detect(secrets=[SECRET]))


def test_a_secret_may_ask_for_padding() -> None:
    assert Transport(Framing.PADDED, obfuscated=True, secret=b"\xdd" + SECRET).key_secret == SECRET
    assert Transport(Framing.ABRIDGED, obfuscated=True, secret=SECRET).key_secret == SECRET
    # sixteen bytes are sixteen bytes
    assert Transport(obfuscated=True, secret=b"\xdd" * 16).key_secret == b"\xdd" * 16
    assert Transport().key_secret is None
    assert Transport.detect(secrets=[b"\xdd" + SECRET, SECRET]).secrets == (SECRET, SECRET)
    with pytest.raises(ValueError, match="demands padded frames"):
        Transport(obfuscated=True, secret=b"\xdd" + SECRET)


@pytest.mark.parametrize("secret", [b"", SECRET[:-1], b"\xde" + SECRET, b"\xdd" + SECRET + b"x", b"\xee" + SECRET])
def test_secrets_of_a_wrong_length(secret: bytes) -> None:
    with pytest.raises(ValueError, match=f"a secret of {len(secret)} bytes"):
        Transport(Framing.PADDED, obfuscated=True, secret=secret)
    with pytest.raises(ValueError, match=f"a secret of {len(secret)} bytes"):
        Transport.detect(secrets=[secret])


def test_fake_tls_is_not_spoken() -> None:
    for domain in (b"x", b"example.org"):
        with pytest.raises(ValueError, match="fake TLS"):
            Transport(Framing.PADDED, obfuscated=True, secret=b"\xee" + SECRET + domain)


def test_what_does_not_go_together() -> None:
    with pytest.raises(ValueError, match="full frames cannot be obfuscated"):
        Transport(Framing.FULL, obfuscated=True)
    with pytest.raises(ValueError, match="only an obfuscated stream has a secret"):
        Transport(secret=SECRET)


def test_what_a_server_awaits_of_a_given_transport() -> None:
    plain = Transport(Framing.FULL).awaited()
    assert plain == ServerTransport((Framing.FULL,), plain=True, obfuscated=False)
    hidden = Transport(Framing.ABRIDGED, obfuscated=True, secret=SECRET).awaited()
    assert hidden == ServerTransport((Framing.ABRIDGED,), plain=False, secrets=(SECRET,))
    assert Transport.detect([Framing.PADDED], obfuscated_only=True) == ServerTransport((Framing.PADDED,), plain=False)
