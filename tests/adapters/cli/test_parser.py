"""The options of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtproto_bind_adapters.cli.parser import build_parser


def test_bind_has_defaults_for_everything() -> None:
    options = build_parser().parse_args(["bind"])
    assert (options.host, options.port, options.dc, options.test, options.media) == (None, None, 2, False, False)
    assert (options.transport, options.timeout, options.attempts, options.expires_in) == (None, 30.0, 1, 86400)
    assert (options.server_key, options.permanent_key, options.save_permanent_key) == (None, None, None)
    assert (options.no_bind, options.json, options.obfuscated) == (False, False, False)
    assert (options.secret, options.websocket) == (None, None)
    assert (options.vault, options.permanent_key_id) == (None, None)


def test_bind_takes_all_that_it_promises() -> None:
    line = (
        "bind --host h --port 1 --dc 4 --test --media --server-key a.pem --server-key b.pem --transport abridged --obfuscated "
        "--secret 00 --websocket ws://h --permanent-key k --save-permanent-key s --expires-in 60 --timeout 1.5 --attempts 3 "
        "--no-bind --json"
    )
    options = build_parser().parse_args(line.split())
    assert (options.host, options.port, options.dc, options.test, options.media) == ("h", 1, 4, True, True)
    assert options.server_key == [Path("a.pem"), Path("b.pem")]
    assert (options.permanent_key, options.save_permanent_key) == (Path("k"), Path("s"))
    assert (options.transport, options.timeout, options.attempts, options.expires_in) == ("abridged", 1.5, 3, 60)
    assert options.no_bind
    assert options.json


def test_bind_with_a_vault_takes_the_id_of_its_key() -> None:
    options = build_parser().parse_args(["bind", "--vault", "http://[::1]:1", "--permanent-key-id", "0AdA403eC925428d"])
    assert (options.vault, options.permanent_key_id) == ("http://[::1]:1", 0x0ADA403EC925428D)


def test_sign_takes_all_that_it_promises() -> None:
    options = build_parser().parse_args(["sign", "--permanent-key", "k", "--listen", "127.0.0.1:0"])
    assert (options.permanent_key, options.listen, options.origin, options.json) == (Path("k"), ("127.0.0.1", 0), None, False)
    options = build_parser().parse_args(
        ["sign", "--permanent-key", "k", "--listen", "[::1]:1", "--origin", "https://h", "--json"]
    )
    assert (options.listen, options.origin, options.json) == (("::1", 1), "https://h", True)


@pytest.mark.parametrize("name", ["--private-key", "--server-key"])
def test_serve_knows_its_key_by_two_names(name: str) -> None:
    options = build_parser().parse_args(["serve", "--listen", "127.0.0.1:0", name, "k.pem"])
    assert options.private_key == [Path("k.pem")]
    assert options.listen == ("127.0.0.1", 0)
    assert (options.store, options.secret, options.websocket) == ("memory", None, None)
    assert (options.permanent_store, options.reuse_port) == (None, False)


def test_serve_takes_websockets_and_secrets_too() -> None:
    line = "serve --listen 127.0.0.1:0 --private-key k --websocket [::1]:80 --secret 00 --secret 11"
    options = build_parser().parse_args(line.split())
    assert (options.websocket, options.secret) == (("::1", 80), ["00", "11"])


@pytest.mark.parametrize(
    ("text", "address"),
    [("h:1", ("h", 1)), ("[::1]:65535", ("::1", 65535)), (":0", ("", 0)), ("127.0.0.1:443", ("127.0.0.1", 443))],
)
def test_an_address_is_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert build_parser().parse_args(["serve", "--private-key", "k", "--listen", text]).listen == address


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "required: COMMAND"),
        ("sing", "invalid choice: 'sing'"),
        ("bind --port 0", "'0' is not a number from 1 to 65535"),
        ("bind --port x", "'x' is not a number from 1 to 65535"),
        ("bind --dc 1000", "'1000' is not a number from 1 to 999"),
        ("bind --timeout 0", "'0' is not a number of seconds"),
        ("bind --timeout x", "'x' is not a number of seconds"),
        ("bind --timeout inf", "'inf' is not a number of seconds"),
        ("bind --timeout nan", "'nan' is not a number of seconds"),
        ("bind --attempts 0", "'0' is not a number from 1 to 100"),
        ("bind --expires-in 86401", "'86401' is not a number from 60 to 86400"),
        ("bind --transport carrier-pigeon", "invalid choice: 'carrier-pigeon'"),
        ("bind --permanent-key-id 1", "'1' is not the id of a key: expected 16 hex digits"),
        ("bind --permanent-key-id 0x1234567890abcd", "is not the id of a key"),
        ("bind --permanent-key-id 1234567890abcdeg", "is not the id of a key"),
        ("sign --listen 127.0.0.1:0", "required: --permanent-key"),
        ("sign --permanent-key k", "required: --listen"),
        ("serve --listen h:1", "required: --private-key/--server-key"),
        ("serve --private-key k", "required: --listen"),
        ("serve --private-key k --listen h:1 --websocket ws://h", "'ws://h' is not HOST:PORT"),
        ("serve --private-key k --listen 443", "'443' is not HOST:PORT"),
        ("serve --private-key k --listen h:", "'h:' is not HOST:PORT"),
        ("serve --private-key k --listen h:65536", "'h:65536' is not HOST:PORT"),
        ("serve --private-key k --listen h:²", "'h:²' is not HOST:PORT"),
    ],
)
def test_what_makes_no_sense_is_said(line: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args(line.split())
    assert end.value.code == 2
    assert complaint in capsys.readouterr().err
