"""The fuzz targets: what is kept is no finding any more, a few thousand inputs are none, and a finding is seen."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kit.sources import ROOT

FUZZ = ROOT / "fuzz"
EXAMPLES = {"client": 12, "server": 12, "session": 12, "transcript": 25}
"""Of the slow targets; others have more."""


def load(name: str) -> ModuleType:
    """A module of ``fuzz``, which is no package."""
    found = importlib.util.spec_from_file_location(name, FUZZ / f"{name}.py")
    if found is None or found.loader is None:
        raise ImportError(f"fuzz/{name}.py is gone")
    module = sys.modules.setdefault(name, importlib.util.module_from_spec(found))
    found.loader.exec_module(module)
    return module


targets, run_hypothesis, run_atheris, seeds = (load(name) for name in ("targets", "run_hypothesis", "run_atheris", "seed_corpus"))


@pytest.mark.parametrize("name", targets.TARGETS)
def test_nothing_that_is_kept_is_a_finding(name: str) -> None:
    kept = targets.corpus(name)
    assert kept, "every target has its seeds: run fuzz/seed_corpus.py"
    for data in kept:
        targets.TARGETS[name](data)


@pytest.mark.parametrize("name", targets.TARGETS)
def test_a_few_examples(name: str) -> None:
    run_hypothesis.run(name, targets.TARGETS[name], EXAMPLES.get(name, 60))


@pytest.mark.parametrize("name", targets.TARGETS)
def test_every_target_says_what_it_allows(name: str) -> None:
    text = targets.TARGETS[name].__doc__ or ""
    assert any(word in text for word in ("Error", "Malformed", "Misuse", "Nothing is raised")), text


def test_every_folder_belongs_to_a_target() -> None:
    assert {path.name for path in targets.CORPUS.iterdir()} == set(targets.TARGETS)
    assert sum(path.stat().st_size for path in targets.CORPUS.rglob("*.hex")) < 500_000


def test_seeds_are_what_the_script_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "CORPUS", tmp_path)
    seeds.main()
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.hex")}
    kept = {path.relative_to(FUZZ / "corpus"): path.read_text() for path in (FUZZ / "corpus").rglob("seed-*.hex")}
    assert made == kept


def test_a_finding_is_seen_shrunk_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(targets, "CORPUS", tmp_path)

    def broken(data: bytes) -> None:
        if b"\x07" in data:
            raise IndexError

    monkeypatch.setitem(targets.TARGETS, "pem", broken)
    assert run_hypothesis.main(["--seconds", "5", "--target", "pem"]) == 1
    assert "pem: found" in capsys.readouterr().out
    assert targets.corpus("pem") == [b"\x07"]


def test_both_runners_by_hand(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_hypothesis.main(["--seconds", "0.01", "--target", "plain", "--target", "binding"]) == 0
    assert "0 targets with a finding" in capsys.readouterr().out
    without: Any = lambda _name: None  # noqa: E731  as if it were not installed
    monkeypatch.setattr(run_atheris.importlib.util, "find_spec", without)
    assert run_atheris.main(["--seconds", "1", "--target", "plain"]) == 0
    assert "atheris is not installed" in capsys.readouterr().out


def test_shares_of_the_time() -> None:
    shares = targets.shares(["client", "plain"], 100)
    assert shares == {"client": 80, "plain": 20}


def test_what_atheris_says_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without atheris: a process that says what it would, and one that finds something."""
    said = "#2\tINITED cov: 5 ft: 9 corp: 1/1b\n#9\tNEW    cov: 7 ft: 12 corp: 3/9b\nDone 1234 runs in 2 second(s)\n"
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        f"print({said!r})\n"
        "prefix = next(word.split('=')[1] for word in sys.argv if word.startswith('-artifact_prefix'))\n"
        "if sys.argv[2] == 'binding':\n    open(prefix + 'crash-1', 'wb').write(b'found')\n    sys.exit(77)\n"
        "if sys.argv[2] == 'pem':\n    sys.exit(1)\n"
    )
    monkeypatch.setattr(run_atheris, "__file__", str(program))
    monkeypatch.setattr(run_atheris.importlib.util, "find_spec", lambda _name: True)
    monkeypatch.setattr(targets, "CORPUS", tmp_path / "corpus")
    assert run_atheris.main(["--seconds", "1", "--target", "plain"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["plain", "1234", "5", "7", "3"]
    assert run_atheris.main(["--seconds", "1", "--target", "binding"]) == 1
    assert targets.corpus("binding") == [b"found"]
    assert run_atheris.main(["--seconds", "1", "--target", "pem"]) == 1
    assert "ended with code 1, without an input" in capsys.readouterr().out
