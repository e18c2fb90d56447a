"""The timeline of a command on a terminal: drawn with ``rich``, while it happens."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from .metered import SEALED
from .timeline import Step

__all__ = ["RichPicture"]

WIDE = 76
"""Columns, below which the peer of a transfer is not named."""
COLOURS = {"server": "magenta", "client": "cyan"}
"""Everybody else: another connection of the client."""


class RichPicture:
    """Steps above, what is waited for in the last line, and a box at the end. A context manager: the last line goes with it."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, transient=True, refresh_per_second=12)
        self._awaited: dict[str, str] = {}
        """What answers what each has sent."""

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.update(Text(""))
        self._live.stop()

    def show(self, step: Step) -> None:
        """See :class:`mtproto_bind_adapters.cli.timeline.Picture`."""
        if step.sent and step.text != SEALED:
            self._awaited[step.who] = step.text
        elif step.received and not step.text.startswith("bytes, "):
            self._awaited.pop(step.who, None)
        self._live.console.print(self._row(step))
        self._live.update(self._last_line(), refresh=True)

    def sum_up(self, facts: Mapping[str, str]) -> None:
        """See :class:`mtproto_bind_adapters.cli.timeline.Picture`."""
        box = Table.grid(padding=(0, 2))
        box.add_column(style="dim", justify="right", no_wrap=True)
        box.add_column(overflow="fold")
        for name, fact in facts.items():
            box.add_row(name, fact)
        self._awaited.clear()
        self._live.update(self._last_line(), refresh=True)
        self._live.console.print(Panel(box, expand=False, border_style="green"))

    def _last_line(self) -> Spinner | Text:
        """What is waited for, and by whom."""
        waits = ", ".join(f"{who} for the answer to {query}" for who, query in self._awaited.items())
        return Spinner("dots", Text(f"waiting: {waits}", style="dim", overflow="ellipsis", no_wrap=True)) if waits else Text("")

    def _row(self, step: Step) -> Table:
        """Columns of one width in every row, so that what is long goes on below its own beginning."""
        wide = self._console.width >= WIDE
        row = Table.grid(padding=(0, 1))
        row.add_column(width=8 if wide else 6, justify="right", style="dim", no_wrap=True)
        row.add_column(width=18 if wide else 9, no_wrap=True)
        row.add_column(width=7 if wide else 6, justify="right", no_wrap=True)
        row.add_column(overflow="fold")
        time = f"{step.at * 1000:.1f}ms" if wide else f"{step.at * 1000:.0f}ms"
        size = step.sent or step.received
        quiet = "" if size else "bold"
        row.add_row(time, self._way(step, wide=wide), f"{size} B" if size else "", Text(step.text, style=quiet))
        return row

    @staticmethod
    def _way(step: Step, *, wide: bool) -> Text:
        """Who speaks to whom."""
        colour = COLOURS.get(step.who, "yellow")
        peer = " server" if wide else ""
        way = Text(f"{step.who:<6} ", style=colour)
        if step.sent:
            return way.append(f"──▶{peer}" if wide else "→", style="green")
        if step.received:
            return way.append(f"◀──{peer}" if wide else "←", style="blue")
        return way.append("●", style=colour)
