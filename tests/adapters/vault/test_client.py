"""A vault is asked: what it answers, and everything else that may come."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from kit.serving import PATIENCE, closed_port, listening
from kit.vaults import KEY, make_request, serving_vault
from mtproto_bind import AuthKey, default_crypto, open_binding
from mtproto_bind_adapters.vault import Vault, VaultError, ask_vault, vault_url

OK = b"HTTP/1.0 200 OK\r\n\r\n"


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The URL of a vault that answers one request, with these bytes."""
    with listening() as (listener, (host, port)):

        def serve() -> None:
            stream, _ = listener.accept()
            with stream:
                heard = b""
                while len(heard.partition(b"\r\n\r\n")[2]) < 45:
                    heard += stream.recv(4096)
                stream.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        yield f"http://{host}:{port}/sign"
        thread.join(PATIENCE)


def test_a_vault_answers() -> None:
    request = make_request()
    with serving_vault() as vault:
        sealed = ask_vault(vault.server.url, request)
        assert ask_vault(vault.server.url.removesuffix("/sign"), request) != sealed
    assert open_binding(sealed, KEY, crypto=default_crypto()).nonce == request.nonce
    assert vault.signed == [request, request]


def test_no_proxy_stands_before_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    host, port = closed_port()
    monkeypatch.setenv("http_proxy", f"http://{host}:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    with serving_vault() as vault:
        assert len(ask_vault(vault.server.url, make_request())) == 104


def test_a_vault_that_refuses_says_why() -> None:
    with serving_vault(Vault(AuthKey(bytes(256)))) as vault, pytest.raises(VaultError, match=r"409 .*which is not here$"):
        ask_vault(vault.server.url, make_request())


def test_nobody_is_there() -> None:
    host, port = closed_port()
    with pytest.raises(VaultError, match="connection refused"):
        ask_vault(f"http://{host}:{port}", make_request())


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (OK + bytes(103), "does not have 104 bytes"),
        (OK + bytes(105), "does not have 104 bytes"),
        (OK, "does not have 104 bytes"),
        (OK + bytes(104), "under another permanent key"),
        (b"HTTP/1.0 302 Found\r\nLocation: https://evil.example/\r\n\r\n", "a refusal: 302"),
        (b"HTTP/1.0 500 No\r\n\r\n\x1b[2Jgone\n", r"a refusal: 500  \[2Jgone$"),
        (b"HTTP/1.0 500 No\r\nContent-Length: 9\r\n\r\n", "a refusal: 500$"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 104\r\n\r\n" + bytes(9), "not HTTP|104 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not HTTP"),
    ],
)
def test_what_is_no_sealed_binding(answer: bytes, text: str) -> None:
    with answering(answer) as url, pytest.raises(VaultError, match=text):
        ask_vault(url, make_request())


def test_a_silent_vault_is_not_waited_for() -> None:
    with listening() as (_, (host, port)), pytest.raises(VaultError, match="no answer"):
        ask_vault(f"http://{host}:{port}", make_request(), timeout=0.1)


def test_a_vault_that_drips_is_not_waited_for() -> None:
    """Each byte comes in time, and all of them would take minutes."""
    over = Event()
    with listening() as (listener, (host, port)):

        def drip() -> None:
            stream, _ = listener.accept()
            with stream:
                while not over.wait(0.02):
                    stream.sendall(b"X")

        thread = Thread(target=drip)
        thread.start()
        with pytest.raises(VaultError, match=r"no answer within 0\.3 seconds"):
            ask_vault(f"http://{host}:{port}", make_request(), timeout=0.3)
        over.set()
        thread.join(PATIENCE)


def test_a_name_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_args: object, **_more: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(VaultError, match="name or service not known"):
        ask_vault("https://vault.invalid", make_request())


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8444", "http://127.0.0.1:8444/sign"),
        ("http://localhost:8444/", "http://localhost:8444/sign"),
        ("http://[::1]:1/other", "http://[::1]:1/other"),
        ("https://vault.example", "https://vault.example/sign"),
        ("https://vault.example/a/b?c", "https://vault.example/a/b?c"),
    ],
)
def test_urls(text: str, url: str) -> None:
    assert vault_url(text) == url


@pytest.mark.parametrize(
    "text",
    ["", "127.0.0.1:8444", "http://", "http://vault.example", "http://10.0.0.1", "ftp://127.0.0.1", "file:///etc/passwd",
     "http://127.0.0.1:x", "http://[127.0.0.1", "https://user:word@vault.example", "https://vault.example/a b", "https://v\n.example",
     "https://ü.example"],
)  # fmt: skip
def test_no_urls(text: str) -> None:
    with pytest.raises(ValueError, match="is not the URL of a vault"):
        vault_url(text)
    with pytest.raises(ValueError, match="is not the URL of a vault"):
        ask_vault(text, make_request())
