"""What the documentation shows is run: every page from top to bottom, in an empty folder, as a reader would.

``python`` blocks of a page share their names. In ``console`` blocks the lines ``$ mtproto-bind ...`` are run; ``serve`` and
``sign`` go on beside the rest of the page, on free ports, which stand for 8443 (WebSockets: 8080) and 8444 from there on. The id
of a permanent key stands for that of the key in ``key.json``. ``js`` blocks are run in tests/interop, where a client in
JavaScript is at hand.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from kit.commands import PROGRAM, started
from kit.pages import JAVASCRIPT_PAGE, blocks
from kit.serving import PATIENCE
from kit.sources import ROOT

PORTS = {"serve": {"--listen": "8443", "--websocket": "8080"}, "sign": {"--listen": "8444"}}
"""For each command that goes on, in the order in which it tells of them."""
KEY_ID = re.compile(r"(?<=--permanent-key-id )[0-9a-f]{16}")
SHOWN = {"text", "json", "mermaid"}
"""Blocks of these kinds are looked at only."""
ELSEWHERE = {"make", "pip", "git", "python"}
"""Programs whose lines are not run here."""

PAGES = [ROOT / "README.md", ROOT / "adapters" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@define
class Reader:
    """Does what a page says, in ``folder``."""

    folder: Path
    stack: ExitStack
    names: dict[str, Any] = field(factory=dict)
    ports: dict[str, str] = field(factory=dict)
    """What stands in a page, and what is meant."""

    def read(self, page: Path) -> None:
        for line, kind, content in blocks(page):
            if kind == "python":
                # Errors name the page and its line, and assert holds under -O too.
                code = compile("\n" * (line - 1) + self.meant(content), str(page), "exec", optimize=0)
                exec(code, self.names)
            elif kind == "console":
                for command in re.findall(r"^\$ (.*)$", content, re.MULTILINE):
                    self.run(self.meant(command))
            elif kind not in SHOWN and (kind, page) != ("js", JAVASCRIPT_PAGE):
                raise ValueError(f"{page}:{line}: a block of kind {kind!r} is neither run nor only looked at")

    def meant(self, text: str) -> str:
        for shown, port in self.ports.items():
            text = text.replace(shown, port)
        if KEY_ID.search(text):
            text = KEY_ID.sub(json.loads((self.folder / "key.json").read_text())["key_id"], text)
        return text

    def run(self, command: str) -> None:
        program, *arguments = shlex.split(command)
        if program in ELSEWHERE:
            return
        if program != "mtproto-bind":
            raise ValueError(f"who runs {command!r}?")
        if arguments[0] in PORTS:
            self.start(arguments)
        else:
            line = command.replace("mtproto-bind", shlex.join(PROGRAM), 1)
            subprocess.run(line, shell=True, cwd=self.folder, check=True, timeout=PATIENCE)

    def start(self, arguments: list[str]) -> None:
        """What goes on beside the rest of the page, on free ports."""
        listeners = {option: port for option, port in PORTS[arguments[0]].items() if option in arguments}
        for option in listeners:
            arguments[arguments.index(option) + 1] = "127.0.0.1:0"
        process = self.stack.enter_context(started(*arguments, "--json"))
        if process.stdout is not None:
            for port in listeners.values():
                self.ports[port] = str(json.loads(process.stdout.readline())["port"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_does_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        Reader(tmp_path, stack).read(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page} links to {target}"


def test_a_block_that_fails_is_seen_to_fail(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nassert 1 == 2\n```\n")
    with ExitStack() as stack, pytest.raises(AssertionError) as failed:
        Reader(tmp_path, stack).read(page)
    assert failed.traceback[-1].lineno == 3
    page.write_text("```console\n$ mtproto-bind genkey --bits 17\n```\n")
    with ExitStack() as stack, pytest.raises(subprocess.CalledProcessError):
        Reader(tmp_path, stack).read(page)


@pytest.mark.parametrize("block", ["```py\n1\n```\n", "```js\n1\n```\n", "```console\n$ rm -r /\n```\n"])
def test_a_block_that_nobody_runs_is_refused(tmp_path: Path, block: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(block)
    with ExitStack() as stack, pytest.raises(ValueError, match="run"):
        Reader(tmp_path, stack).read(page)
