"""``mtproto-bind bind``, against servers good and bad."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from attrs import evolve

from kit.commands import started
from kit.keys import ZERO_DIGIT_KEY_PEM
from kit.serving import DC, PATIENCE, SERVER_KEY, closed_port, listening, make_loop, running
from kit.vaults import serving_vault
from mtproto_bind import (
    AuthKey,
    Binding,
    BindingRequest,
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
from mtproto_bind_adapters.cli.bind import Run, telegrams_own
from mtproto_bind_adapters.cli.console import Console, Failure, Misuse
from mtproto_bind_adapters.cli.keyfile import KeyFile
from mtproto_bind_adapters.cli.parser import build_parser
from mtproto_bind_adapters.cli.serve import data_center
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.sync import SyncServer
from mtproto_bind_adapters.vault import Vault, VaultError, ask_vault

ENDED = KeyVerdict(end=KeyEnd.EXPIRED, why="its time is up", key_age=1.0, clock_certain=True, retry_at=2.0)

Capture = pytest.CaptureFixture[str]
FLAGS: list[list[str]] = [[], ["--test"], ["--media"], ["--test", "--media"]]
CLIENTS_KEY = PermanentKey(key=AuthKey(bytes(range(256))))


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with running(make_loop()) as found:
        yield found


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "public.pem"
    path.write_text(SERVER_KEY.public.to_pem())
    return path


def line(address: tuple[str, int], pem: Path, *more: object) -> list[str]:
    """A command line that trusts our server."""
    host, port = address
    return ["bind", "--host", host, "--port", str(port), "--server-key", str(pem), *map(str, more)]


def error_of(capsys: Capture) -> dict[str, Any]:
    """The error on the last line of stdout; and the same text is on the last line of stderr."""
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert err.splitlines()[-1] == f"mtproto-bind: {error['text']}"
    assert error["text"].startswith("expected ")
    assert dict(error)["text"].count("\n") == 0
    return dict(error)


@pytest.mark.parametrize("transport", ["abridged", "intermediate", "padded", "full"])
def test_json_tells_the_keys(address: tuple[str, int], pem: Path, capsys: Capture, transport: str) -> None:
    assert main(line(address, pem, "--json", "--transport", transport)) == 0
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


def test_without_json_a_person_reads_it(address: tuple[str, int], pem: Path, capsys: Capture) -> None:
    assert main(line(address, pem)) == 0
    out, err = capsys.readouterr()
    assert [text.split(" ms  ")[1].split()[0] for text in out.splitlines()] == [
        "connected",
        "permanent",
        "temporary",
        "temporary",
    ]
    assert err == ""


def test_both_keys_may_be_made_and_not_bound(address: tuple[str, int], pem: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "key"
    assert main(line(address, pem, "--no-bind", "--json", "--save-permanent-key", path)) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["bound"] is False
    assert len(values["server_salt"]) == 16
    assert len(values["temporary_key_id"]) == 16
    key = KeyFile.read(path).key
    assert f"{key.key.id:016x}" == values["permanent_key_id"]
    assert key.last_bound_at is None


def test_a_key_that_was_saved_is_used_again(address: tuple[str, int], pem: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "key"
    assert main(line(address, pem, "--save-permanent-key", path)) == 0
    first = KeyFile.read(path)
    assert first.dc == DC
    capsys.readouterr()
    assert main(line(address, pem, "--permanent-key", path, "--save-permanent-key", path, "--json")) == 0
    again = KeyFile.read(path)
    assert json.loads(capsys.readouterr().out)["permanent_key_id"] == f"{first.key.key.id:016x}"
    assert again.key.key == first.key.key
    assert again.key.created_at == first.key.created_at
    assert first.key.last_bound_at is not None
    assert again.key.last_bound_at is not None
    assert again.key.last_bound_at > first.key.last_bound_at
    assert not path.with_name("key.new").exists()


def test_a_key_of_raw_bytes_is_used(address: tuple[str, int], pem: Path, tmp_path: Path, capsys: Capture) -> None:
    saved, raw = tmp_path / "key", tmp_path / "raw"
    assert main(line(address, pem, "--save-permanent-key", saved)) == 0
    raw.write_bytes(KeyFile.read(saved).key.key.reveal())
    assert main(line(address, pem, "--permanent-key", raw)) == 0
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


def test_a_closed_port(pem: Path, capsys: Capture) -> None:
    host, port = closed_port()
    assert main(line((host, port), pem, "--json")) == 1
    error = error_of(capsys)
    assert error["class"] == "ConnectionRefusedError"
    assert f"{host} port {port}, came 'connection refused': start it" in error["text"]


def test_a_silent_server(pem: Path, capsys: Capture) -> None:
    with listening() as (_, address):
        assert main(line(address, pem, "--json", "--timeout", 0.1)) == 1
    error = error_of(capsys)
    assert error["class"] == "PeerTimedOut"
    assert "within 0.1 s, came nothing: is it an MTProto server?" in error["text"]


def test_a_server_with_another_key(address: tuple[str, int], tmp_path: Path, capsys: Capture) -> None:
    other = tmp_path / "other.pem"
    other.write_text(PrivateKey.from_pem(ZERO_DIGIT_KEY_PEM).public.to_pem())
    assert main(line(address, other, "--json")) == 1
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
def test_test_and_media(served: list[str], wanted: list[str], pem: Path, tmp_path: Path, capsys: Capture) -> None:
    """The data centre that the options of ``serve`` name takes what those of ``bind`` ask for, if it serves that."""
    options = ["serve", "--listen", "127.0.0.1:0", "--private-key", "-", "--dc", "2", *served]
    dc = data_center(build_parser().parse_args(options))
    server = Server(ServerConfig(private_keys=(SERVER_KEY,), dc=dc))
    store = MemoryStore()
    saved = tmp_path / "key.json"
    with running(SyncServer(server, store, on_event=lambda *_event: None)) as address:
        code = main(line(address, pem, "--json", "--save-permanent-key", saved, "--timeout", PATIENCE, *wanted))
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
def test_another_data_centre(address: tuple[str, int], pem: Path, capsys: Capture, other: list[str]) -> None:
    assert main(line(address, pem, "--json", *other)) == 1
    error = error_of(capsys)
    assert error["class"] == "TransportErrorReceived"
    assert "-444: the server is another data centre; check --dc, --test and --media" in error["text"]


@pytest.mark.parametrize("transport", ["abridged", "intermediate"])
def test_an_http_server(pem: Path, capsys: Capture, transport: str) -> None:
    def refuse(stream: socket.socket) -> None:
        stream.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with answering(refuse) as address:
        assert main(line(address, pem, "--json", "--transport", transport)) == 1
    assert "an HTTP response" in error_of(capsys)["text"]


def test_a_server_that_hangs_up(pem: Path, capsys: Capture) -> None:
    with answering(lambda _stream: None) as address:
        assert main(line(address, pem, "--json", "--timeout", 0.3)) == 1
    error = error_of(capsys)
    assert error["class"] == "StreamLost"
    assert "the server closed the stream without one" in error["text"]
    assert error["text"].endswith("gave up after 0.3 s")


def test_a_server_that_goes_away(pem: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bind_module, "REDIAL_DELAY", 0.01)
    with listening() as (listener, address):

        def once() -> None:
            stream, _ = listener.accept()
            listener.close()
            stream.close()

        thread = Thread(target=once)
        thread.start()
        assert main(line(address, pem, "--json", "--timeout", 1.5)) == 1
        thread.join(PATIENCE)
    error = error_of(capsys)
    assert "came 'connection refused'" in error["text"]
    assert error["text"].endswith("gave up after 1.5 s")


def test_a_timeout_that_passed_while_dialling(pem: Path, capsys: Capture) -> None:
    assert main(line(closed_port(), pem, "--json", "--timeout", 1e-9)) == 1
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
def test_a_server_that_does_not_bind(pem: Path, capsys: Capture, attempts: int) -> None:
    with running(unwilling_loop()) as address:
        assert main(line(address, pem, "--json", "--attempts", attempts)) == 1
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert (error["class"], error["check"]) == ("BindRefused", "BIND_RESULT")
    assert err.count("expected the keys to be bound") == attempts


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_permanent_key_that_the_server_does_not_know(
    address: tuple[str, int], pem: Path, tmp_path: Path, capsys: Capture, attempts: int
) -> None:
    path = tmp_path / "key"
    KeyFile(key=CLIENTS_KEY, dc=DC).write(path)
    assert main(line(address, pem, "--json", "--permanent-key", path, "--attempts", attempts)) == 1
    out, _ = capsys.readouterr()
    assert "ENCRYPTED_MESSAGE_INVALID" in json.loads(out)["error"]["text"]
    assert KeyFile.read(path).key == CLIENTS_KEY


def test_what_does_not_matter_is_passed_over(pem: Path) -> None:
    run = Run(build_parser().parse_args(line(closed_port(), pem)), Console(as_json=True))
    assert run._reaches_goal(KeyExpired(key_id=1, verdict=ENDED)) is False


def test_a_stream_that_falls_silent_is_no_failed_try(pem: Path, capsys: Capture) -> None:
    run = Run(build_parser().parse_args(line(closed_port(), pem)), Console(as_json=True))
    assert run._reaches_goal(TransportEnded(error=PeerTimedOut("answer", 15), retry_at=0.0)) is False
    with pytest.raises(Failure):
        run._reaches_goal(TransportEnded(error=TransportErrorReceived(-429), retry_at=0.0))
    assert "dialling again" in capsys.readouterr().err


# ---- key files


def test_a_failed_run_leaves_the_old_key_alone(pem: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "key"
    KeyFile(key=CLIENTS_KEY, dc=DC).write(path)
    before = path.read_bytes()
    with running(unwilling_loop()) as address:
        assert main(line(address, pem, "--save-permanent-key", path)) == 1
    assert "permanent key" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["key", "public.pem"]


def test_a_good_run_replaces_the_old_key(address: tuple[str, int], pem: Path, tmp_path: Path) -> None:
    path = tmp_path / "key"
    KeyFile(key=CLIENTS_KEY, dc=DC).write(path)
    assert main(line(address, pem, "--save-permanent-key", path)) == 0
    assert KeyFile.read(path).key.key != CLIENTS_KEY.key
    assert sorted(one.name for one in tmp_path.iterdir()) == ["key", "public.pem"]


def test_a_new_key_is_there_though_the_binding_failed(pem: Path, tmp_path: Path) -> None:
    path = tmp_path / "key"
    with running(unwilling_loop()) as address:
        assert main(line(address, pem, "--save-permanent-key", path)) == 1
    assert KeyFile.read(path).key.last_bound_at is None
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_of_another_data_centre_is_refused(pem: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "key"
    KeyFile(key=CLIENTS_KEY, dc=DataCenter(4)).write(path)
    assert main(line(closed_port(), pem, "--permanent-key", path)) == 2
    assert "belongs to DataCenter(id=4" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--permanent-key", "--server-key"])
def test_a_file_of_the_wrong_kind_is_wrong_usage(pem: Path, tmp_path: Path, capsys: Capture, option: str) -> None:
    path = tmp_path / "key"
    path.write_text("hello")
    assert main(line(closed_port(), pem, option, path)) == 2
    assert f"mtproto-bind: {path}" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["none/key", "."])
def test_a_place_where_nothing_can_be_written_is_wrong_usage(pem: Path, tmp_path: Path, capsys: Capture, where: str) -> None:
    assert main(line(closed_port(), pem, "--save-permanent-key", tmp_path / where)) == 2
    assert "cannot be written: check its folder" in capsys.readouterr().err


def test_a_key_that_cannot_be_saved_is_not_used(address: tuple[str, int], pem: Path, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "key"
    path.touch()
    (tmp_path / "key.new").mkdir()
    assert main(line(address, pem, "--save-permanent-key", path, "--json")) == 1
    assert "cannot be written" in json.loads(capsys.readouterr().out)["error"]["text"]


# ---- with a vault


@pytest.fixture
def key_id(address: tuple[str, int], pem: Path, tmp_path: Path, capsys: Capture) -> str:
    """Of a permanent key that the server knows."""
    assert main(line(address, pem, "--save-permanent-key", tmp_path / "key", "--no-bind", "--json")) == 0
    return str(json.loads(capsys.readouterr().out)["permanent_key_id"])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bind_module, "VAULT_DELAY", 0.01)
    monkeypatch.setattr(bind_module, "VAULT_PATIENCE", 0.2)


def with_vault(url: str, key_id: str) -> list[str]:
    return ["--vault", url, "--permanent-key-id", key_id]


def vault_in(folder: Path) -> Vault:
    return Vault(KeyFile.read(folder / "key").key.key)


def test_a_vault_seals_the_binding(address: tuple[str, int], pem: Path, tmp_path: Path, key_id: str, capsys: Capture) -> None:
    with serving_vault(vault_in(tmp_path)) as vault:
        assert main(line(address, pem, *with_vault(vault.server.url, key_id), "--json")) == 0
    out, err = capsys.readouterr()
    values = json.loads(out)
    assert (values["bound"], values["permanent_key_id"]) == (True, key_id)
    [signed] = vault.signed
    assert f"{signed.temp_auth_key_id:016x}" == values["temporary_key_id"]
    assert "asking the vault" in err


@pytest.mark.usefixtures("impatient")
def test_a_vault_that_comes_late_is_asked_again(
    address: tuple[str, int], pem: Path, tmp_path: Path, key_id: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question stays open and the stream alive while it is not there."""
    tries = []

    def ask(url: str, request: BindingRequest, *, timeout: float) -> bytes:
        tries.append(request)
        if len(tries) < bind_module.VAULT_TRIES:
            raise VaultError("no answer")
        return ask_vault(url, request, timeout=timeout)

    monkeypatch.setattr(bind_module, "ask_vault", ask)
    monkeypatch.setattr(bind_module, "VAULT_PATIENCE", PATIENCE)
    with serving_vault(vault_in(tmp_path)) as vault:
        assert main(line(address, pem, *with_vault(vault.server.url, key_id), "--json")) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["bound"] is True
    assert len(tries) == bind_module.VAULT_TRIES
    assert len(set(tries)) == 1, "the same question"
    assert err.count("; asking again") == bind_module.VAULT_TRIES - 1
    assert err.count("connected to") == 1


