"""The pages made from the code are those that the code makes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from kit.sources import ROOT


def generator() -> ModuleType:
    """``docs/generate.py``, which lies in no package."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    if spec is None or spec.loader is None:
        raise ImportError("docs/generate.py is gone")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", generator().PAGES)
def test_page_is_what_the_code_makes(page: str) -> None:
    made = generator().PAGES[page]()
    assert (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8") == made, "run `make docs`"


def test_main_writes_every_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = generator()
    monkeypatch.setattr(module, "REFERENCE", tmp_path)
    module.main()
    assert {path.name for path in tmp_path.iterdir()} == set(module.PAGES)
