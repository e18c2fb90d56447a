"""`python -O` drops assert statements: the suite must be able to fail there too, or its second run shows nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit.sources import ROOT

MUST_FAIL = """
from mtproto_bind import Check, SecurityError

def test_by_a_plain_assert():
    assert SecurityError(Check.NONCE).check is Check.SERVER_NONCE
"""


def test_an_assert_of_a_test_is_alive() -> None:
    with pytest.raises(AssertionError):
        assert not ROOT


@pytest.mark.parametrize("optimise", ["", "1", "2"])
def test_a_test_that_must_fail_is_seen_to_fail(tmp_path: Path, optimise: str) -> None:
    (tmp_path / "test_must_fail.py").write_text(MUST_FAIL)
    quiet = ["-p", "no:cacheprovider", "--import-mode=importlib", f"--rootdir={tmp_path}", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *quiet],
        env={**os.environ, "PYTHONOPTIMIZE": optimise},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout
    assert "passed" not in done.stdout
