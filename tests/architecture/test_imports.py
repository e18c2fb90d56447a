"""What imports what: the layers of the core, what the core may not touch, what the adapters may see."""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from kit.sources import ADAPTERS, CORE, imports, modules

LINES = [
    {"_errors", "_limits"},
    {"_ground"},
    {"_tl"},
    {"_crypto"},
    {"_wire"},
    {"_handshake"},
    {"_session"},
    {"_bind"},
    {"_questions", "_events", "_config"},
    {"_keys"},
    {"_calls"},
    {"_connection"},
    {"testing"},
]
"""From the bottom up: a module imports from lines before its own, from its own line, and from its own package."""

ANYWHERE = {
    "__future__",
    "abc",
    "attrs",
    "base64",
    "binascii",
    "bisect",
    "collections",
    "contextlib",
    "enum",
    "functools",
    "heapq",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "struct",
    "types",
    "typing",
    "zlib",
}
"""Modules without input, output, clock, thread or chance."""

ONLY_IN = {
    "cryptg": "_crypto",
    "cryptography": "_crypto",
    "gmpy2": "_crypto",
    "hashlib": "_crypto",
    "hmac": "_crypto",
    "hypothesis": "testing",
    "secrets": "_config",
}

CORE_MODULES = modules(CORE)
ADAPTER_MODULES = modules(ADAPTERS)


def line_of(module: str) -> int:
    """The index in LINES; the public door stands above all of them."""
    parts = module.split(".")
    if len(parts) == 1:
        return len(LINES)
    return next(index for index, line in enumerate(LINES) if parts[1] in line)


def home(module: str) -> str:
    """The top package or module of the core that ``module`` lies in; empty for the public door."""
    return ".".join(module.split(".")[1:2])


@pytest.mark.parametrize("module", CORE_MODULES)
def test_core_imports_go_down(module: str) -> None:
    for imported in imports(CORE_MODULES[module], CORE):
        if imported.split(".")[0] != "mtproto_bind":
            continue
        assert imported in CORE_MODULES, f"{module} imports {imported}, which does not exist"
        assert home(imported), f"{module} imports the public door, which stands above it"
        assert imported != "mtproto_bind.testing", f"{module}: users import testing, the core never does"
        assert line_of(imported) <= line_of(module), f"{module} imports {imported}, which stands above it"


def test_core_imports_have_no_circle() -> None:
    # steps of a connection name its type, which imports them; only type checkers see that
    graph = {name: imports(path, CORE, types=False) & CORE_MODULES.keys() - {name} for name, path in CORE_MODULES.items()}
    assert tuple(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", CORE_MODULES)
def test_core_touches_nothing_outside(module: str) -> None:
    for imported in imports(CORE_MODULES[module], CORE):
        top = imported.split(".")[0]
        if top == "mtproto_bind" or top in ANYWHERE:
            continue
        assert top in ONLY_IN, f"{module} imports {imported}: has it input, output, a clock, a thread or chance?"
        assert home(module) == ONLY_IN[top], f"{module} imports {imported}, which only {ONLY_IN[top]} may"


@pytest.mark.parametrize("module", ADAPTER_MODULES)
def test_adapters_use_the_public_door_only(module: str) -> None:
    for imported in imports(ADAPTER_MODULES[module], ADAPTERS):
        if imported.split(".")[0] == "mtproto_bind":
            assert imported in {"mtproto_bind", "mtproto_bind.testing"}, f"{module} imports {imported}"


def test_every_line_exists() -> None:
    assert {home(module) for module in CORE_MODULES} - {""} == set().union(*LINES)


def run(code: str) -> str:
    """What ``code`` prints in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_works_without_the_speedy_packages() -> None:
    blocked = "import sys; sys.modules.update(dict.fromkeys(['cryptography', 'gmpy2', 'cryptg', 'hypothesis']))"
    assert run(f"{blocked}; import mtproto_bind, mtproto_bind.testing; print(mtproto_bind.default_crypto().name)") == "pure"


HEAVY = ["cryptography", "gmpy2", "cryptg", "hypothesis", "asyncio", "anyio", "socket", "ssl", "selectors"]


@pytest.mark.parametrize("unwanted", HEAVY)
def test_import_brings_nothing_unwanted(unwanted: str) -> None:
    assert run(f"import sys, mtproto_bind; print({unwanted!r} in sys.modules)") == "False"


ATTRS_CLASSES = 116
"""Each costs half a millisecond of import time; constructors that no handler takes stay rows of a table."""


def test_import_brings_few_attrs_classes() -> None:
    counted = """
import gc, attrs, mtproto_bind
print(sum(isinstance(value, type) and attrs.has(value) and value.__module__.startswith("mtproto_bind")
          for value in gc.get_objects()))
"""
    assert int(run(counted)) <= ATTRS_CLASSES


def test_a_module_above_is_refused(tmp_path: Path) -> None:
    # This file tests nothing if `imports` finds nothing.
    package = tmp_path / "mtproto_bind"
    (package / "_wire").mkdir(parents=True)
    low, high = package / "_limits.py", package / "_wire" / "stream.py"
    high.write_text("")
    inside = "    from ._wire import stream\n    from attrs import frozen\n    from . import _wire\n"
    low.write_text(f"import os.path\ndef f():\n{inside}")
    (package / "_wire" / "__init__.py").write_text("from .. import _limits\nfrom .stream import Stream\n")
    assert imports(low, package) == {"os.path", "mtproto_bind._wire.stream", "attrs", "mtproto_bind._wire"}
    assert imports(package / "_wire" / "__init__.py", package) == {"mtproto_bind._limits", "mtproto_bind._wire.stream"}
    types_only = package / "_tl.py"
    types_only.write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import _limits\n")
    assert imports(types_only, package) == {"typing", "mtproto_bind._limits"}
    assert imports(types_only, package, types=False) == {"typing"}
