"""Secrets of proxies, as people write them."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind import Framing, Transport, parse_secret
from mtproto_bind._wire.secret import key_of

PLAIN = bytes.fromhex("ff00fbef3e81c7a59d0b27de41f8e3fa")
"""In base64 it has both of the digits that differ between the alphabets."""
PADDED = b"\xdd" + PLAIN
DOMAIN = b"example.org"

FORMS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "HEX": lambda secret: secret.hex().upper(),
    "base64": lambda secret: base64.b64encode(secret).decode(),
    "base64url": lambda secret: base64.urlsafe_b64encode(secret).decode(),
    "base64 unfilled": lambda secret: base64.b64encode(secret).decode().rstrip("="),
    "base64url unfilled": lambda secret: base64.urlsafe_b64encode(secret).decode().rstrip("="),
    "between blanks": lambda secret: f" {secret.hex()}\n",
}
EVERY_FORM = pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)


@EVERY_FORM
@pytest.mark.parametrize("secret", [PLAIN, PADDED, bytes(16), b"\xdd" * 16, b"\xdd" * 17, b"\xee" * 16])
def test_every_form(write: Callable[[bytes], str], secret: bytes) -> None:
    assert parse_secret(write(secret)) == secret


def test_the_forms_differ() -> None:
    assert len({write(PLAIN) for write in FORMS.values()}) == len(FORMS)


@given(st.sampled_from(sorted(FORMS)), st.binary(min_size=16, max_size=16), st.booleans())
def test_any_secret(form: str, key: bytes, padded: bool) -> None:
    secret = b"\xdd" + key if padded else key
    assert parse_secret(FORMS[form](secret)) == secret
    assert key_of(secret) == key


def test_what_it_gives_goes_into_a_transport() -> None:
    assert Transport(Framing.PADDED, obfuscated=True, secret=parse_secret(PADDED.hex())).key_secret == PLAIN
    with pytest.raises(ValueError, match="demands padded frames"):
        Transport(Framing.ABRIDGED, obfuscated=True, secret=parse_secret(PADDED.hex()))


@EVERY_FORM
@pytest.mark.parametrize("domain", [b"x", DOMAIN, b"d" * 182])
def test_fake_tls_is_named(write: Callable[[bytes], str], domain: bytes) -> None:
    with pytest.raises(ValueError, match="a secret for fake TLS"):
        parse_secret(write(b"\xee" + PLAIN + domain))


@EVERY_FORM
@pytest.mark.parametrize("secret", [PLAIN[:15], b"\xde" + PLAIN, b"\xee" + PLAIN, PADDED + b"x", PLAIN * 2])
def test_wrong_lengths(write: Callable[[bytes], str], secret: bytes) -> None:
    with pytest.raises(ValueError, match=f"a secret of {len(secret)} bytes; 16 are needed, or dd and 16"):
        parse_secret(write(secret))


NO_SECRETS = ["no secret!", PLAIN.hex()[:-1] + "g!", "A", "AAAA=AAAA", "\u00e9" * 32, "ff 00" * 8, "tg://proxy?secret=00"]


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_is_no_secret(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"^no proxy secret: 16 bytes are expected, or dd and 16, written in hex, base64url or b"
    ):
        parse_secret(text)


@pytest.mark.parametrize("text", ["", " "])
def test_nothing_is_no_secret(text: str) -> None:
    with pytest.raises(ValueError, match="a secret of 0 bytes"):
        parse_secret(text)


@given(st.text(max_size=60).map("{}?".format) | st.sampled_from([write(PLAIN + b"more") for write in FORMS.values()]))
def test_an_error_tells_nothing_of_the_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"secret") as caught:
        parse_secret(text)
    assert caught.value.__context__ is None
    assert len(text) < 8 or text.strip() not in str(caught.value)
