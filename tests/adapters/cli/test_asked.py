"""``mtproto-bind bind --vault``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit.commands import bind_line, error_of
from kit.serving import PATIENCE, closed_port, listening, make_loop, running
from kit.vaults import serving_vault
from mtproto_bind import AuthKey, BindingRequest
from mtproto_bind_adapters.cli import asked as asked_module
from mtproto_bind_adapters.cli import main
from mtproto_bind_adapters.cli.keyfile import KeyFile
from mtproto_bind_adapters.vault import Vault, VaultError, ask_vault

Capture = pytest.CaptureFixture[str]
CLIENTS_KEY = AuthKey(bytes(range(256)))


@pytest.fixture
def key_id(address: tuple[str, int], public_pem: Path, tmp_path: Path, capsys: Capture) -> str:
    """Of a permanent key that the server knows."""
    assert main(bind_line(address, public_pem, "--save-permanent-key", tmp_path / "key", "--no-bind", "--json")) == 0
    return str(json.loads(capsys.readouterr().out)["permanent_key_id"])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked_module, "DELAY", 0.01)
    monkeypatch.setattr(asked_module, "PATIENCE", 0.2)


def with_vault(url: str, key_id: str) -> list[str]:
    return ["--vault", url, "--permanent-key-id", key_id]


def vault_in(folder: Path) -> Vault:
    return Vault(KeyFile.read(folder / "key").key.key)


def test_a_vault_seals_the_binding(
    address: tuple[str, int], public_pem: Path, tmp_path: Path, key_id: str, capsys: Capture
) -> None:
    with serving_vault(vault_in(tmp_path)) as vault:
        assert main(bind_line(address, public_pem, *with_vault(vault.server.url, key_id), "--json")) == 0
    out, err = capsys.readouterr()
    values = json.loads(out)
    assert (values["bound"], values["permanent_key_id"]) == (True, key_id)
    [signed] = vault.signed
    assert f"{signed.temp_auth_key_id:016x}" == values["temporary_key_id"]
    assert "asking the vault" in err


@pytest.mark.usefixtures("impatient")
def test_a_vault_that_comes_late_is_asked_again(
    address: tuple[str, int], public_pem: Path, tmp_path: Path, key_id: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question stays open and the stream alive while it is not there."""
    tries = []

    def ask(url: str, request: BindingRequest, *, timeout: float) -> bytes:
        tries.append(request)
        if len(tries) < asked_module.TRIES:
            raise VaultError("no answer")
        return ask_vault(url, request, timeout=timeout)

    monkeypatch.setattr(asked_module, "ask_vault", ask)
    monkeypatch.setattr(asked_module, "PATIENCE", PATIENCE)
    with serving_vault(vault_in(tmp_path)) as vault:
        assert main(bind_line(address, public_pem, *with_vault(vault.server.url, key_id), "--json")) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["bound"] is True
    assert len(tries) == asked_module.TRIES
    assert len(set(tries)) == 1, "the same question"
    assert err.count("; asking again") == asked_module.TRIES - 1
    assert err.count("connected to") == 1


@pytest.mark.usefixtures("impatient")
def test_a_vault_that_is_not_there(address: tuple[str, int], public_pem: Path, key_id: str, capsys: Capture) -> None:
    host, port = closed_port()
    assert main(bind_line(address, public_pem, *with_vault(f"http://{host}:{port}", key_id), "--json")) == 1
    error = error_of(capsys)
    assert error["class"] == "VaultError"
    assert f"from the vault at http://{host}:{port}/sign, came connection refused: start it" in error["text"]


@pytest.mark.usefixtures("impatient")
def test_a_vault_that_is_silent(address: tuple[str, int], public_pem: Path, key_id: str, capsys: Capture) -> None:
    with listening() as (_, (host, port)):
        assert main(bind_line(address, public_pem, *with_vault(f"http://{host}:{port}", key_id), "--json")) == 1
    assert "came no answer" in error_of(capsys)["text"]


def test_a_vault_that_is_silent_for_longer_than_the_run(
    address: tuple[str, int], public_pem: Path, key_id: str, capsys: Capture
) -> None:
    with listening() as (_, (host, port)):
        assert (
            main(bind_line(address, public_pem, *with_vault(f"http://{host}:{port}", key_id), "--json", "--timeout", "1.5")) == 1
        )
    text = error_of(capsys)["text"]
    assert text.endswith("gave up after 1.5 s")
    assert "from the vault" in text


@pytest.mark.usefixtures("impatient")
def test_a_vault_that_has_another_key(address: tuple[str, int], public_pem: Path, key_id: str, capsys: Capture) -> None:
    with serving_vault(Vault(CLIENTS_KEY)) as vault:
        assert main(bind_line(address, public_pem, *with_vault(vault.server.url, key_id), "--json")) == 1
    assert f"came a refusal: 409 the request names permanent key {key_id}, which is not here" in error_of(capsys)["text"]


@pytest.mark.usefixtures("impatient")
def test_a_vault_that_answers_nonsense(address: tuple[str, int], public_pem: Path, key_id: str, capsys: Capture) -> None:
    with running(make_loop()) as (host, port):
        assert main(bind_line(address, public_pem, *with_vault(f"http://{host}:{port}", key_id), "--json")) == 1
    assert error_of(capsys)["class"] == "VaultError"


def test_a_pause_between_two_tries_ends_with_the_time_of_the_run(
    address: tuple[str, int], public_pem: Path, key_id: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked_module, "DELAY", PATIENCE)
    host, port = closed_port()
    assert main(bind_line(address, public_pem, *with_vault(f"http://{host}:{port}", key_id), "--json", "--timeout", "1.5")) == 1
    assert "connection refused" in json.loads(capsys.readouterr().out)["error"]["text"]


def test_a_key_that_the_server_does_not_know(address: tuple[str, int], public_pem: Path, capsys: Capture) -> None:
    """No permanent key is given up, and none is made."""
    with serving_vault(Vault(CLIENTS_KEY)) as vault:
        more = with_vault(vault.server.url, f"{CLIENTS_KEY.id:016x}")
        assert main(bind_line(address, public_pem, *more, "--json", "--attempts", 3)) == 1
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
def test_what_makes_no_sense_with_a_vault(public_pem: Path, capsys: Capture, more: list[str], complaint: str) -> None:
    assert main(bind_line(closed_port(), public_pem, *with_vault("http://127.0.0.1:1", "0" * 16), *more)) == 2
    assert complaint in capsys.readouterr().err


def test_a_vault_and_its_key_are_named_together(public_pem: Path, capsys: Capture) -> None:
    assert main(bind_line(closed_port(), public_pem, "--vault", "http://127.0.0.1:1")) == 2
    assert "--vault needs --permanent-key-id" in capsys.readouterr().err
    assert main(bind_line(closed_port(), public_pem, "--permanent-key-id", "0" * 16)) == 2
    assert "give --vault too" in capsys.readouterr().err
