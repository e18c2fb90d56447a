"""The command line as a program."""

from __future__ import annotations

import runpy
import subprocess
import sys

import pytest

from kit.commands import PROGRAM
from mtproto_bind_adapters.cli import main


def test_help_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for command in ("demo", "bind", "serve", "genkey"):
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
