"""The fixture, in a test run of its own, as its users have it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CONFTEST = 'pytest_plugins = ["mtproto_bind_adapters.pytest_plugin"]\n'
TESTS = """
import pytest
from mtproto_bind_adapters.sync import connect

QUERY = b"1234"

def test_it_is_there(fake_telegram):
    fake_telegram.reply = lambda call: call.body[::-1]
    with connect(fake_telegram.client_config(), fake_telegram.host, fake_telegram.port) as link:
        assert link.call(QUERY, timeout=30) == b"4321"

def test_it_is_another_one_each_time(fake_telegram):
    assert fake_telegram.calls == []
"""


def test_a_conftest_asks_for_it_and_tests_have_it(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_theirs.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(tmp_path)]
    # pytest warns of asserts under -O, and here a warning is an error
    environment = {**os.environ, "PYTHONOPTIMIZE": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_without_pytest_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['pytest'] = None; import mtproto_bind_adapters.pytest_plugin"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pytest is missing: pip install 'mtproto-bind[testing]'" in done.stderr
