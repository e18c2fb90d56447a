"""What task groups make of errors, and values that may have to be awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import TypeVar, cast

__all__ = ["alone", "finished"]

T = TypeVar("T")


@contextmanager
def alone() -> Iterator[None]:
    """An error that a task group inside raises alone comes out without the group; several stay together."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        error = group.exceptions[0]
    else:
        return
    # the group says nothing that the error does not say
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context
        del error, context


async def finished(value: T | Awaitable[T]) -> T:
    """``value``, awaited where that is needed: what a function returned that may be a coroutine function."""
    return cast("T", await value) if isawaitable(value) else value