@pytest.mark.usefixtures("impatient")
def test_a_vault_that_is_not_there(address: tuple[str, int], pem: Path, key_id: str, capsys: Capture) -> None:
    host, port = closed_port()
    assert main(line(address, pem, *with_vault(f"http://{host}:{port}", key_id), "--json")) == 1
    error = error_of(capsys)
    assert error["class"] == "VaultError"
    assert f"from the vault at http://{host}:{port}/sign, came connection refused: start it" in error["text"]


@pytest.mark.usefixtures("impatient")
def test_a_vault_that_is_silent(address: tuple[str, int], pem: Path, key_id: str, capsys: Capture) -> None:
    with listening() as (_, (host, port)):
        assert main(line(address, pem, *with_vault(f"http://{host}:{port}", key_id), "--json")) == 1
    assert "came no answer" in error_of(capsys)["text"]


def test_a_vault_that_is_silent_for_longer_than_the_run(
    address: tuple[str, int], pem: Path, key_id: str, capsys: Capture
) -> None:
    with listening() as (_, (host, port)):
        assert main(line(address, pem, *with_vault(f"http://{host}:{port}", key_id), "--json", "--timeout", "1.5")) == 1
    text = error_of(capsys)["text"]
    assert text.endswith("gave up after 1.5 s")
    assert "from the vault" in text


