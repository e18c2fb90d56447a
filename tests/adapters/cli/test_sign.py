"""``mtproto-bind sign``: as a program, beside a server and a client that never sees the key."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from kit.commands import PROGRAM, started
from kit.keys import SERVER_KEY_PEM
from kit.serving import PATIENCE, SERVER_KEY
from kit.vaults import KEY, make_request
from mtproto_bind import DataCenter, PermanentKey, default_crypto, open_binding
from mtproto_bind_adapters.cli import main
from mtproto_bind_adapters.cli.keyfile import KeyFile
from mtproto_bind_adapters.vault import VaultError, VaultServer, ask_vault

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    KeyFile(key=PermanentKey(key=KEY), dc=DataCenter(2)).write(path)
    return path


def line(key: Path, *more: object) -> list[str]:
    return ["sign", "--permanent-key", str(key), "--listen", "127.0.0.1:0", *map(str, more)]


def next_event(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line of a program that runs with ``--json``."""
    if process.stdout is None:
        raise ValueError("its output is not ours to read")
    return dict(json.loads(process.stdout.readline()))


def url_of(event: dict[str, Any]) -> str:
    return f"http://{event['host']}:{event['port']}/sign"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_what_it_tells_a_program(key: Path, number: int, code: int) -> None:
    request = make_request()
    with started(*line(key, "--json")) as process:
        listening = next_event(process)
        assert listening == {"event": "listening", "carrier": "http", "host": "127.0.0.1", "port": listening["port"]}
        sealed = ask_vault(url_of(listening), request)
        assert open_binding(sealed, KEY, crypto=default_crypto()).nonce == request.nonce
        names = {"temporary_key_id": f"{2:016x}", "permanent_key_id": f"{KEY.id:016x}", "session_id": f"{3:016x}"}
        assert next_event(process) == {"event": "signed", **names, "expires_at": request.expires_at}
        with pytest.raises(VaultError, match="a refusal: 409"):
            ask_vault(url_of(listening), make_request(perm_auth_key_id=1))
        refused = next_event(process)
        assert (set(refused), refused["event"]) == ({"event", "why"}, "refused")
        assert "which is not here" in refused["why"]
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert json.loads(out) == {"event": "stopped"}
    assert err.splitlines()[-1] == ("stopped" if code == 0 else "mtproto-bind: interrupted")
    assert KEY.reveal().hex()[:32] not in out + err + str(listening) + str(refused)


def test_what_it_tells_a_person(key: Path) -> None:
    with started(*line(key)) as process:
        if process.stdout is None:
            raise ValueError("its output is not ours to read")
        first = process.stdout.readline()
        url = first.split()[-1]
        assert first == f"vault of permanent key {KEY.id:016x}, listening on {url}\n"
        ask_vault(url, make_request())
        assert process.stdout.readline().startswith("temporary key 0000000000000002, session 0000000000000003: signed, until 20")
        process.terminate()
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "stopped\n", "")


def test_nothing_is_signed_that_nobody_sees(key: Path) -> None:
    with started(*line(key, "--json")) as process:
        url = url_of(next_event(process))
        if process.stdout is None or process.stderr is None:
            raise ValueError("its output is not ours to read")
        process.stdout.close()
        with pytest.raises(VaultError):
            ask_vault(url, make_request())
        assert process.wait(PATIENCE) == 1
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(("origin", "status"), [("https://chat.example", 200), ("https://evil.example", 403)])
def test_the_page_that_may_ask_is_named(key: Path, origin: str, status: int) -> None:
    with started(*line(key, "--json", "--origin", "https://Chat.Example/")) as process:
        listening = next_event(process)
        asked = HTTPConnection(listening["host"], listening["port"], timeout=PATIENCE)
        asked.request("POST", "/sign", make_request().to_bytes(), {"Origin": origin})
        answer = asked.getresponse()
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, "https://chat.example")
        asked.close()
        assert next_event(process)["event"] == ("signed" if status == 200 else "refused")


# ---- the whole of it: three processes, and the key in one of them


