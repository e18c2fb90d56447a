"""The project's own files, as text and as syntax trees, for the tests that hold the house in order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CORE = ROOT / "src" / "mtproto_bind"
ADAPTERS = ROOT / "adapters" / "mtproto_bind_adapters"
NOT_OURS = {".git", ".venv", "node_modules", "__pycache__", "build", "dist"}


def modules(package: Path) -> dict[str, Path]:
    """Dotted name -> file, for every module below ``package``."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def ours(folder: Path) -> Iterator[Path]:
    """Every file below ``folder`` that is the project's, not a tool's."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in NOT_OURS and not path.name.endswith(("_cache", ".egg-info")) and path.name != ".hypothesis":
                yield from ours(path)
        elif not path.name.startswith(".coverage"):
            yield path


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of ``path``."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def running(node: ast.AST) -> Iterator[ast.AST]:
    """What lies below ``node``, without what only type checkers see."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield from running(child)


def imports(path: Path, package: Path, *, types: bool = True) -> set[str]:
    """Dotted names of all that a module imports, anywhere in it; relative ones made absolute.

    ``from a import b`` gives ``a.b`` where that is a module of ``package``, else ``a``. Without ``types``: not what is
    imported for type checkers only.
    """
    known = modules(package)
    inside = path.relative_to(package.parent).parts[:-1]
    names: set[str] = set()
    for node in ast.walk(tree(path)) if types else running(tree(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = inside[: len(inside) + 1 - node.level] if node.level else ()
            base = ".".join([*above, *filter(None, [node.module])])
            submodules = {f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in known}
            names |= submodules
            if len(submodules) < len(node.names):
                names.add(base)
    return names
