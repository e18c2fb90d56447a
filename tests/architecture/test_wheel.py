"""What a user gets: the wheel and the source distribution."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from kit.sources import ADAPTERS, CORE, ROOT


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return folder


@pytest.fixture
def wheel(built: Path) -> ZipFile:
    return ZipFile(next(built.glob("*.whl")))


def test_wheel_holds_both_packages_and_nothing_else(wheel: ZipFile) -> None:
    expected = set()
    for package in (CORE, ADAPTERS):
        files = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
        expected |= {str(path.relative_to(package.parent)) for path in files}
    names = {entry for entry in wheel.namelist() if ".dist-info/" not in entry}
    assert names == expected
    assert {"mtproto_bind/py.typed", "mtproto_bind_adapters/py.typed"} <= names


def test_wheel_says_what_it_needs(wheel: ZipFile) -> None:
    info = next(entry for entry in wheel.namelist() if entry.endswith("/METADATA")).rsplit("/", 1)[0]
    metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
    required = metadata.get_all("Requires-Dist", [])
    plain = {line for line in required if "extra ==" not in line}
    assert metadata["Name"] == "mtproto-bind"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert {line.split(">")[0] for line in plain} == {"attrs", "cryptography"}
    assert "emscripten" in next(line for line in plain if line.startswith("cryptography"))
    assert {"testing", "speed", "all"} <= set(metadata.get_all("Provides-Extra", []))
    assert f"{info}/licenses/LICENSE" in wheel.namelist()
    assert "mtproto-bind = mtproto_bind_adapters.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()


def test_wheel_is_found_by_its_name_alone(wheel: ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    code = "import mtproto_bind, mtproto_bind_adapters; print(mtproto_bind.__file__); print(mtproto_bind_adapters.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert all(line.startswith(str(tmp_path)) for line in done.stdout.splitlines()), done.stdout


def test_source_distribution_can_be_tested(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    wanted = "pyproject.toml Makefile README.md CHANGELOG.md LICENSE tests/conftest.py tests/vectors/aes_ige.json"
    assert set(wanted.split()) <= names
    assert not {name for name in names if name.startswith((".venv", "tests/interop/node_modules"))}