def test_the_client_never_holds_the_key(tmp_path: Path) -> None:
    """The key is made and saved, the vault reads it, and the file is deleted: from then on only the vault can have it."""
    public, private, key = tmp_path / "public.pem", tmp_path / "private.pem", tmp_path / "key"
    public.write_text(SERVER_KEY.public.to_pem())
    private.write_text(SERVER_KEY_PEM)
    with started("serve", "--listen", "127.0.0.1:0", "--private-key", private, "--json") as server:
        at = next_event(server)
        bind = [*PROGRAM, "bind", "--host", at["host"], "--port", str(at["port"]), "--server-key", str(public), "--json"]

        def run(*more: str) -> tuple[dict[str, Any], str]:
            done = subprocess.run([*bind, *more], capture_output=True, text=True, timeout=PATIENCE, check=True)
            return json.loads(done.stdout), done.stderr

        made, _ = run("--no-bind", "--save-permanent-key", str(key))
        secret = KeyFile.read(key).key.key
        assert made["permanent_key_id"] == f"{secret.id:016x}"
        with started(*line(key, "--json")) as vault:
            url = url_of(next_event(vault))
            key.unlink()
            bound, said = run("--vault", url, "--permanent-key-id", made["permanent_key_id"])
            signed = next_event(vault)
        told = [next_event(server) for _ in range(4)]
    assert bound["bound"] is True
    assert bound["permanent_key_id"] == made["permanent_key_id"] == signed["permanent_key_id"]
    assert bound["temporary_key_id"] == signed["temporary_key_id"] != made["temporary_key_id"]
    assert bound["expires_at"] == signed["expires_at"]
    # the server has made one permanent key, and bound to it the one temporary key of the client without it
    assert [each["event"] for each in told] == ["key_created", "key_created", "key_created", "key_bound"]
    assert [each["kind"] for each in told[:3]] == ["permanent", "temporary", "temporary"]
    ids = {"temporary_key_id": bound["temporary_key_id"], "permanent_key_id": made["permanent_key_id"]}
    assert told[3] == {"event": "key_bound", **ids}
    assert secret.reveal().hex()[:32] not in said + str(bound)
    assert list(tmp_path.glob("key*")) == []


# ---- usage


@pytest.mark.parametrize("where", [":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "vault.example:0"])
def test_it_listens_on_loopback_only(key: Path, capsys: Capture, where: str) -> None:
    assert main(["sign", "--permanent-key", str(key), "--listen", where]) == 2
    assert "is not loopback, and whoever can reach a vault can have it sign" in capsys.readouterr().err


@pytest.mark.parametrize("origin", ["*", "null", "chat.example", "https://chat.example/page"])
def test_an_origin_that_is_none(key: Path, capsys: Capture, origin: str) -> None:
    assert main(line(key, "--origin", origin)) == 2
    assert "is not the origin of a web page" in capsys.readouterr().err


def test_a_file_without_a_key(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "key"
    path.write_text("hello")
    assert main(line(path)) == 2
    assert f"mtproto-bind: {path} holds no permanent key" in capsys.readouterr().err


def test_an_address_in_use_is_said(key: Path, capsys: Capture) -> None:
    with started(*line(key, "--json")) as process:
        port = next_event(process)["port"]
        assert main(["sign", "--permanent-key", str(key), "--listen", f"127.0.0.1:{port}", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["class"] == "OSError"
    assert "choose another address with --listen" in err


def test_it_can_be_run_from_within(key: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does between its first line and its last, in this very process."""
    asked = []

    def run(server: VaultServer) -> None:
        asked.append(ask_from_within(server))
        os.kill(os.getpid(), signal.SIGTERM)

    def ask_from_within(server: VaultServer) -> int:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        sealed = ask_vault(server.url, make_request())
        with pytest.raises(VaultError):
            ask_vault(server.url, make_request(expires_at=1))
        server.shutdown()
        thread.join(PATIENCE)
        return len(sealed)

    monkeypatch.setattr(VaultServer, "run", run)
    before = signal.getsignal(signal.SIGTERM)
    assert main(line(key)) == 0
    assert signal.getsignal(signal.SIGTERM) is before
    assert asked == [104]
    first, second, third, last = capsys.readouterr().out.splitlines()
    assert "listening on http://127.0.0.1:" in first
    assert "signed, until" in second
    assert third.startswith("refused: the temporary key ended")
    assert last == "stopped"
