"""What makes a shell complete the options."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kit.commands import PROGRAM
from mtproto_bind_adapters.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_every_shell_gets_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-completion", shell]) == 0
    out, err = capsys.readouterr()
    assert "mtproto-bind" in out
    assert "--allow-old-rsa" in out or "allow-old-rsa" in out
    assert err == ""


def test_bash_completes_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-completion", "bash"]) == 0
    script = capsys.readouterr().out
    ask = "COMP_WORDS=(mtproto-bind bind --web); COMP_CWORD=2; _shtab_mtproto_bind; echo ${COMPREPLY[@]}"
    done = subprocess.run(["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "--websocket"


def test_another_shell_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-completion", "cmd.exe"]) == 2
    assert "invalid choice: 'cmd.exe'" in capsys.readouterr().err


def test_without_shtab_it_says_what_to_install() -> None:
    code = f"import sys; sys.modules['shtab'] = None; sys.argv = {['mtproto-bind', '--print-completion', 'bash']}"
    run = "from mtproto_bind_adapters.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", f"{code}; {run}"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "shtab is missing: pip install 'mtproto-bind[cli]'" in done.stderr


def test_nothing_else_needs_it() -> None:
    code = "import sys; sys.modules['shtab'] = sys.modules['rich'] = None"
    run = "from mtproto_bind_adapters.cli import main; sys.exit(main(['genkey']))"
    done = subprocess.run([PROGRAM[0], "-c", f"{code}; {run}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
