"""``mtproto-bind bind``, against servers good and bad."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from kit.commands import bind_line, error_of, started
from kit.keys import ZERO_DIGIT_KEY_PEM
from kit.serving import DC, PATIENCE, SERVER_KEY, closed_port, listening, make_loop, running
from mtproto_bind import (
    AuthKey,
    Binding,
    BindRequested,
    DataCenter,
    KeyEnd,
    KeyExpired,
    KeyVerdict,
    PeerTimedOut,
    PermanentKey,
    PrivateKey,
    Question,
    Server,
    ServerConfig,
    TransportEnded,
    TransportErrorReceived,
)
from mtproto_bind_adapters.cli import bind as bind_module
from mtproto_bind_adapters.cli import main
from mtproto_bind_adapters.cli.bind import Run
from mtproto_bind_adapters.cli.console import Console, Failure
from mtproto_bind_adapters.cli.keyfile import KeyFile
from mtproto_bind_adapters.cli.parser import build_parser
from mtproto_bind_adapters.cli.serve import data_center
from mtproto_bind_adapters.cli.timeline import Plain, Timeline
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.sync import SyncServer

ENDED = KeyVerdict(end=KeyEnd.EXPIRED, why="its time is up", key_age=1.0, clock_certain=True, retry_at=2.0)

Capture = pytest.CaptureFixture[str]
FLAGS: list[list[str]] = [[], ["--test"], ["--media"], ["--test", "--media"]]
CLIENTS_KEY = PermanentKey(key=AuthKey(bytes(range(256))))


@pytest.mark.parametrize("transport", ["abridged", "intermediate", "padded", "full"])
def test_json_tells_the_keys(address: tuple[str, int], public_pem: Path, capsys: Capture, transport: str) -> None:
    assert main(bind_line(address, public_pem, "--json", "--transport", transport)) == 0
    out, err = capsys.readouterr()
    values = json.loads(out)
    names = "permanent_key_id temporary_key_id bound expires_at server_salt time_offset round_trips seconds"
    assert list(values) == names.split()
    assert values["bound"] is True
    for name in ("permanent_key_id", "temporary_key_id", "server_salt"):
        assert len(values[name]) == 16
    assert abs(values["time_offset"]) < 5
    assert values["round_trips"] == 7
    assert f"permanent key {values['permanent_key_id']} made" in err
    assert f"temporary key {values['temporary_key_id']} bound" in err


def test_without_json_a_person_reads_every_step(address: tuple[str, int], public_pem: Path, capsys: Capture) -> None:
    assert main(bind_line(address, public_pem)) == 0
    out, err = capsys.readouterr()
    handshake = [
        "-> req_pq_multi",
        "<- resPQ",
        "-> req_DH_params",
        "<- server_DH_params_ok",
        "-> set_client_DH_params",
        "<- dh_gen_ok",
    ]
    steps = [re.sub(r"^ *\d+ ms  client  (?:(<-|->) +\d+ bytes )? *", r"\1 ", line).strip() for line in out.splitlines()]
    sizes = {way: [int(size) for size in re.findall(rf"{way} +(\d+) bytes", out)] for way in ("->", "<-")}
    assert f"{sum(sizes['->'])} sent, {sum(sizes['<-'])} received" in out
    assert [step if step[0] in "<-" else " ".join(step.split()[:2]) for step in steps] == [
        "connected to",
        *handshake,
        "permanent key",
        *handshake,
        "temporary key",
        "-> auth.bindTempAuthKey",
        "<- rpc_result",
        "temporary key",
        "-> sealed messages",
        "permanent key",
        "temporary key",
        "bound yes",
        "round trips",
        f"bytes {sum(sizes['->'])}",
        f"time {steps[-1].split()[1]}",
    ]
    assert err == ""


def test_both_keys_may_be_made_and_not_bound(address: tuple[str, int], public_pem: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "key"
    assert main(bind_line(address, public_pem, "--no-bind", "--json", "--save-permanent-key", path)) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["bound"] is False
    assert len(values["server_salt"]) == 16
    assert len(values["temporary_key_id"]) == 16
    key = KeyFile.read(path).key
    assert f"{key.key.id:016x}" == values["permanent_key_id"]
    assert key.last_bound_at is None


def test_a_key_that_was_saved_is_used_again(address: tuple[str, int], public_pem: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "key"
    assert main(bind_line(address, public_pem, "--save-permanent-key", path)) == 0
    first = KeyFile.read(path)
    assert first.dc == DC
    capsys.readouterr()
    assert main(bind_line(address, public_pem, "--permanent-key", path, "--save-permanent-key", path, "--json")) == 0
    again = KeyFile.read(path)
    assert json.loads(capsys.readouterr().out)["permanent_key_id"] == f"{first.key.key.id:016x}"
    assert again.key.key == first.key.key
    assert again.key.created_at == first.key.created_at
    assert first.key.last_bound_at is not None
    assert again.key.last_bound_at is not None
    assert again.key.last_bound_at > first.key.last_bound_at
    assert not path.with_name("key.new").exists()


def test_a_key_of_raw_bytes_is_used(address: tuple[str, int], public_pem: Path, tmp_path: Path, capsys: Capture) -> None:
    saved, raw = tmp_path / "key", tmp_path / "raw"
    assert main(bind_line(address, public_pem, "--save-permanent-key", saved)) == 0
    raw.write_bytes(KeyFile.read(saved).key.key.reveal())
    assert main(bind_line(address, public_pem, "--permanent-key", raw)) == 0
    assert "bound" in capsys.readouterr().out


# ---- what the server does wrong


@contextmanager
def answering(respond: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """A server of another kind: takes one stream after another, and does with each what it is told."""
    with listening() as (listener, address):

        def serve() -> None:
            while True:
                stream, _ = listener.accept()
                with stream:
                    if not stream.recv(4096):
                        return
                    respond(stream)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield address
        finally:
            socket.create_connection(address).close()
            thread.join(PATIENCE)


def test_a_closed_port(public_pem: Path, capsys: Capture) -> None:
    host, port = closed_port()
    assert main(bind_line((host, port), public_pem, "--json")) == 1
    error = error_of(capsys)
    assert error["class"] == "ConnectionRefusedError"
    assert f"{host} port {port}, came 'connection refused': start it" in error["text"]


def test_a_silent_server(public_pem: Path, capsys: Capture) -> None:
    with listening() as (_, address):
        assert main(bind_line(address, public_pem, "--json", "--timeout", 0.1)) == 1
    error = error_of(capsys)
    assert error["class"] == "PeerTimedOut"
    assert "within 0.1 s, came nothing: is it an MTProto server?" in error["text"]


def test_a_server_with_another_key(address: tuple[str, int], tmp_path: Path, capsys: Capture) -> None:
    other = tmp_path / "other.pem"
    other.write_text(PrivateKey.from_pem(ZERO_DIGIT_KEY_PEM).public.to_pem())
    assert main(bind_line(address, other, "--json")) == 1
    error = error_of(capsys)
    assert (error["class"], error["check"]) == ("SecurityError", "TRUSTED_KEY")
    assert f"{SERVER_KEY.public.fingerprint:016x}" in error["text"]
    assert "--server-key" in error["text"]


def test_without_a_key_it_is_telegrams_that_is_trusted(address: tuple[str, int], capsys: Capture) -> None:
    host, port = address
    assert main(["bind", "--host", host, "--port", str(port), "--json"]) == 1
    assert error_of(capsys)["check"] == "TRUSTED_KEY"


@pytest.mark.parametrize("wanted", FLAGS)
@pytest.mark.parametrize("served", FLAGS)
def test_test_and_media(served: list[str], wanted: list[str], public_pem: Path, tmp_path: Path, capsys: Capture) -> None:
    """The data centre that the options of ``serve`` name takes what those of ``bind`` ask for, if it serves that."""
    options = ["serve", "--listen", "127.0.0.1:0", "--private-key", "-", "--dc", "2", *served]
    dc = data_center(build_parser().parse_args(options))
    server = Server(ServerConfig(private_keys=(SERVER_KEY,), dc=dc))
    store = MemoryStore()
    saved = tmp_path / "key.json"
    with running(SyncServer(server, store, on_event=lambda *_event: None)) as address:
        code = main(bind_line(address, public_pem, "--json", "--save-permanent-key", saved, "--timeout", PATIENCE, *wanted))
    asked = DataCenter(2, test="--test" in wanted, media="--media" in wanted)
    assert dc is not None
    if not dc.serves(asked):
        assert code == 1
        assert "-444" in error_of(capsys)["text"]
        return
    assert code == 0
    values = json.loads(capsys.readouterr().out)
    permanent, temporary = int(values["permanent_key_id"], 16), int(values["temporary_key_id"], 16)
    assert store.bound_to(permanent, media=asked.media) == temporary
    assert store.bound_to(permanent, media=not asked.media) is None
    assert KeyFile.read(saved).dc == asked


@pytest.mark.parametrize("other", [["--dc", "4"], ["--test"]])
def test_another_data_centre(address: tuple[str, int], public_pem: Path, capsys: Capture, other: list[str]) -> None:
    assert main(bind_line(address, public_pem, "--json", *other)) == 1
    error = error_of(capsys)
    assert error["class"] == "TransportErrorReceived"
    assert "-444: the server is another data centre; check --dc, --test and --media" in error["text"]


@pytest.mark.parametrize("transport", ["abridged", "intermediate"])
def test_an_http_server(public_pem: Path, capsys: Capture, transport: str) -> None:
    def refuse(stream: socket.socket) -> None:
        stream.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with answering(refuse) as address:
        assert main(bind_line(address, public_pem, "--json", "--transport", transport)) == 1
    assert "an HTTP response" in error_of(capsys)["text"]


def test_a_server_that_hangs_up(public_pem: Path, capsys: Capture) -> None:
    with answering(lambda _stream: None) as address:
        assert main(bind_line(address, public_pem, "--json", "--timeout", 0.3)) == 1
    error = error_of(capsys)
    assert error["class"] == "StreamLost"
    assert "the server closed the stream without one" in error["text"]
    assert error["text"].endswith("gave up after 0.3 s")


def test_a_server_that_goes_away(public_pem: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bind_module, "REDIAL_DELAY", 0.01)
    with listening() as (listener, address):

        def once() -> None:
            stream, _ = listener.accept()
            listener.close()
            stream.close()

        thread = Thread(target=once)
        thread.start()
        assert main(bind_line(address, public_pem, "--json", "--timeout", 1.5)) == 1
        thread.join(PATIENCE)
    error = error_of(capsys)
    assert "came 'connection refused'" in error["text"]
    assert error["text"].endswith("gave up after 1.5 s")


def test_a_timeout_that_passed_while_dialling(public_pem: Path, capsys: Capture) -> None:
    assert main(bind_line(closed_port(), public_pem, "--json", "--timeout", 1e-9)) == 1
    assert error_of(capsys)["class"] == "PeerTimedOut"


class Unwilling(MemoryStore):
    """A store that binds nothing."""

    def answer(self, question: Question[Any], now: float) -> Any:
        return Binding.REFUSED if isinstance(question, BindRequested) else super().answer(question, now)


def unwilling_loop() -> SyncServer:
    loop = make_loop()
    loop._store = Unwilling()
    return loop


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_server_that_does_not_bind(public_pem: Path, capsys: Capture, attempts: int) -> None:
    with running(unwilling_loop()) as address:
        assert main(bind_line(address, public_pem, "--json", "--attempts", attempts)) == 1
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert (error["class"], error["check"]) == ("BindRefused", "BIND_RESULT")
    assert err.count("expected the keys to be bound") == attempts


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_permanent_key_that_the_server_does_not_know(
    address: tuple[str, int], public_pem: Path, tmp_path: Path, capsys: Capture, attempts: int
) -> None:
    path = tmp_path / "key"
    KeyFile(key=CLIENTS_KEY, dc=DC).write(path)
    assert main(bind_line(address, public_pem, "--json", "--permanent-key", path, "--attempts", attempts)) == 1
    out, _ = capsys.readouterr()
    assert "ENCRYPTED_MESSAGE_INVALID" in json.loads(out)["error"]["text"]
    assert KeyFile.read(path).key == CLIENTS_KEY


def test_what_does_not_matter_is_passed_over(public_pem: Path) -> None:
    run = Run(
        build_parser().parse_args(bind_line(closed_port(), public_pem)),
        Console(as_json=True),
        Timeline(Plain(lambda _line: None)),
    )
    assert run._reaches_goal(KeyExpired(key_id=1, verdict=ENDED)) is False


def test_a_stream_that_falls_silent_is_no_failed_try(public_pem: Path, capsys: Capture) -> None:
    run = Run(
        build_parser().parse_args(bind_line(closed_port(), public_pem)),
        Console(as_json=True),
        Timeline(Plain(lambda _line: None)),
    )
    assert run._reaches_goal(TransportEnded(error=PeerTimedOut("answer", 15), retry_at=0.0)) is False
    with pytest.raises(Failure):
        run._reaches_goal(TransportEnded(error=TransportErrorReceived(-429), retry_at=0.0))
    assert "dialling again" in capsys.readouterr().err


# ---- key files


def test_a_failed_run_leaves_the_old_key_alone(public_pem: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "key"
    KeyFile(key=CLIENTS_KEY, dc=DC).write(path)
    before = path.read_bytes()
    with running(unwilling_loop()) as address:
        assert main(bind_line(address, public_pem, "--save-permanent-key", path)) == 1
    assert "permanent key" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["key", "public.pem"]


def test_a_good_run_replaces_the_old_key(address: tuple[str, int], public_pem: Path, tmp_path: Path) -> None:
    path = tmp_path / "key"
    KeyFile(key=CLIENTS_KEY, dc=DC).write(path)
    assert main(bind_line(address, public_pem, "--save-permanent-key", path)) == 0
    assert KeyFile.read(path).key.key != CLIENTS_KEY.key
    assert sorted(one.name for one in tmp_path.iterdir()) == ["key", "public.pem"]


def test_a_new_key_is_there_though_the_binding_failed(public_pem: Path, tmp_path: Path) -> None:
    path = tmp_path / "key"
    with running(unwilling_loop()) as address:
        assert main(bind_line(address, public_pem, "--save-permanent-key", path)) == 1
    assert KeyFile.read(path).key.last_bound_at is None
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_of_another_data_centre_is_refused(public_pem: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "key"
    KeyFile(key=CLIENTS_KEY, dc=DataCenter(4)).write(path)
    assert main(bind_line(closed_port(), public_pem, "--permanent-key", path)) == 2
    assert "belongs to DataCenter(id=4" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--permanent-key", "--server-key"])
def test_a_file_of_the_wrong_kind_is_wrong_usage(public_pem: Path, tmp_path: Path, capsys: Capture, option: str) -> None:
    path = tmp_path / "key"
    path.write_text("hello")
    assert main(bind_line(closed_port(), public_pem, option, path)) == 2
    assert f"mtproto-bind: {path}" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["none/key", "."])
def test_a_place_where_nothing_can_be_written_is_wrong_usage(
    public_pem: Path, tmp_path: Path, capsys: Capture, where: str
) -> None:
    assert main(bind_line(closed_port(), public_pem, "--save-permanent-key", tmp_path / where)) == 2
    assert "cannot be written: check its folder" in capsys.readouterr().err


def test_a_key_that_cannot_be_saved_is_not_used(
    address: tuple[str, int], public_pem: Path, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "key"
    path.touch()
    (tmp_path / "key.new").mkdir()
    assert main(bind_line(address, public_pem, "--save-permanent-key", path, "--json")) == 1
    assert "cannot be written" in json.loads(capsys.readouterr().out)["error"]["text"]


# ---- usage


def test_sigint_is_130(public_pem: Path) -> None:
    with listening() as (listener, address), started(*bind_line(address, public_pem)) as process:
        stream, _ = listener.accept()
        with stream:
            assert stream.recv(1)
            os.kill(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == "mtproto-bind: interrupted\n"
