"""What to install where a library is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["needs"]


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Imports inside need the libraries of ``extra``: a ``ModuleNotFoundError`` for one of them says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        # of a package that is missing altogether, what is named may be one of its modules
        name = (error.name or "").partition(".")[0]
        text = f"{name} is missing: pip install 'mtproto-bind[{extra}]'"
        raise ModuleNotFoundError(text, name=error.name) from None