@pytest.mark.usefixtures("impatient")
def test_a_vault_that_has_another_key(address: tuple[str, int], pem: Path, key_id: str, capsys: Capture) -> None:
    with serving_vault(Vault(CLIENTS_KEY.key)) as vault:
        assert main(line(address, pem, *with_vault(vault.server.url, key_id), "--json")) == 1
    assert f"came a refusal: 409 the request names permanent key {key_id}, which is not here" in error_of(capsys)["text"]


@pytest.mark.usefixtures("impatient")
def test_a_vault_that_answers_nonsense(address: tuple[str, int], pem: Path, key_id: str, capsys: Capture) -> None:
    with running(make_loop()) as (host, port):
        assert main(line(address, pem, *with_vault(f"http://{host}:{port}", key_id), "--json")) == 1
    assert error_of(capsys)["class"] == "VaultError"


def test_a_pause_between_two_tries_ends_with_the_time_of_the_run(
    address: tuple[str, int], pem: Path, key_id: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bind_module, "VAULT_DELAY", PATIENCE)
    host, port = closed_port()
    assert main(line(address, pem, *with_vault(f"http://{host}:{port}", key_id), "--json", "--timeout", "1.5")) == 1
    assert "connection refused" in json.loads(capsys.readouterr().out)["error"]["text"]


