"""``mtproto-bind genkey``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mtproto_bind import PrivateKey, PublicKey
from mtproto_bind_adapters.cli import main


def test_a_key_is_written_and_its_public_half_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "server.pem"
    assert main(["genkey", "--out", str(path)]) == 0
    key = PrivateKey.from_pem(path.read_text())
    out, err = capsys.readouterr()
    assert out == f"fingerprint {key.public.fingerprint:016x}\n{key.public.to_pem()}"
    assert err == ""
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_a_file_the_key_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["genkey"]) == 0
    out = capsys.readouterr().out
    private = out[out.index("-----BEGIN RSA PRIVATE KEY-----") :]
    assert PrivateKey.from_pem(private).public.to_pem() in out


@pytest.mark.parametrize("to_file", [True, False])
def test_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str], to_file: bool) -> None:
    path = tmp_path / "server.pem"
    assert main(["genkey", "--json", *(["--out", str(path)] if to_file else [])]) == 0
    out, err = capsys.readouterr()
    values = json.loads(out)
    assert "PRIVATE KEY" not in err
    private = PrivateKey.from_pem(path.read_text() if to_file else values["private_key"])
    assert PublicKey.from_pem(values["public_key"]) == private.public
    assert values["fingerprint"] == f"{private.public.fingerprint:016x}"
    assert values.get("private_key_file") == (str(path) if to_file else None)


def test_a_file_that_exists_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "server.pem"
    path.write_text("mine")
    assert main(["genkey", "--out", str(path)]) == 2
    assert path.read_text() == "mine"
    assert "exists: it is left as it is" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["genkey", "--out", str(tmp_path / "none" / "server.pem")]) == 2
    assert "cannot be written: No such file or directory" in capsys.readouterr().err


def test_other_sizes_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["genkey", "--bits", "1024"]) == 2
    assert "expected 2048 bits" in capsys.readouterr().err


def test_without_openssl_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    assert main(["genkey", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["class"] == "RuntimeError"
    assert "pip install cryptography" in err
