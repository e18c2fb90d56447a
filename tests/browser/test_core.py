"""The core's own suite on Python 3.14 in WebAssembly, where ``cryptography`` is truly absent: Pyodide under Node."""

from __future__ import annotations

import re
from pathlib import Path

from kit.pyodide import OURS, run_in_pyodide
from kit.sources import ROOT

FOLDERS = ("ground", "tl", "crypto", "wire", "handshake", "bind", "session", "keys", "connection")
IGNORED = (
    # they are about packages that are not there
    "crypto/test_filling.py",
    "crypto/test_native.py",
    "crypto/test_openssl.py",
    "crypto/test_pem.py",
    # messages of a mebibyte, which take AES in Python minutes
    "connection/test_transports.py",
    "wire/test_copies.py",
)
DESELECTED = (
    # they draw an RSA key, which only `cryptography` can
    "crypto/test_rsa.py::test_a_new_key",
    "handshake/test_server.py::test_any_of_our_keys_will_do",
    # long runs: a day, or hundreds of streams
    "connection/client/test_life.py::test_salts_are_asked_for_in_time_and_none_is_refused_for_a_day",
    "connection/client/test_pipelining.py::test_whatever_is_lost_every_call_is_answered_and_has_run_once",
    "connection/client/test_saved.py::test_with_the_temporary_key_it_goes_on_at_once",
    "connection/server/test_sealed.py::test_8193_ids_are_429",
    "handshake/test_together.py::test_both_sides_end_with_the_same",
)
PARAMETERS = 3
"""So many has the one of the deselected that has some."""
PATIENCE = 600.0
"""Seconds; it is meant to take two minutes."""


def test_the_core_keeps_to_its_rules_in_webassembly(packages: Path) -> None:
    tests = ROOT / "tests"
    arguments = ["--rootdir", ROOT, "-c", ROOT / "pyproject.toml", "-p", "no:cacheprovider", "-q"]
    arguments += [f"--ignore={tests / path}" for path in IGNORED] + [f"--deselect=tests/{name}" for name in DESELECTED]
    for path in (*IGNORED, *(name.partition("::")[0] for name in DESELECTED)):
        assert (tests / path).is_file()
    folders = [tests / folder for folder in FOLDERS]
    script = tests / "browser" / "core_suite.py"
    done = run_in_pyodide(script, *arguments, *folders, path=[*OURS, packages], mount=[ROOT], patience=PATIENCE)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    summary = done.stdout.splitlines()[-1]
    passed = re.match(r"(\d+) passed", summary)
    assert passed is not None, summary
    assert int(passed[1]) > 3000
    assert f"{len(DESELECTED) - 1 + PARAMETERS} deselected" in summary
