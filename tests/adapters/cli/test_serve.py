"""``mtproto-bind serve``: as a program, with signals, and from within."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest

from kit.commands import bind_line, started
from kit.keys import SERVER_KEY_PEM
from kit.serving import PATIENCE, listening, make_driver
from mtproto_bind import DataCenter
from mtproto_bind_adapters.cli import main
from mtproto_bind_adapters.cli.parser import build_parser
from mtproto_bind_adapters.cli.serve import data_center
from mtproto_bind_adapters.sync import CallUnanswered, SyncServer

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "server.pem"
    path.write_text(SERVER_KEY_PEM)
    return path


def line(pem: Path, *more: object) -> list[str]:
    return ["serve", "--listen", "127.0.0.1:0", "--private-key", str(pem), *map(str, more)]


def next_event(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line of a server that runs with ``--json``."""
    if process.stdout is None:
        raise ValueError("its output is not ours to read")
    return dict(json.loads(process.stdout.readline()))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_stops_it_cleanly(pem: Path, number: int, code: int) -> None:
    with started(*line(pem, "--json")) as process:
        event = next_event(process)
        assert (event["event"], event["carrier"], event["host"]) == ("listening", "tcp", "127.0.0.1")
        with make_driver((event["host"], event["port"])) as driver:
            bound = driver.wait_bound(PATIENCE)
            key_id, permanent_key_id = f"{bound.key_id:016x}", f"{bound.permanent_key_id:016x}"
            assert next_event(process) == {"event": "key_created", "kind": "permanent", "key_id": permanent_key_id}
            assert next_event(process) == {"event": "key_created", "kind": "temporary", "key_id": key_id}
            names = {"temporary_key_id": key_id, "permanent_key_id": permanent_key_id}
            assert next_event(process) == {"event": "key_bound", **names}
            os.kill(process.pid, number)
            out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert json.loads(out) == {"event": "stopped"}
    assert err.splitlines()[-1] == ("stopped" if code == 0 else "mtproto-bind: interrupted")


def test_whoever_reads_where_it_listens_may_stop_it_at_once(pem: Path) -> None:
    for _ in range(5):
        with started(*line(pem, "--json")) as process:
            next_event(process)
            os.kill(process.pid, signal.SIGTERM)
            out, _ = process.communicate(timeout=PATIENCE)
        assert (process.returncode, json.loads(out)) == (0, {"event": "stopped"})


def test_websockets_are_served_beside_tcp_and_a_secret_is_demanded_there_alone(
    pem: Path, public_pem: Path, capsys: Capture
) -> None:
    """Plain TCP and WebSockets know no secret; obfuscated TCP does."""
    secret, other = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"
    with started(*line(pem, "--json", "--websocket", "127.0.0.1:0", "--secret", secret, "--secret", f"dd{other}")) as process:
        tcp, websocket = next_event(process), next_event(process)
        assert (tcp["carrier"], websocket["carrier"]) == ("tcp", "websocket")
        address = (tcp["host"], tcp["port"])
        good = [[], ["--secret", secret], ["--secret", f"dd{other}"], ["--secret", other]]
        for options in good:
            assert main(bind_line(address, public_pem, *options)) == 0
        url = f"ws://{websocket['host']}:{websocket['port']}/apiws"
        assert main(["bind", "--websocket", url, "--server-key", str(public_pem)]) == 0
        assert main(bind_line(address, public_pem, "--obfuscated", "--timeout", 0.5)) == 1
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert capsys.readouterr().out.count("bound, until") == len(good) + 1


