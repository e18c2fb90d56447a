"""How ``mtproto-bind bind`` gets to a server."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve

from kit.commands import bind_line, error_of
from kit.serving import closed_port, listening, make_loop, running
from mtproto_bind import DataCenter, Framing, Transport
from mtproto_bind_adapters.cli import main
from mtproto_bind_adapters.cli.console import Misuse
from mtproto_bind_adapters.cli.parser import build_parser
from mtproto_bind_adapters.cli.ways import telegrams_own, transport_of
from mtproto_bind_adapters.sync import SyncServer
from mtproto_bind_adapters.websocket import ServerCarrier

Capture = pytest.CaptureFixture[str]
SECRET = "00112233445566778899aabbccddeeff"


def transport(*options: str) -> Transport:
    return transport_of(build_parser().parse_args(["bind", *options]))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], Transport()),
        (["--transport", "full"], Transport(Framing.FULL)),
        (["--obfuscated"], Transport(obfuscated=True)),
        (["--obfuscated", "--transport", "abridged"], Transport(Framing.ABRIDGED, obfuscated=True)),
        (["--secret", SECRET], Transport(obfuscated=True, secret=bytes.fromhex(SECRET))),
        (["--secret", f"dd{SECRET}"], Transport(Framing.PADDED, obfuscated=True, secret=bytes.fromhex(f"dd{SECRET}"))),
        (["--websocket", "ws://h/apiws"], Transport(obfuscated=True)),
        (["--websocket", "ws://h/apiws", "--transport", "padded"], Transport(Framing.PADDED, obfuscated=True)),
    ],
)
def test_a_secret_and_a_websocket_mean_obfuscation(options: list[str], expected: Transport) -> None:
    assert transport(*options) == expected


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--obfuscated", "--transport", "full"], "--transport full: full frames cannot be obfuscated"),
        (
            ["--secret", f"dd{SECRET}", "--transport", "abridged"],
            "--transport abridged: a secret that begins with dd demands padded",
        ),
        (["--secret", "0011"], "--secret: "),
        (["--secret", f"ee{SECRET}61"], "--secret: "),
        (["--websocket", "ws://h/apiws", "--host", "h"], "--host makes no sense with --websocket"),
        (["--websocket", "ws://h/apiws", "--port", "1"], "--port makes no sense with --websocket"),
        (["--websocket", "ws://h/apiws", "--secret", SECRET], "--secret makes no sense with --websocket"),
        (["--websocket", "http://h/"], "--websocket: "),
        (["--websocket", "ws://h/apiws", "--transport", "full"], "--transport full: full frames cannot be obfuscated"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(options: list[str], complaint: str, capsys: Capture) -> None:
    assert main(["bind", *options]) == 2
    err = capsys.readouterr().err
    assert complaint in err
    assert SECRET not in err


def test_without_websockets_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['websockets'] = None; from mtproto_bind_adapters.cli import main"
    run = "sys.exit(main(['bind', '--websocket', 'ws://127.0.0.1:1/apiws']))"
    done = subprocess.run([sys.executable, "-c", f"{code}; {run}"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--websocket: websockets is missing: pip install 'mtproto-bind[websocket]'" in done.stderr


OBFUSCATED = [["--obfuscated", "--transport", framing] for framing in ("abridged", "intermediate", "padded")]


@pytest.mark.parametrize("options", [*OBFUSCATED, ["--transport", "full"]])
def test_keys_are_bound_over_every_transport(
    address: tuple[str, int], public_pem: Path, capsys: Capture, options: list[str]
) -> None:
    assert main(bind_line(address, public_pem, "--json", *options)) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["bound"] is True
    assert f"({options[-1]}{', obfuscated' if '--obfuscated' in options else ''})" in err


@pytest.mark.parametrize("options", [[], ["--transport", "abridged"], ["--transport", "padded"]])
@pytest.mark.parametrize("secret", [SECRET, f"dd{SECRET}"])
def test_keys_are_bound_with_a_secret(public_pem: Path, capsys: Capture, secret: str, options: list[str]) -> None:
    if secret.startswith("dd") and "abridged" in options:
        options = []
    loop = make_loop()
    with running(SyncServer(loop.server, loop._store, on_event=lambda *_event: None, transport=with_secret())) as address:
        assert main(bind_line(address, public_pem, "--json", "--secret", secret, *options)) == 0
        assert main(bind_line(address, public_pem, "--json", "--secret", SECRET[::-1], "--timeout", 0.5)) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first)["bound"] is True
    assert "error" in json.loads(second)
    loop.close()


def with_secret() -> object:
    return Transport.detect(secrets=[bytes.fromhex(SECRET)])


@pytest.fixture
def url() -> object:
    loop = make_loop()
    with running(loop) as (host, _):
        _, port = loop.listen(host, 0, carrier=ServerCarrier)
        yield f"ws://{host}:{port}/apiws"


@pytest.mark.parametrize("framing", ["abridged", "intermediate", "padded"])
def test_keys_are_bound_through_a_websocket(url: str, public_pem: Path, capsys: Capture, framing: str) -> None:
    line = ["bind", "--server-key", str(public_pem), "--json", "--websocket", url, "--transport", framing]
    assert main(line) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["bound"] is True
    assert f"connected to {url} ({framing}, obfuscated)" in err


def websocket_line(host: str, port: int, pem: Path, *more: object) -> list[str]:
    return ["bind", "--websocket", f"ws://{host}:{port}/apiws", "--server-key", str(pem), "--json", *map(str, more)]


def test_a_websocket_where_nobody_listens(public_pem: Path, capsys: Capture) -> None:
    host, port = closed_port()
    assert main(websocket_line(host, port, public_pem)) == 1
    error = error_of(capsys)
    assert error["class"] == "ConnectionRefusedError"
    assert f"expected a WebSocket at ws://{host}:{port}/apiws, came 'connection refused': start the server" in error["text"]


def test_what_a_url_has_besides_is_told_nobody(public_pem: Path, capsys: Capture) -> None:
    host, port = closed_port()
    url = f"ws://user:hunter2@{host}:{port}/apiws?token=hunter3"
    assert main(["bind", "--websocket", url, "--server-key", str(public_pem), "--json"]) == 1
    assert main(["bind", "--websocket", "http://user:hunter2@h/"]) == 2
    out, err = capsys.readouterr()
    assert f"ws://{host}:{port}/apiws" in err
    assert "hunter" not in out + err


def test_a_websocket_that_is_silent(public_pem: Path, capsys: Capture) -> None:
    with listening() as (_, (host, port)):
        assert main(websocket_line(host, port, public_pem, "--timeout", 0.2)) == 1
    assert "nobody answered" in error_of(capsys)["text"]


def test_a_server_that_speaks_no_websocket(address: tuple[str, int], public_pem: Path, capsys: Capture) -> None:
    assert main(websocket_line(*address, public_pem)) == 1
    assert "/apiws, but the TCP stream ended before the WebSocket was open" in error_of(capsys)["text"]


def test_a_name_that_nobody_has(public_pem: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object, **_more: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    assert main(websocket_line("nowhere.invalid", 80, public_pem)) == 1
    assert "expected the address of ws://nowhere.invalid:80/apiws, came none: check --websocket" in error_of(capsys)["text"]


@pytest.mark.parametrize("option", [["--dc", "6"], ["--test", "--dc", "5"], ["--media"]])
def test_where_no_address_is_known_one_has_to_be_given(option: list[str], capsys: Capture) -> None:
    assert main(["bind", *option]) == 2
    assert "give --host" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("dc", "host"),
    [(DataCenter(2), "149.154.167.51"), (DataCenter(5), "149.154.171.5"), (DataCenter(2, test=True), "149.154.167.40")],
)
def test_telegrams_own_addresses(dc: DataCenter, host: str) -> None:
    assert telegrams_own(dc) == host
    with pytest.raises(Misuse):
        telegrams_own(evolve(dc, media=True))
