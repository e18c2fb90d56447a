"""Steps in lines, and what is counted."""

from __future__ import annotations

import re

from mtproto_bind_adapters.cli.timeline import Plain, Timeline


def test_each_step_is_a_line_with_time_direction_and_bytes() -> None:
    lines: list[str] = []
    timeline = Timeline(Plain(lines.append))
    timeline.note("server", "listening")
    timeline.sent("client", "req_pq_multi", 48)
    timeline.received("keys", "resPQ", 1234, 0.0125)
    assert [line[8:] for line in lines] == [
        " ms  server  listening",
        " ms  client  ->    48 bytes  req_pq_multi",
        " ms  keys    <-  1234 bytes  resPQ",
    ]
    assert lines[2].startswith("      12 ms")
    assert [int(line[:8]) for line in lines[:2]] == sorted(int(line[:8]) for line in lines[:2])


def test_the_end_adds_bytes_and_time() -> None:
    lines: list[str] = []
    timeline = Timeline(Plain(lines.append))
    timeline.sent("client", "one", 10)
    timeline.sent("client", "two", 5)
    timeline.received("client", "three", 7, timeline.seconds)
    del lines[:]
    timeline.sum_up({"permanent key": "0ada403ec925428d"})
    assert lines[:2] == ["permanent key  0ada403ec925428d", "        bytes  15 sent, 7 received"]
    assert re.fullmatch(r"         time  \d+ ms", lines[2])
    assert len(lines) == 3
