"""Errors that several are told: each raises one of its own."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from typing import TypeVar

from ..switchboard import CallUnanswered

__all__ = ["fresh"]

E = TypeVar("E", bound=Exception)


def fresh(error: E) -> E:
    """An error of the same class and text for one who waits, with ``error`` as its cause.

    One object that is raised again and again would grow a traceback with each, and show the tasks of others in it.
    """
    made = same(error)
    if made is not error:
        # how a call ended is nobody else's story
        made.__cause__ = error.__cause__ if isinstance(error, CallUnanswered) else error
    return made


def same(error: E) -> E:
    """A copy; ``error`` itself where its class lets nobody make one."""
    kind = type(error)
    with suppress(Exception):
        made = copy(error)
        if type(made) is kind and made is not error and str(made) == str(error):
            return made
    with suppress(Exception):
        # past an __init__ that takes something else than the text it has made
        made = kind.__new__(kind, *error.args)
        made.__dict__.update(error.__dict__)
        return made
    return error
