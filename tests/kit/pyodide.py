"""Python in WebAssembly under Node: whether all is there, and scripts that run in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from zipfile import ZipFile

import pytest

from .sources import ROOT
from .traces import SCRIPT

__all__ = ["INSTALL", "find_node", "play_in_pyodide", "run_in_pyodide", "unpack_wheels"]

HERE = ROOT / "tests" / "browser"
WHEELS = ROOT / "build" / "browser" / "wheels"
INSTALL = "apt-get install nodejs npm; make build/browser/made"
OURS = (ROOT / "src", ROOT / "adapters", ROOT / "tests")


def find_node() -> str:
    """Node, where it and the pinned Pyodide are there. Fails the test, and says what to install, where they are not."""
    node = shutil.which("node")
    if node is None:
        pytest.fail(f"Node is missing: {INSTALL}")
    for name, wanted in json.loads((HERE / "package.json").read_text())["dependencies"].items():
        manifest = HERE / "node_modules" / name / "package.json"
        found = json.loads(manifest.read_text())["version"] if manifest.is_file() else "nothing"
        if found != wanted:
            pytest.fail(f"expected {name} {wanted}, found {found}: {INSTALL}")
    return node


def wheel_of(name: str) -> Path:
    """The wheel of a package that is not ours. Fails the test where it is missing."""
    found = sorted(WHEELS.glob(f"{name}-*.whl"))
    if not found:
        pytest.fail(f"expected a wheel of {name} in {WHEELS}, found none: {INSTALL}")
    return found[-1]


def unpack_wheels(folder: Path, *names: str) -> Path:
    """``folder``, with these packages in it as pip would put them there."""
    for name in names:
        with ZipFile(wheel_of(name)) as wheel:
            wheel.extractall(folder)
    return folder


def run_in_pyodide(
    script: Path, *arguments: object, path: Iterable[Path] = (), mount: Iterable[Path] = (), patience: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Runs ``script`` with ``path`` on its ``sys.path``; folders are seen under their own names.

    What it printed, and the exit code, are in the result. Raises ``subprocess.TimeoutExpired`` after ``patience`` seconds.
    """
    path = tuple(path)
    environment = {
        **os.environ,
        "PYTHONPATH": ":".join(map(str, path)),
        "PYODIDE_MOUNT": ":".join(map(str, mount)),
        "HYPOTHESIS_PROFILE": "pyodide",
    }
    line = [find_node(), str(HERE / "pyodide_node.mjs"), str(script), *map(str, arguments)]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=patience, check=False)


def play_in_pyodide(url: str, packages: Path) -> list[str]:
    """Plays the script of all drivers over a WebSocket to ``url``, and returns the names of the events.

    ``packages``: a folder with attrs in it, see :func:`unpack_wheels`.
    """
    steps = json.dumps([step if isinstance(step, str) else {"call": step.hex()} for step in SCRIPT])
    done = run_in_pyodide(HERE / "play_script.py", url, steps, path=[*OURS, packages], mount=[ROOT])
    if done.returncode:
        raise AssertionError(done.stderr or done.stdout)
    return list(json.loads(done.stdout.splitlines()[-1]))
