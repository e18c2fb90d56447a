"""The driver in Pyodide, with real JavaScript, under Node: what needs no browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit import pyodide
from kit.checks import judge_checks, setting_of_checks
from kit.demo import demo_files
from kit.pages import blocks
from kit.pyodide import OURS, find_node, play_in_pyodide, run_in_pyodide, unpack_wheels, wheel_of
from kit.sources import ROOT
from kit.traces import TOLD, playing

HERE = ROOT / "tests" / "browser"


def test_it_tells_what_the_other_drivers_tell(attrs_only: Path) -> None:
    with playing() as (_, url):
        assert play_in_pyodide(url, attrs_only) == list(TOLD)


def test_an_error_of_a_page_is_told(attrs_only: Path) -> None:
    with pytest.raises(AssertionError, match="expected a URL like wss://host/apiws"):
        play_in_pyodide("http://127.0.0.1/", attrs_only)


def test_the_filling_keeps_to_its_rules_with_real_javascript(attrs_only: Path) -> None:
    done = run_in_pyodide(HERE / "check_crypto.py", path=[*OURS[:2], attrs_only])
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.splitlines()[-1] == "well"


def test_real_websockets_good_and_odd(attrs_only: Path) -> None:
    with setting_of_checks() as (setting, bound):
        done = run_in_pyodide(HERE / "check_websocket.py", setting, path=[*OURS[:2], attrs_only])
        assert done.returncode == 0, done.stderr + done.stdout
        judge_checks(json.loads(done.stdout.splitlines()[-1]), bound, text_code=1003)


def test_micropip_installs_the_wheel_without_cryptography(tmp_path: Path) -> None:
    wheel = demo_files.build_wheel(tmp_path)
    there = unpack_wheels(tmp_path / "there", "attrs", "micropip", "packaging")
    done = run_in_pyodide(HERE / "micropip_install.py", wheel, path=[there], mount=[tmp_path])
    assert done.returncode == 0, done.stderr + done.stdout
    name, ciphers = done.stdout.splitlines()[-2:]
    assert name.split()[1] == "None"
    assert ciphers == "pure pure+bigint"


def test_the_code_of_the_documentation_runs(attrs_only: Path, tmp_path: Path) -> None:
    page = ROOT / "docs" / "how-to" / "use-in-a-browser.md"
    code = tmp_path / "page.py"
    code.write_text("".join(content for _, kind, content in blocks(page) if kind == "python" and "Path(" not in content))
    with setting_of_checks() as (setting, bound):
        known = json.loads(setting)
        script = HERE / "run_page.py"
        done = run_in_pyodide(script, code, known["urls"]["good"], known["pem"], path=[*OURS[:2], attrs_only], mount=[tmp_path])
        assert done.returncode == 0, done.stderr + done.stdout
        ids, told = done.stdout.splitlines()[-2:]
        assert ids == "temporary key {1} speaks for permanent key {0}".format(*bound[0])
    answer, *events = told.split()
    assert bytes.fromhex(answer)[::-1] == bytes.fromhex("2630b31f")
    assert events == ["PermanentKeyCreated", "TemporaryKeyCreated", "KeyBound", "CallAnswered", "ConnectionClosed"]


def test_what_is_missing_is_a_failure_that_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyodide, "WHEELS", tmp_path)
    with pytest.raises(pytest.fail.Exception, match=r"found none: apt-get install nodejs npm; make build/browser/made"):
        wheel_of("attrs")
    (tmp_path / "package.json").write_text('{"dependencies": {"pyodide": "1.2.3"}}')
    monkeypatch.setattr(pyodide, "HERE", tmp_path)
    with pytest.raises(pytest.fail.Exception, match=r"expected pyodide 1.2.3, found nothing: apt-get install"):
        find_node()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="Node is missing"):
        find_node()
