"""The command line as a program."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from kit.commands import PROGRAM, started
from kit.keys import SERVER_KEY_PEM
from kit.serving import PATIENCE, make_driver
from mtproto_bind import ConnectionClosed
from mtproto_bind_adapters.cli import main


def test_help_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for command in ("demo", "bind", "serve", "sign", "genkey"):
        assert f"\n    {command} " in out


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bind", "--port", "no"]) == 2
    assert "is not a number" in capsys.readouterr().err


@pytest.mark.parametrize(
    "program", [PROGRAM, [sys.executable, "-c", "import sys; from mtproto_bind_adapters.cli import main; sys.exit(main())"]]
)
def test_the_exit_code_reaches_the_shell(program: list[str]) -> None:
    good = subprocess.run([*program, "genkey"], capture_output=True, text=True, check=False)
    bad = subprocess.run([*program, "genkey", "--bits", "17"], capture_output=True, text=True, check=False)
    assert (good.returncode, bad.returncode) == (0, 2)
    assert "RSA PUBLIC KEY" in good.stdout
    assert (good.stderr, bad.stdout) == ("", "")


def test_the_module_is_the_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["mtproto-bind", "genkey", "--bits", "17"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("mtproto_bind_adapters.cli", run_name="__main__")
    assert end.value.code == 2
    assert "2048" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["genkey"], ["genkey", "--json"], ["demo"]])
def test_a_reader_that_is_gone_ends_it(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(command) == 1
    err = capsys.readouterr().err
    assert "mtproto-bind: " not in err
    assert "Traceback" not in err


def test_a_reader_that_is_gone_is_no_fault_of_a_client(tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    pem.write_text(SERVER_KEY_PEM)
    with started("serve", "--listen", "127.0.0.1:0", "--private-key", pem) as process:
        if process.stdout is None or process.stderr is None:
            raise ValueError("its output is not ours to read")
        port = int(process.stdout.readline().split()[4])
        process.stdout.close()
        with make_driver(("127.0.0.1", port)) as driver, suppress(OSError, TimeoutError):
            driver.wait_for(ConnectionClosed, PATIENCE)
        assert process.wait(PATIENCE) == 1
        assert process.stderr.read() == ""
