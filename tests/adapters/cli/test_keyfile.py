"""Key files: written whole and for the owner alone, read with care."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from kit.keys import SERVER_KEY_PEM
from mtproto_bind import AuthKey, DataCenter, PermanentKey, PrivateKey
from mtproto_bind_adapters.cli.console import Misuse
from mtproto_bind_adapters.cli.keyfile import KeyFile, read_private_key, read_public_key, write_secret

KEY = KeyFile(
    key=PermanentKey(key=AuthKey(bytes(range(256))), created_at=1_800_000_000.5, last_bound_at=None),
    dc=DataCenter(2, test=True, media=False),
)
VALUES = {
    "version": 1,
    "dc": 2,
    "test": True,
    "media": False,
    "key_id": f"{KEY.key.key.id:016x}",
    "key": bytes(range(256)).hex(),
    "created_at": 1_800_000_000.5,
    "last_bound_at": None,
}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in VALUES.items() if key != name}


def test_a_key_is_written_as_one_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "key"
    KEY.write(path)
    line = path.read_text()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert json.loads(line) == VALUES
    assert path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_written_key_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    bound = evolve(KEY, key=evolve(KEY.key, last_bound_at=1_800_000_001.0))
    bound.write(path)
    assert KeyFile.read(path) == bound


def test_a_key_of_no_known_data_centre_is_written_too(tmp_path: Path) -> None:
    path = tmp_path / "key"
    evolve(KEY, dc=None).write(path)
    assert json.loads(path.read_text())["dc"] == 0


def test_raw_bytes_are_a_key_of_unknown_age(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(bytes(range(256)))
    assert KeyFile.read(path) == KeyFile(key=PermanentKey(key=KEY.key.key), dc=None)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"", "found an empty file", id="empty"),
        pytest.param(b"x" * 255, "found 255 bytes of something else", id="255 bytes"),
        pytest.param(b"\xff" * 300, "found 300 bytes of something else", id="binary"),
        pytest.param(SERVER_KEY_PEM.encode(), "found a PEM file; RSA keys go to --server-key", id="pem"),
        pytest.param(b"[" * 60_000, "maximum recursion depth", id="nested"),
        pytest.param(b"[]", "found list indices must be integers", id="list"),
        pytest.param(json.dumps(without("version")).encode(), "found JSON without 'version'", id="no version"),
        pytest.param(json.dumps(without("dc")).encode(), "found JSON without 'dc'", id="no dc"),
        pytest.param(json.dumps({**VALUES, "version": 2}).encode(), "found version 2", id="version"),
        pytest.param(json.dumps({**VALUES, "key": "00"}).encode(), "256 bytes, got 1", id="short key"),
        pytest.param(json.dumps({**VALUES, "key": "no"}).encode(), "non-hexadecimal", id="no hex"),
        pytest.param(json.dumps({**VALUES, "key_id": "0" * 16}).encode(), "found a key_id that is not that of the key", id="id"),
        pytest.param(json.dumps({**VALUES, "created_at": "now"}).encode(), "could not convert string to float", id="time"),
        pytest.param(b" " * 70_000, "is no key file: it has more than 65536 bytes", id="huge"),
    ],
)
def test_what_is_no_permanent_key_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(Misuse) as refused:
        KeyFile.read(path)
    assert str(refused.value).startswith(f"{path} ")
    assert complaint in str(refused.value)
    assert VALUES["key"] not in str(refused.value)


@pytest.mark.parametrize("read", [KeyFile.read, read_private_key, read_public_key])
def test_a_file_that_is_not_there_is_said_to_be_not_there(tmp_path: Path, read: Any) -> None:
    with pytest.raises(Misuse, match="cannot be read: No such file or directory"):
        read(tmp_path / "none")


def test_rsa_keys_are_read(tmp_path: Path) -> None:
    private = PrivateKey.from_pem(SERVER_KEY_PEM)
    (tmp_path / "private").write_text(SERVER_KEY_PEM)
    (tmp_path / "public").write_text(private.public.to_pem())
    assert read_private_key(tmp_path / "private") == private
    assert read_public_key(tmp_path / "public") == private.public


@pytest.mark.parametrize(
    ("read", "content", "complaint"),
    [
        pytest.param(read_public_key, SERVER_KEY_PEM.encode(), "a PEM public key", id="private for public"),
        pytest.param(read_private_key, b"", "a PEM private key", id="empty"),
        pytest.param(read_public_key, b"\xff", "expected a PEM file, got bytes that are no ASCII", id="binary"),
        pytest.param(read_private_key, b"hello", "got no PEM text", id="text"),
    ],
)
def test_a_pem_of_the_wrong_kind_is_said_to_be_one(tmp_path: Path, read: Any, content: bytes, complaint: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(Misuse) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path}: expected ")
    assert complaint in str(refused.value)


def test_a_public_key_is_no_private_one(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(PrivateKey.from_pem(SERVER_KEY_PEM).public.to_pem())
    with pytest.raises(Misuse, match="got a public key; `mtproto-bind genkey --out FILE` makes a private key"):
        read_private_key(path)


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_secret(tmp_path / "key", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_writing_replaces_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("old")
    path.chmod(0o644)
    write_secret(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
