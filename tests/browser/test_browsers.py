"""The driver and the page in real browsers, Chromium and Firefox, in the page's own thread and in a Web Worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kit import browsers
from kit.browsers import BROWSERS, ReportServer, visit
from kit.checks import judge_checks, setting_of_checks
from kit.demo import DEMO, demo_files, demo_web
from kit.sources import ROOT

HERE = ROOT / "tests" / "browser"
LAX = {name: value for name, value in demo_files.HEADERS.items() if name != "Content-Security-Policy"}
PRIVATE_USE = 4003
"""The code with which a page may end a WebSocket, for it may not say 1003."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static folder, and the pages of checks beside it."""
    made = tmp_path_factory.mktemp("site")
    demo_files.assemble(made)
    return made


@contextmanager
def checking(folder: Path, *, strict: bool) -> Iterator[tuple[ReportServer, list[list[str]]]]:
    """The checks, served; and what the good server binds."""
    with setting_of_checks() as (setting, bound):
        server = ReportServer(folder, headers=demo_files.HEADERS if strict else LAX)
        for path in [*(HERE / "page").iterdir(), *HERE.glob("check_*.py")]:
            server.extra[f"/check/{path.name}"] = path.read_bytes()
        server.extra["/check/setting.json"] = setting.encode()
        with server:
            yield server, bound


@pytest.mark.parametrize("where", ["main", "worker"])
@pytest.mark.parametrize("browser", BROWSERS)
def test_the_driver_in_a_browser(folder: Path, browser: str, where: str) -> None:
    # the worker under a strict policy, where functions cannot be made from text
    strict = where == "worker"
    with checking(folder, strict=strict) as (server, bound):
        result = visit(browser, server, f"/check/check.html?{where}" + ("&strict" if strict else ""))
        assert "fatal" not in result, result["fatal"]
        assert result["crypto"] == "pure+bigint"
        assert result["document"] == ("undefined" if strict else "object")
        assert result["isolated"] is True
        judge_checks({**result, "crypto": "well"}, bound, text_code=PRIVATE_USE)


@pytest.fixture(scope="module")
def demo(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReportServer]:
    """The page with its servers and its vault, and somebody in it who presses its buttons."""
    server = ReportServer(folder)
    page = (folder / "index.html").read_text()
    visitor = '<script type="module" src="/visitor.mjs"></script>\n</head>'
    server.extra["/"] = server.extra["/index.html"] = page.replace("</head>", visitor).encode()
    server.extra["/visitor.mjs"] = (HERE / "visitor.mjs").read_bytes()
    with server, demo_web.surroundings(tmp_path_factory.mktemp("keys"), server.origin) as local:
        server.extra["/local.json"] = json.dumps(local).encode()
        yield server


def told(report: dict[str, Any], run: str, kind: str) -> list[dict[str, Any]]:
    """What the page was told of this kind in a run."""
    return [one for one in report[run]["told"] if one["kind"] == kind]


@pytest.mark.parametrize("browser", BROWSERS)
def test_the_page(demo: ReportServer, browser: str) -> None:
    report = visit(browser, demo, "/index.html?thread=" + ("worker" if browser == "chromium" else "main"))
    assert "fatal" not in report, report["fatal"]
    local = json.loads(demo.extra["/local.json"])
    whole, split, nobody, forgotten = (report[run] for run in ("whole", "split", "nobody", "forgotten"))
    # a run with everything
    (bound,) = (one for one in whole["told"] if one["kind"] == "bound" and not one["renewal"])
    assert whole["permanent"] == bound["permanent"]
    assert whole["temporary"] == bound["id"]
    assert "It is not Telegram" in whole["peer"]
    assert whole["status"].startswith("Bound after")
    assert whole["states"] == 11
    assert whole["bars"] == whole["states"]
    assert whole["hex"] == next(one["hex"] for one in whole["told"] if one["kind"] == "wire")[: len(whole["hex"])]
    assert len(whole["hex"]) > 100
    assert whole["renewed"] is True
    # the page never has the key of the vault
    (sealed,) = (one for one in split["told"] if one["kind"] == "vault" and "answer" in one)
    assert len(sealed["answer"]) == 2 * 104
    assert split["permanent"] == local["permanent_key_id"]
    assert [one["which"] for one in split["told"] if one["kind"] == "key"] == ["temporary"]
    # what goes wrong
    assert nobody["errors"] == ["1006"]
    assert "-404" in forgotten["errors"]
    assert forgotten["status"].startswith("Bound after")


def test_a_missing_browser_is_a_failure_that_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for browser in BROWSERS:
        line = f"{browser} is missing: apt-get update && apt-get install --yes --no-install-recommends {browser}"
        with pytest.raises(pytest.fail.Exception, match=line), ReportServer(tmp_path) as server:
            visit(browser, server, "/")


@pytest.mark.parametrize(("program", "text"), [("true", "ended by itself with 0"), ("cat", "nothing came in 0.2 s")])
def test_an_early_end_and_silence_are_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, text: str) -> None:
    line = {"true": ["true"], "cat": ["sleep", "60"]}[program]
    monkeypatch.setattr(browsers, "command_of", lambda *_: line)
    with pytest.raises(pytest.fail.Exception, match=text), ReportServer(tmp_path) as server:
        visit("chromium", server, "/", patience=0.2 if program == "cat" else 30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_web_says_where_and_ends_cleanly(number: signal.Signals) -> None:
    line = [sys.executable, "-W", "error", str(DEMO / "demo_web.py"), "--port", "0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            first = process.stdout.readline() if process.stdout else ""
            assert first.startswith("open http://127.0.0.1:"), first
            process.send_signal(number)
            rest, errors = process.communicate(timeout=30)
        finally:
            # whoever it has started has a process group of its own, and is ended by it
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, rest, errors) == (0, "ended\n", "")


def test_demo_web_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_files, "WHEELS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["demo_web.py"])
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert demo_web.main() == 1
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)
    assert "run make build/browser/made" in capsys.readouterr().err
