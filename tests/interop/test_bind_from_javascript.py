"""The page on JavaScript does what it says: GramJS makes the call of the method's own example, with values that we sealed."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from kit.interop import FOLDER, find_node, serving
from kit.pages import JAVASCRIPT_PAGE, blocks
from kit.programs import PATIENCE, Program
from kit.serving import DC, SERVER_KEY, closed_port

GET_CONFIG, GET_NEAREST_DC = "c4f9186b", "1fb33026"
SHOWN_PORT = "8443"


@frozen
class Reader:
    """Somebody who has done what the page says, up to its JavaScript."""

    folder: Path
    names: dict[str, Any]
    """What the Python of the page has defined."""
    server: Program

    def hand_over(self, **changes: object) -> None:
        """Seals anew, and writes ``binding.json`` with these changes."""
        (self.folder / "binding.json").write_text(json.dumps(self.names["seal"](time.time()) | changes))

    def bind(self) -> subprocess.CompletedProcess[str]:
        """Runs the JavaScript of the page."""
        command = [find_node(), "--import", FOLDER / "loopback.mjs", "bind.mjs"]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def told(self) -> list[dict[str, Any]]:
        """All that the server has to say; it is stopped."""
        self.server.finish(by=signal.SIGTERM)
        return self.server.told


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    (tmp_path / "public.pem").write_text(SERVER_KEY.public.to_pem())
    script = [content for _, kind, content in blocks(JAVASCRIPT_PAGE) if kind == "js"]
    assert len(script) == 2
    (tmp_path / "bind.mjs").write_text("".join(script))
    with serving(tmp_path, "--dc", DC.id) as (server, port):
        names: dict[str, Any] = {}
        for line, kind, content in blocks(JAVASCRIPT_PAGE):
            if kind == "python":
                code = "\n" * (line - 1) + content.replace(SHOWN_PORT, str(port))
                exec(compile(code, str(JAVASCRIPT_PAGE), "exec", optimize=0), names)
        yield Reader(tmp_path, names, server)


def test_the_page_does_what_it_says(reader: Reader) -> None:
    done = reader.bind()
    assert (done.returncode, done.stdout, done.stderr) == (0, f"bound: true\nnearest data centre: {DC.id}\n", "")
    permanent, temporary = reader.names["permanent_key"].id, reader.names["temporary"].key.id
    told = reader.told()
    assert [line for line in told if line["event"] not in ("listening", "stopped")] == [
        {"event": "key_created", "kind": "permanent", "key_id": f"{permanent:016x}"},
        {"event": "key_created", "kind": "temporary", "key_id": f"{temporary:016x}"},
        {"event": "key_bound", "temporary_key_id": f"{temporary:016x}", "permanent_key_id": f"{permanent:016x}"},
        {"event": "call", "method": GET_CONFIG},
        {"event": "call", "method": GET_NEAREST_DC},
    ]


def test_what_went_out_under_another_id_is_refused_and_sealed_anew(reader: Reader) -> None:
    # the server refuses the salt, and GramJS sends the request again, under an id that was not sealed
    reader.hand_over(salt="1")
    refused = reader.bind()
    assert refused.returncode == 1
    assert "ENCRYPTED_MESSAGE_INVALID" in refused.stderr
    reader.hand_over()
    assert reader.bind().stdout.startswith("bound: true\n")
    assert [line["event"] for line in reader.told()].count("key_bound") == 1


def test_the_call_never_leaves_loopback(reader: Reader) -> None:
    reader.hand_over(host="192.0.2.1")
    assert "192.0.2.1 is not on loopback" in reader.bind().stderr


def test_a_server_that_is_not_there_is_told_of(reader: Reader) -> None:
    reader.hand_over(port=closed_port()[1])
    assert "Error: nobody answers at 127.0.0.1 port" in reader.bind().stderr


def test_a_key_that_the_server_does_not_know_is_told_of(reader: Reader) -> None:
    reader.hand_over(temporaryKey="1f" * 256)
    refused = reader.bind()
    assert refused.returncode == 1
    assert "the server does not know the temporary key" in refused.stderr
