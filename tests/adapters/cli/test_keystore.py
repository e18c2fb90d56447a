"""Where ``mtproto-bind serve`` keeps keys."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kit.commands import bind_line, error_of, started
from kit.keys import SERVER_KEY_PEM, ZERO_DIGIT_KEY_PEM
from kit.redis_server import redis_server
from kit.serving import PATIENCE, SERVER_KEY, closed_port
from mtproto_bind import PrivateKey
from mtproto_bind_adapters.cli import main
from mtproto_bind_adapters.cli.keystore import salt_secret_of

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "server.pem"
    path.write_text(SERVER_KEY_PEM)
    return path


def line(pem: Path, *more: object) -> list[str]:
    return ["serve", "--listen", "127.0.0.1:0", "--private-key", str(pem), "--json", *map(str, more)]


@contextmanager
def serving(pem: Path, *more: object) -> Iterator[tuple[str, int]]:
    """The address of a server that is stopped at the end as people stop it."""
    with started(*line(pem, *more)) as process:
        yield address_of(process)
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0


def address_of(process: subprocess.Popen[str]) -> tuple[str, int]:
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    return told["host"], told["port"]


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def bound(capsys: Capture, command: list[str]) -> dict[str, Any]:
    assert main([*command, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_permanent_keys_in_a_file_outlive_the_process(pem: Path, public_pem: Path, tmp_path: Path, capsys: Capture) -> None:
    store, key = f"sqlite:{tmp_path / 'keys.db'}", tmp_path / "key.json"
    with serving(pem, "--store", store) as address:
        first = bound(capsys, bind_line(address, public_pem, "--save-permanent-key", key))
    with serving(pem, "--store", store) as address:
        again = bound(capsys, bind_line(address, public_pem, "--permanent-key", key))
    assert again["permanent_key_id"] == first["permanent_key_id"]
    with serving(pem) as address:
        assert main(bind_line(address, public_pem, "--permanent-key", key, "--json")) == 1
    assert "ENCRYPTED_MESSAGE_INVALID" in error_of(capsys)["text"]


def test_two_processes_on_one_port_share_what_is_in_redis(pem: Path, public_pem: Path, tmp_path: Path, capsys: Capture) -> None:
    key = tmp_path / "key.json"
    with ExitStack() as stack:
        forgets = stack.enter_context(redis_server(make(tmp_path / "forgets")))
        keeps = stack.enter_context(redis_server(make(tmp_path / "keeps"), "--appendonly", "yes", "--appendfsync", "always"))
        options = ["--store", forgets.url, "--permanent-store", keeps.url, "--reuse-port"]
        host, port = stack.enter_context(serving(pem, *options))
        more = ["serve", "--listen", f"{host}:{port}", "--private-key", str(pem), "--json", *options]
        second = stack.enter_context(started(*more))
        assert address_of(second) == (host, port)
        first = bound(capsys, bind_line((host, port), public_pem, "--save-permanent-key", key))
        # the kernel chooses: some of these reach the one, some the other
        for _ in range(12):
            again = bound(capsys, bind_line((host, port), public_pem, "--permanent-key", key))
            assert again["permanent_key_id"] == first["permanent_key_id"]
        second.send_signal(signal.SIGTERM)
        out, _ = second.communicate(timeout=PATIENCE)
        reached = [json.loads(told)["event"] for told in out.splitlines()]
    assert 0 < reached.count("key_bound") < 13


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--store", "carrier-pigeon"], "--store names no store: expected memory, sqlite:PATH or redis://HOST:PORT"),
        (["--store", "sqlite:."], "mtproto-bind: --store: "),
        (["--permanent-store", "redis://h"], "--permanent-store is for the permanent keys of a fleet"),
        (["--store", "sqlite:k", "--permanent-store", "redis://h"], "it goes with --store redis://..."),
    ],
)
def test_what_is_no_store_is_wrong_usage(pem: Path, capsys: Capture, more: list[str], complaint: str) -> None:
    assert main(line(pem, *more)) == 2
    assert complaint in capsys.readouterr().err


def test_a_redis_that_is_not_there_is_wrong_usage(pem: Path, capsys: Capture) -> None:
    host, port = closed_port()
    assert main(line(pem, "--store", f"redis://:hunter2@{host}:{port}")) == 2
    err = capsys.readouterr().err
    assert "no Redis can be used there" in err
    assert "hunter2" not in err


@pytest.mark.parametrize("where", ["rediss//u:hunter2@h", "redis:/:hunter2@h", "redis://:hunter2#x@h:1"])
def test_a_password_is_told_nobody_also_where_the_address_is_wrong(pem: Path, capsys: Capture, where: str) -> None:
    assert main(line(pem, "--store", where)) == 2
    assert "hunter2" not in capsys.readouterr().err


def test_without_the_library_it_says_what_to_install(pem: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mtproto_bind_adapters.stores.redis", None)
    assert main(line(pem, "--store", "redis://127.0.0.1:1")) == 2
    assert "mtproto-bind: --store: " in capsys.readouterr().err


def test_all_who_have_the_same_keys_have_the_same_salts() -> None:
    one, other = SERVER_KEY, PrivateKey.from_pem(ZERO_DIGIT_KEY_PEM)
    assert salt_secret_of([one, other]) == salt_secret_of([other, one])
    assert salt_secret_of([one]) != salt_secret_of([other])
    assert len(salt_secret_of([one])) == 32
