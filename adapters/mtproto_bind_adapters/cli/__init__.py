"""The command line: ``mtproto-bind``, or ``python -m mtproto_bind_adapters.cli``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from . import bind, demo, genkey, serve, sign
from .console import Console, Failure, Misuse, ReaderGone
from .parser import build_parser

__all__ = ["main"]

COMMANDS: Mapping[str, Callable[..., None]] = {
    "bind": bind.run,
    "demo": demo.run,
    "genkey": genkey.run,
    "serve": serve.run,
    "sign": sign.run,
}

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code. ``argv``: without the program's name; None: that of the process."""
    try:
        options = build_parser().parse_args(argv)
    except SystemExit as end:
        # argparse has said what was wrong, or shown the help
        return MISUSED if end.code else DONE
    console = Console(as_json=options.json)
    try:
        COMMANDS[options.command](options, console)
    except Misuse as error:
        console.complain(str(error))
        return MISUSED
    except Failure as error:
        console.complain(str(error))
        console.tell(error=error.as_json())
        return FAILED
    except ReaderGone:
        return FAILED
    except KeyboardInterrupt:
        console.complain("interrupted")
        return INTERRUPTED
    return DONE
