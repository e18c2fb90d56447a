"""The vault over HTTP: what it answers, and everything that it refuses."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from kit.serving import PATIENCE
from kit.vaults import KEY, Witnessed, http, make_request, serving_vault
from mtproto_bind import BindingRequest, default_crypto, open_binding
from mtproto_bind_adapters.vault import Vault, VaultServer, web_origin
from mtproto_bind_adapters.vault import server as server_module

ORIGIN = "https://chat.example"
NO_ORIGIN = "is not the origin of a web page"


def test_a_request_is_sealed() -> None:
    request = make_request()
    with serving_vault() as vault:
        status, headers, body = vault.exchange(http(request.to_bytes(), Content_Type="application/octet-stream"))
        assert (status, headers["content-type"], headers["content-length"]) == (200, "application/octet-stream", "104")
        assert headers["cache-control"] == "no-store"
        assert not [name for name in headers if name.startswith("access-control")]
        assert headers["server"] == "mtproto-bind"
        assert open_binding(body, KEY, crypto=default_crypto()).msg_id == request.msg_id
        assert (vault.signed, vault.refused) == ([request], [])


GOOD = make_request().to_bytes()

REFUSED = {
    "GET": (http(method="GET"), 405, "only POST"),
    "HEAD": (http(method="HEAD"), 405, "only POST"),
    "another method": (http(GOOD, method="BREW"), 405, "only POST"),
    "another path": (http(GOOD, path="/"), 404, "nothing but /sign"),
    "a query": (http(GOOD, path="/sign?key"), 404, "nothing but /sign"),
    "no host": (http(GOOD, Host=None), 403, "Host"),
    "a name that leads to loopback": (http(GOOD, Host="rebound.example:80"), 403, "Host"),
    "a host that hides another": (http(GOOD, Host="127.0.0.1@rebound.example"), 403, "Host"),
    "a host with a path": (http(GOOD, Host="127.0.0.1/rebound.example"), 403, "Host"),
    "a host that is none": (http(GOOD, Host="[127.0.0.1"), 403, "Host"),
    "two hosts": (http(GOOD, Host="127.0.0.1\r\nHost: rebound.example"), 403, "Host"),
    "a web page": (http(GOOD, Origin="https://evil.example"), 403, "web pages"),
    "a page without a name": (http(GOOD, Origin="null"), 403, "web pages"),
    "a page on loopback": (http(GOOD, Origin="http://127.0.0.1:1"), 403, "web pages"),
    "a preflight": (http(method="OPTIONS", Origin=ORIGIN), 403, "web pages"),
    "OPTIONS of no page": (http(method="OPTIONS"), 403, "Origin"),
    "no length": (http(GOOD, Content_Length=None), 411, "Content-Length"),
    "chunks": (http(b"0\r\n\r\n", Content_Length=None, Transfer_Encoding="chunked"), 411, "Transfer-Encoding"),
    "chunks with a length": (http(GOOD, Transfer_Encoding="chunked"), 411, "Transfer-Encoding"),
    "a length that is none": (http(GOOD, Content_Length="many"), 400, "no number"),
    "less than nothing": (http(GOOD, Content_Length="-1"), 400, "no number"),
    "two lengths": (http(GOOD, Content_Length="45\r\nContent-Length: 44"), 400, "no number"),
    "too much": (http(bytes(257)), 413, "no more than 256 bytes"),
    "far too much": (http(bytes(5000)), 413, "no more than 256 bytes"),
    "a length of many digits": (http(GOOD, Content_Length="9" * 5000), 413, "no more than 256 bytes"),
    "nothing": (http(b""), 400, "no binding request"),
    "something else": (http(bytes(256)), 400, "no binding request"),
    "another version": (http(b"\2" + GOOD[1:]), 400, "version"),
    "another key": (http(make_request(perm_auth_key_id=1).to_bytes()), 409, "0000000000000001, which is not here"),
    "a time long gone": (http(make_request(expires_at=1).to_bytes()), 400, "ended"),
    "a time far ahead": (http(make_request(expires_at=(1 << 31) - 1).to_bytes()), 400, "would hold for"),
    "no HTTP": (b"hello\r\n\r\n", 400, "no HTTP request"),
    "HTTP of a later day": (b"POST /sign HTTP/9.0\r\n\r\n", 505, "no HTTP request"),
    "an endless line": (b"POST /" + bytes([65]) * 70000 + b"\r\n\r\n", 414, "no HTTP request"),
}


@pytest.fixture(scope="module")
def closed_vault() -> Iterator[Witnessed]:
    """One that no web page may use."""
    with serving_vault() as vault:
        yield vault


@pytest.mark.parametrize(("data", "status", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(closed_vault: Witnessed, data: bytes, status: int, why: str) -> None:
    closed_vault.refused.clear()
    found, headers, body = closed_vault.exchange(data)
    assert found == status
    [told] = closed_vault.refused
    assert why in told
    assert body == (b"" if data.startswith(b"HEAD") else f"{told}\n".encode())
    assert headers.get("allow") == ("POST, OPTIONS" if status == 405 else None)
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert "access-control-allow-origin" not in headers
    assert not closed_vault.signed


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8444", "127.0.0.1", "[::1]:8444"])
def test_every_name_of_loopback_will_do(closed_vault: Witnessed, host: str) -> None:
    status, _, body = closed_vault.exchange(http(GOOD, Host=host))
    assert (status, len(body)) == (200, 104)
    closed_vault.signed.clear()


# ---- web pages


def test_the_page_that_may_ask() -> None:
    with serving_vault(origin=ORIGIN) as vault:
        asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Private_Network": "true"}
        status, headers, body = vault.exchange(http(method="OPTIONS", Origin=ORIGIN, Content_Length=None, **asked))
        assert (status, body) == (204, b"")
        allowed = {name.removeprefix("access-control-allow-"): value for name, value in headers.items() if "allow" in name}
        assert allowed == {"origin": ORIGIN, "methods": "POST", "headers": "content-type", "private-network": "true"}
        assert headers["vary"] == "Origin"
        status, headers, body = vault.exchange(http(GOOD, Origin=ORIGIN))
        assert (status, len(body), headers["access-control-allow-origin"]) == (200, 104, ORIGIN)
        # the page may read why it is refused
        status, headers, _ = vault.exchange(http(b"", Origin=ORIGIN))
        assert (status, headers["access-control-allow-origin"]) == (400, ORIGIN)
        # what is no page may ask as well
        assert vault.exchange(http(GOOD))[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "http://chat.example", "https://chat.example:444", "null", ""])
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_any_other_page(origin: str, method: str) -> None:
    with serving_vault(origin=ORIGIN) as vault:
        status, headers, _ = vault.exchange(http(GOOD, method=method, Origin=origin))
        assert (status, headers["access-control-allow-origin"]) == (403, ORIGIN)
        status, _, _ = vault.exchange(http(GOOD, method=method, Origin=f"{ORIGIN}\r\nOrigin: {origin}"))
        assert status == 403
        assert not vault.signed


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://chat.example", "https://chat.example"),
        ("https://Chat.Example:443/", "https://chat.example"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_written_as_browsers_do(url: str, origin: str) -> None:
    assert web_origin(url) == origin


@pytest.mark.parametrize(
    "url",
    ["", "*", "null", "chat.example", "ftp://chat.example", "https://", "https://h/page", "https://h?q", "https://h#f", "https://u@h",
     "https://h:x", "https://h:999999", "https://ü.example", "https://h\r\nX: y"],
)  # fmt: skip
def test_what_is_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match=NO_ORIGIN):
        web_origin(url)
    with pytest.raises(ValueError, match=NO_ORIGIN):
        VaultServer(Vault(KEY), origin=url)


# ---- where it listens, and for how long


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "vault.example"])
def test_nothing_but_loopback(host: str) -> None:
    with pytest.raises(ValueError, match="is not loopback, and whoever can reach a vault can have it sign"):
        VaultServer(Vault(KEY), host)


@pytest.mark.parametrize(("host", "name"), [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1")])
def test_an_address_is_picked(host: str, name: str) -> None:
    with VaultServer(Vault(KEY), host) as server:
        assert server.address == (name, server.server_address[1])
        assert server.url == f"http://{name}:{server.address[1]}/sign"


def test_an_address_of_ipv6_stands_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[object] = []
    # so that it says something on a machine without IPv6 too
    monkeypatch.setattr(VaultServer, "server_bind", lambda server: bound.append((server.address_family, server.server_address)))
    monkeypatch.setattr(VaultServer, "server_activate", lambda _server: None)
    monkeypatch.setattr(VaultServer, "address", ("::1", 8444))
    with VaultServer(Vault(KEY), "::1", 8444) as server:
        assert bound == [(socket.AF_INET6, ("::1", 8444))]
        assert server.url == "http://[::1]:8444/sign"


def test_an_address_in_use() -> None:
    with VaultServer(Vault(KEY)) as server, pytest.raises(OSError, match="in use"):
        VaultServer(Vault(KEY), *server.address)


def test_a_server_that_is_told_to_stop_before_it_runs() -> None:
    server = VaultServer(Vault(KEY))
    server.stop()
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    server.close()


# ---- clients that are slow, gone, or many


def test_a_body_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "DEADLINE", 0.1)
    with serving_vault() as vault:
        status, _, _ = vault.exchange(http(GOOD[:-1], Content_Length="45"))
        assert status == 408
        assert vault.refused == ["the request did not come within 0.1 seconds"]


def test_a_body_that_is_cut_off() -> None:
    with serving_vault() as vault:
        with socket.create_connection(vault.server.address, PATIENCE) as stream:
            stream.sendall(http(GOOD[:-1], Content_Length="45"))
            stream.shutdown(socket.SHUT_WR)
            assert stream.recv(4096).startswith(b"HTTP/1.0 400 ")
        assert vault.refused == ["the request was cut off"]


def test_a_client_that_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "DEADLINE", 0.1)
    with serving_vault() as vault:
        with socket.create_connection(vault.server.address, PATIENCE) as stream:
            assert stream.recv(1) == b""
        assert not vault.refused


def test_a_client_that_speaks_slowly_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline is for all of it, not for each byte."""
    monkeypatch.setattr(server_module, "DEADLINE", 0.3)
    with serving_vault() as vault, socket.create_connection(vault.server.address, PATIENCE) as stream:
        stream.settimeout(0.02)
        heard = None
        for _ in range(1000):
            stream.sendall(b"X")
            try:
                heard = stream.recv(1)
            except TimeoutError:
                continue
            break
        assert heard == b""


def test_a_client_that_is_gone_before_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    def gone(_request: BindingRequest) -> None:
        raise ConnectionResetError

    with serving_vault() as vault:
        vault.server.on_signed = gone
        assert b"HTTP" not in vault.exchange_raw(http(GOOD))
        vault.server.on_signed = vault.signed.append
        assert vault.exchange(http(GOOD))[0] == 200
    assert capsys.readouterr().err == ""


def test_a_silent_client_does_not_keep_others_out() -> None:
    with serving_vault() as vault, socket.create_connection(vault.server.address):
        assert vault.exchange(http(GOOD))[0] == 200


def test_who_comes_on_top_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MANY", 1)
    with serving_vault() as vault:
        with socket.create_connection(vault.server.address) as first:
            first.sendall(b"POST")
            assert vault.exchange_raw(http(GOOD)) == b""
        # the one that was there is gone, and there is room again
        while not vault.exchange_raw(http(GOOD)):
            pass
        assert vault.signed


def test_many_are_served_at_once() -> None:
    answers: list[int] = []
    with serving_vault() as vault:
        threads = [Thread(target=lambda: answers.append(vault.exchange(http(GOOD))[0])) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert answers == [200] * 20
    assert len(vault.signed) == 20