def test_without_websockets_it_says_what_to_install(pem: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mtproto_bind_adapters.websocket", None)
    assert main(line(pem, "--websocket", "127.0.0.1:0")) == 2
    assert "mtproto-bind: --websocket: " in capsys.readouterr().err


def test_a_websocket_address_in_use_is_said(pem: Path, capsys: Capture) -> None:
    with listening() as (_, (host, port)):
        assert main(line(pem, "--json", "--websocket", f"{host}:{port}")) == 1
    assert "choose another address with --websocket" in capsys.readouterr().err


class Lines(StringIO):
    """A stdout whose lines another thread can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: Queue[str] = Queue()

    def write(self, text: str) -> int:
        self.lines.put(text)
        return len(text)


def serve_and_call(
    pem: Path, monkeypatch: pytest.MonkeyPatch, calls: list[bytes], *more: object, ending: int = signal.SIGTERM
) -> list[Any]:
    """What a server in this very thread answers, while a client in another calls; then a signal."""
    output, answers = Lines(), []

    def call_all() -> None:
        try:
            address = output.lines.get(timeout=PATIENCE).split()
            with make_driver((address[2], int(address[4]))) as driver:
                for call in calls:
                    try:
                        answers.append(driver.call(call, PATIENCE))
                    except CallUnanswered as error:
                        answers.append(error.reason)
        finally:
            os.kill(os.getpid(), ending)

    monkeypatch.setattr(sys, "stdout", output)
    caller = Thread(target=call_all)
    caller.start()
    before = signal.getsignal(ending)
    assert main(line(pem, *more)) == (130 if ending == signal.SIGINT else 0)
    assert signal.getsignal(ending) is before
    caller.join(PATIENCE)
    return answers


def test_it_answers_what_real_clients_ask(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    get_config, get_nearest_dc, get_users = b"\x6b\x18\xf9\xc4", b"\x26\x30\xb3\x1f", b"\x48\xa5\x91\x0d"
    calls = [get_config, get_nearest_dc, get_users, b"\1\2\3\4"]
    config, nearest, stranger, error = serve_and_call(pem, monkeypatch, calls, "--dc", 2)
    assert config[:4] == (0xCC1A241E).to_bytes(4, "little")
    assert nearest == bytes.fromhex("75171a8e 02585800 02000000 02000000")
    assert (stranger.code, stranger.message) == (401, "AUTH_KEY_UNREGISTERED")
    assert (error.code, error.message) == (400, "INPUT_METHOD_INVALID")


def test_it_serves_any_data_centre_unless_told(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = serve_and_call(pem, monkeypatch, [b"\x26\x30\xb3\x1f"], ending=signal.SIGINT)
    assert len(answers) == 1


def test_a_refused_client_is_told_of(pem: Path) -> None:
    with started(*line(pem, "--json", "--dc", 4)) as process:
        event = next_event(process)
        with make_driver((event["host"], event["port"])) as driver:
            driver.next_event(PATIENCE)
            dropped = next_event(process)
    assert (dropped["event"], dropped["check"]) == ("client_dropped", "DATA_CENTER")


# ---- usage


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--secret", "00"], "--secret: "),
        (["--test"], "give --dc too"),
        (["--media"], "give --dc too"),
    ],
)
def test_what_cannot_be_is_said(pem: Path, capsys: Capture, more: list[str], complaint: str) -> None:
    assert main(line(pem, *more)) == 2
    assert complaint in capsys.readouterr().err


def test_a_data_centre_is_what_the_options_say(pem: Path) -> None:
    def of(*more: object) -> DataCenter | None:
        return data_center(build_parser().parse_args(line(pem, *more)))

    assert of() is None
    assert of("--dc", 2) == DataCenter(2)
    assert of("--dc", 2, "--test", "--media") == DataCenter(2, test=True, media=True)


def test_a_public_key_is_no_key_for_a_server(tmp_path: Path, pem: Path, capsys: Capture) -> None:
    other = tmp_path / "public.pem"
    assert main(["genkey", "--out", str(tmp_path / "new.pem")]) == 0
    other.write_text(capsys.readouterr().out.split("\n", 1)[1])
    assert main(line(other)) == 2
    assert "expected a PEM private key (-----BEGIN RSA PRIVATE KEY-----), got a public key" in capsys.readouterr().err


def test_an_address_in_use_is_said(pem: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_use(_loop: SyncServer, _host: str, _port: int, **_more: object) -> tuple[str, int]:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(SyncServer, "listen", in_use)
    assert main(line(pem, "--json")) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["class"] == "OSError"
    assert "came Address already in use: choose another address with --listen" in err
