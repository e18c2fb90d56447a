"""Errors without their groups, and values that may have to be awaited."""

from __future__ import annotations

import traceback

import anyio
import pytest

from mtproto_bind_adapters.anyio.groups import alone, finished

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]


async def stumble(error: BaseException) -> None:
    raise error


async def test_an_error_that_is_alone_comes_out_alone() -> None:
    error = ValueError("alone")
    with pytest.raises(ValueError, match="alone") as raised, alone():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stumble, error)
    assert raised.value is error
    assert "Group" not in "".join(traceback.format_exception(error))


async def test_what_it_was_raised_from_stays() -> None:
    async def stumble_twice() -> None:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error

    with pytest.raises(ValueError, match="outer") as raised, alone():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stumble_twice)
    assert isinstance(raised.value.__cause__, KeyError)
    assert isinstance(raised.value.__context__, KeyError)


async def test_several_stay_together() -> None:
    with pytest.raises(ExceptionGroup) as raised, alone():
        raise ExceptionGroup("both", [ValueError(), KeyError()])
    assert len(raised.value.exceptions) == 2


async def test_of_groups_in_groups_only_the_outer_one_goes() -> None:
    inner = ExceptionGroup("inner", [ValueError()])
    with pytest.raises(ExceptionGroup) as raised, alone():
        raise ExceptionGroup("outer", [inner])
    assert raised.value is inner


async def test_other_errors_and_none_pass() -> None:
    with alone():
        pass
    with pytest.raises(ValueError, match="other"), alone():
        raise ValueError("other")


async def test_values_and_awaitables() -> None:
    async def later() -> int:
        return 2

    assert await finished(1) == 1
    assert await finished(later()) == 2
