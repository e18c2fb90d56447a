"""``--help`` teaches: what it shows is there, and can be typed."""

from __future__ import annotations

import re
import shlex

import pytest

from mtproto_bind_adapters.cli import COMMANDS, main
from mtproto_bind_adapters.cli.lessons import LESSONS
from mtproto_bind_adapters.cli.parser import build_parser

EXAMPLE = re.compile(r"^  (mtproto-bind .*?)(?:  +.*| \(.*)?$", re.MULTILINE)


def test_every_command_has_a_lesson() -> None:
    assert set(LESSONS) == {"mtproto-bind", *COMMANDS}


@pytest.mark.parametrize("name", [name for name in LESSONS if name in COMMANDS])
def test_help_of_a_command_shows_its_text_and_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert LESSONS[name].text in out
    assert LESSONS[name].examples in out
    assert max(map(len, LESSONS[name].text.splitlines())) <= 116


def test_examples_are_lines_that_the_parser_takes() -> None:
    lines = [line for lesson in LESSONS.values() for line in EXAMPLE.findall(lesson.examples)]
    assert len(lines) >= 12
    for line in lines:
        words = shlex.split(line.split(" > ")[0].replace("...", "h"))[1:]
        assert build_parser().parse_args(words).command == words[0]
