"""The timeline as a terminal shows it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from io import StringIO

import pytest
from attrs import evolve
from rich.console import Console
from rich.text import Text

from kit.commands import PROGRAM
from mtproto_bind_adapters.cli.picture import RichPicture
from mtproto_bind_adapters.cli.timeline import Step

STEPS = [
    Step(at=0.0031, who="client", text="req_pq_multi", sent=48),
    Step(at=0.0152, who="keys", text="resPQ", received=88),
    Step(at=0.1201, who="server", text="temporary key d0cc83446d82f0c2 made, and bound to d68756ef0658ed17 right away"),
]


def drawn(width: int) -> list[str]:
    """The steps on a terminal of so many columns, without colours and without the line at the bottom."""
    screen = StringIO()
    console = Console(file=screen, width=width, force_terminal=False, highlight=False)
    with RichPicture(console) as picture:
        for step in STEPS:
            picture.show(step)
        picture.sum_up({"permanent key": "d68756ef0658ed17", "time": "123 ms"})
    return [line.rstrip() for line in screen.getvalue().splitlines() if line.strip()]


def test_a_wide_terminal_shows_who_speaks_to_whom() -> None:
    assert drawn(90)[:3] == [
        "   3.1ms client ──▶ server     48 B req_pq_multi",
        "  15.2ms keys   ◀── server     88 B resPQ",
        " 120.1ms server ●                   temporary key d0cc83446d82f0c2 made, and bound to",
    ]


def test_on_a_narrow_one_what_is_long_goes_on_below_its_own_beginning() -> None:
    lines = drawn(44)
    assert lines[:2] == ["   3ms client →    48 B req_pq_multi", "  15ms keys   ←    88 B resPQ"]
    first, *rest = lines[2:-4]
    assert first.startswith(" 120ms server ●         temporary key")
    assert rest
    assert all(line.startswith(" " * 24) and line[24] != " " for line in rest)
    assert "".join(line[24:].replace(" ", "") for line in (first, *rest)) == STEPS[2].text.replace(" ", "")
    assert max(map(len, lines)) <= 44


@pytest.mark.parametrize("width", [44, 90])
def test_the_end_is_a_box(width: int) -> None:
    assert drawn(width)[-4:] == [
        "╭─────────────────────────────────╮",
        "│ permanent key  d68756ef0658ed17 │",
        "│          time  123 ms           │",
        "╰─────────────────────────────────╯",
    ]


def test_the_last_line_says_what_each_waits_for_until_it_has_come() -> None:
    picture = RichPicture(Console(file=StringIO(), width=90))

    def last(step: Step) -> str:
        picture.show(step)
        line = picture._last_line()
        return line.plain if isinstance(line, Text) else str(line.text)

    with picture:
        sent, got = STEPS[0], STEPS[1]
        assert last(sent) == "waiting: client for the answer to req_pq_multi"
        both = "waiting: client for the answer to req_pq_multi, keys for the answer to req_pq_multi"
        assert last(evolve(sent, who="keys")) == both
        assert last(evolve(got, text="bytes, while resPQ is awaited")) == both
        assert last(got) == "waiting: client for the answer to req_pq_multi"
        assert last(evolve(got, who="client")) == last(evolve(sent, text="sealed messages")) == ""
        assert last(sent) != ""
        picture.sum_up({})
        assert str(picture._last_line()) == ""


def on_a_terminal(command: list[str], **environment: str) -> str:
    """What ``command`` writes to a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment}
    )
    os.close(theirs)
    said = b""
    with os.fdopen(ours, "rb", buffering=0) as screen:
        try:
            while piece := screen.read(65536):
                said += piece
        except OSError:
            pass  # that is how a terminal whose programs are gone says that nothing follows
    assert process.wait() == 0
    return said.decode()


def test_on_a_terminal_the_demonstration_is_drawn() -> None:
    said = on_a_terminal([*PROGRAM, "demo"])
    assert "──▶ server" in said
    assert "for the answer to req_pq_multi" in said
    assert "╰─" in said


@pytest.mark.parametrize("dumb", [True, False])
def test_without_rich_or_on_a_dumb_terminal_there_are_lines(dumb: bool) -> None:
    code = "import sys; from mtproto_bind_adapters.cli import main; sys.exit(main(['demo']))"
    blocked = "import sys; sys.modules['rich'] = None; "
    said = on_a_terminal(
        [sys.executable, "-W", "error", "-c", code if dumb else blocked + code], **({"TERM": "dumb"} if dumb else {})
    )
    assert "client  ->    48 bytes  req_pq_multi" in said
    assert "\x1b" not in said