def test_a_key_that_the_server_does_not_know(address: tuple[str, int], pem: Path, capsys: Capture) -> None:
    """No permanent key is given up, and none is made."""
    with serving_vault(Vault(CLIENTS_KEY.key)) as vault:
        more = with_vault(vault.server.url, f"{CLIENTS_KEY.key.id:016x}")
        assert main(line(address, pem, *more, "--json", "--attempts", 3)) == 1
    assert "ENCRYPTED_MESSAGE_INVALID" in json.loads(capsys.readouterr().out)["error"]["text"]


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--permanent-key", "k"], "--permanent-key makes no sense with --vault"),
        (["--save-permanent-key", "k"], "--save-permanent-key makes no sense with --vault"),
        (["--no-bind"], "--no-bind makes no sense with --vault"),
        (["--vault", "http://vault.example"], "--vault: 'http://vault.example' is not the URL of a vault: beyond loopback"),
        (["--vault", "nowhere"], "--vault: 'nowhere' is not the URL of a vault"),
    ],
)
def test_what_makes_no_sense_with_a_vault(pem: Path, capsys: Capture, more: list[str], complaint: str) -> None:
    assert main(line(closed_port(), pem, *with_vault("http://127.0.0.1:1", "0" * 16), *more)) == 2
    assert complaint in capsys.readouterr().err


def test_a_vault_and_its_key_are_named_together(pem: Path, capsys: Capture) -> None:
    assert main(line(closed_port(), pem, "--vault", "http://127.0.0.1:1")) == 2
    assert "--vault needs --permanent-key-id" in capsys.readouterr().err
    assert main(line(closed_port(), pem, "--permanent-key-id", "0" * 16)) == 2
    assert "give --vault too" in capsys.readouterr().err


# ---- usage


@pytest.mark.parametrize("option", [["--obfuscated"], ["--secret", "00"], ["--websocket", "ws://h"]])
def test_what_is_not_there_yet_is_said(option: list[str], capsys: Capture) -> None:
    assert main(["bind", *option]) == 2
    assert f"{option[0]} is not there yet" in capsys.readouterr().err


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


def test_sigint_is_130(pem: Path) -> None:
    with listening() as (listener, address), started(*line(address, pem)) as process:
        stream, _ = listener.accept()
        with stream:
            assert stream.recv(1)
            os.kill(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == "mtproto-bind: interrupted\n"
