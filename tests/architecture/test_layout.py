"""Sizes, places and words: what keeps the house such that it can be held in the head."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from kit.sources import ADAPTERS, CORE, ROOT, modules, ours, tree

FILE_LINES = 380
FUNCTION_LINES = 50
"""What is meant is about 350 and about 40."""

SOURCES = [*modules(CORE).values(), *modules(ADAPTERS).values()]
HELPERS = sorted((ROOT / "tests" / "kit").glob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_and_functions_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES
    long = [node.name for node in functions(path) if (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES]
    assert long == []


@pytest.mark.parametrize("path", [*SOURCES, *HELPERS], ids=name)
def test_nothing_hangs_on_assert(path: Path) -> None:
    # `python -O` drops it; tests keep theirs because pytest rewrites them.
    assert [node.lineno for node in ast.walk(tree(path)) if isinstance(node, ast.Assert)] == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_every_module_says_what_it_is(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    if source.strip():
        assert ast.get_docstring(tree(path)), "no docstring"
        assert "from __future__ import annotations" in source


def mirrors() -> list[tuple[Path, Path]]:
    """Each module with code in it, and the file that tests it."""
    tests = ROOT / "tests"
    pairs = []
    for package, home in ((CORE, tests), (ADAPTERS, tests / "adapters")):
        for path in modules(package).values():
            if path.name != "__init__.py":
                *folders, file = path.relative_to(package).parts
                stem = Path(file).stem.strip("_")
                pairs.append((path, home.joinpath(*(part.lstrip("_") for part in folders), f"test_{stem}.py")))
    return pairs


@pytest.mark.parametrize(("source", "test"), [pytest.param(*pair, id=name(pair[0])) for pair in mirrors()])
def test_tests_mirror_sources(source: Path, test: Path) -> None:
    assert test.is_file(), f"{name(source)} has no {name(test)}"
    assert any(node.name.startswith("test_") for node in functions(test)) or "TestCase" in test.read_text(encoding="utf-8")


def test_test_folders_are_no_packages() -> None:
    # Each test file is imported by its path; an __init__.py would make two names for it.
    assert sorted(map(name, (ROOT / "tests").rglob("__init__.py"))) == []


PLACES = [r"(?<![\w.])/(?:work|farm|root)/", r"(?<![\w.])/home/\w"]
HOSTS = [r"pypi[.]org", r"files[.]pythonhosted", r"registry[.]npmjs", r"deb[.]debian[.]org"]
FORBIDDEN_WORDS = re.compile("|".join(PLACES + HOSTS))


def test_no_file_names_a_machine_or_a_registry() -> None:
    for path in ours(ROOT):
        if path.suffix not in {".pyc", ".png"}:
            found = FORBIDDEN_WORDS.search(path.read_text(encoding="utf-8"))
            assert not found, f"{name(path)} says {found and found[0]}"
