"""``mtproto-bind --print-completion SHELL``: what makes a shell complete the options; written by ``shtab``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

__all__ = ["Completion"]

MISSING = "shtab is missing: pip install 'mtproto-bind[cli]'"


class Completion(argparse.Action):
    """Prints the script for a shell, and ends the program."""

    SHELLS = ("bash", "zsh", "tcsh")
    HELP = 'print what a shell needs to complete these options: eval "$(mtproto-bind --print-completion bash)"'

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        _option: str | None = None,
    ) -> None:
        """See ``argparse``. Raises ``SystemExit``."""
        try:
            import shtab
        except ModuleNotFoundError:
            parser.error(MISSING)
        print(shtab.complete(parser, shell=str(values)))
        parser.exit()
