"""The packages that Python in WebAssembly needs, unpacked once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.pyodide import unpack_wheels

PACKAGES = ("attrs", "hypothesis", "iniconfig", "packaging", "pluggy", "pygments", "pytest", "sortedcontainers")


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the tests of the core need."""
    return unpack_wheels(tmp_path_factory.mktemp("packages"), *PACKAGES)


@pytest.fixture(scope="session")
def attrs_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the library needs."""
    return unpack_wheels(tmp_path_factory.mktemp("attrs"), "attrs")
