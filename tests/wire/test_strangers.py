"""What other protocols begin with."""

from __future__ import annotations

import pytest

from kit.streams import numbered
from kit.vectors import load
from mtproto_bind._wire.framing import Framing
from mtproto_bind._wire.strangers import FORBIDDEN_STARTS, instead_of_answer, instead_of_client


def test_the_published_list() -> None:
    published = {bytes.fromhex(entry["prefix"]) for entry in load("obfuscated2_forbidden_starts") if "prefix" in entry}
    assert published == FORBIDDEN_STARTS.keys() | {framing.tag for framing in Framing if framing.tag}


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"PUT /api HTTP/1.1", "an HTTP request"),
        (b"PATCH /api", "an HTTP request"),
        (b"DELETE /api", "an HTTP request"),
        (b"TRACE /api", "an HTTP request"),
        (b"CONNECT host:443", "an HTTP request"),
        (b"PRI * HTTP/2.0", "an HTTP/2 preface"),
        (b"HTTP/1.1 400 Bad Request", "an HTTP response"),
        (b"SSH-2.0-OpenSSH_9.6", "an SSH banner"),
        (b"PROXY TCP4 127.0.0.1", "a PROXY protocol header"),
        (b"\r\n\r\n\0\r\nQUIT\n", "a PROXY protocol header"),
        (bytes.fromhex("16030100f0010000ec0303"), "a TLS ClientHello"),
        (bytes.fromhex("1603030705010007010303"), "a TLS ClientHello"),
        (bytes.fromhex("1603040705010007010303"), "a TLS ClientHello"),
        (bytes.fromhex("160301000a02000006"), None),
        (bytes.fromhex("160305000a01000006"), None),
        (bytes(16), None),
    ],
)
def test_instead_of_a_client(start: bytes, name: str | None) -> None:
    assert instead_of_client(start[:8]) == name


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"HTTP/1.1 400 Bad Request", "an HTTP response"),
        (b"SSH-2.0-OpenSSH_9.6", "an SSH banner"),
        (bytes.fromhex("15030300020228"), "a TLS alert"),
        (bytes.fromhex("15030100020246"), "a TLS alert"),
        (bytes.fromhex("15030400020246"), "a TLS alert"),
        (bytes.fromhex("15030500020246"), None),
        (bytes.fromhex("15030100030246"), None),
        (bytes(16), None),
    ],
)
def test_instead_of_an_answer(start: bytes, name: str | None) -> None:
    assert instead_of_answer(start[:5]) == name


def test_hardly_anything_is_a_stranger() -> None:
    draw = numbered("strangers")
    starts = [draw(8) for _ in range(2000)]
    assert {instead_of_client(start) for start in starts} == {None}
    assert {instead_of_answer(start[:5]) for start in starts} == {None}
