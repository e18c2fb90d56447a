"""One stream: a read and a write at a time, and its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
from attrs import define, field

from kit.byte_streams import ScriptedStream
from mtproto_bind_adapters.anyio import wire as module
from mtproto_bind_adapters.anyio.wire import WRITE_SIZE, Wire

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]


@define
class Rig:
    """A wire over a scripted stream."""

    wire: Wire
    stream: ScriptedStream
    changes: list[None] = field(factory=list)

    async def changed(self, times: int) -> None:
        """Until so many reads and writes have ended."""
        while len(self.changes) < times:
            await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def rigged(*, half: bool = True) -> AsyncIterator[Rig]:
    stream = ScriptedStream(half=half)
    changes: list[None] = []
    async with anyio.create_task_group() as tasks:
        rig = Rig(Wire(stream, tasks, lambda: changes.append(None)), stream, changes)
        try:
            yield rig
        finally:
            await rig.wire.close(b"", 0.0)


async def test_nothing_is_read_unasked_and_nothing_before_the_last_piece_is_taken() -> None:
    async with rigged() as rig:
        rig.stream.arrive(b"one", b"two")
        await anyio.lowlevel.checkpoint()
        assert rig.stream.reads == 0
        rig.wire.read()
        rig.wire.read()
        await rig.changed(1)
        rig.wire.read()
        assert (rig.stream.reads, rig.wire.take(), rig.wire.take()) == (1, b"one", b"")
        rig.wire.read()
        await rig.changed(2)
        assert rig.wire.take() == b"two"
        assert not rig.wire.lost


async def test_the_end_is_a_lost_stream_that_is_read_no_more() -> None:
    async with rigged() as rig:
        rig.stream.arrive(b"last")
        rig.stream.end()
        for times in (1, 2, 2):
            rig.wire.read()
            await rig.changed(times)
            if times == 1:
                assert rig.wire.take() == b"last"
        assert rig.wire.lost
        assert rig.stream.reads == 2


async def test_a_stream_that_reads_nothing_has_ended() -> None:
    # own streams may say so as sockets do
    async with rigged() as rig:
        rig.stream.arrive(b"")
        rig.wire.read()
        await rig.changed(1)
        assert rig.wire.lost


async def test_what_is_written_leaves_in_pieces() -> None:
    async with rigged() as rig:
        rig.wire.write(bytes(2 * WRITE_SIZE + 1))
        assert rig.wire.writing
        await rig.changed(1)
        assert not rig.wire.writing
        assert [len(piece) for piece in rig.stream.written] == [WRITE_SIZE, WRITE_SIZE, 1]


@pytest.mark.parametrize(
    "error",
    [OSError(), ConnectionResetError(), anyio.BrokenResourceError(), anyio.ClosedResourceError(), anyio.BusyResourceError("x")],
    ids=lambda error: type(error).__name__,
)
async def test_a_write_that_fails_is_a_lost_stream(error: Exception) -> None:
    async with rigged() as rig:
        rig.stream.refusal = error
        rig.wire.write(b"data")
        await rig.changed(1)
        assert rig.wire.lost
        assert not rig.wire.writing


async def test_a_write_that_blocks_is_a_lost_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALLED", 0.001)
    async with rigged() as rig:
        rig.stream.stall()
        rig.wire.write(b"data")
        await rig.changed(1)
        assert rig.wire.lost


async def test_another_error_is_nobody_s_to_swallow() -> None:
    async def write() -> None:
        async with rigged() as rig:
            rig.stream.refusal = ZeroDivisionError()
            rig.wire.write(b"data")
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised:
        await write()
    assert raised.group_contains(ZeroDivisionError)


async def test_last_words_follow_what_is_being_written() -> None:
    async with rigged() as rig:
        rig.stream.stall()
        rig.wire.write(b"first")
        rig.wire.read()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rig.wire.close, b"last", 60.0)
            await anyio.lowlevel.checkpoint()
            rig.stream.taking.set()
        assert rig.stream.written == [b"first", b"last"]
        assert rig.stream.closed == 1
        assert not rig.stream.half_closed


async def test_a_stream_that_takes_nothing_is_closed_in_time() -> None:
    async with rigged() as rig:
        rig.stream.stall()
        rig.wire.write(b"first")
        await rig.wire.close(b"last", 0.001)
        assert rig.stream.written == []
        assert rig.stream.closed == 1
        # what left in part is no place for more
        assert rig.wire.lost


async def test_a_lost_stream_hears_no_last_words() -> None:
    async with rigged() as rig:
        rig.wire.lost = True
        await rig.wire.close(b"last", 60.0)
        assert rig.stream.written == []
        assert rig.stream.closed == 1


async def test_the_own_side_closes_first_and_waits_for_the_other() -> None:
    async with rigged() as rig:
        rig.stream.arrive(b"one", b"two")
        rig.stream.end()
        await rig.wire.close(b"last", 60.0, half=True)
        assert rig.stream.half_closed
        assert rig.stream.written == [b"last"]
        assert rig.stream.reads == 3


async def test_a_peer_that_does_not_close_is_waited_for_so_long() -> None:
    async with rigged() as rig:
        await rig.wire.close(b"", 0.001, half=True)
        assert rig.stream.half_closed
        assert rig.stream.closed == 1


async def test_a_stream_without_halves_is_closed_whole() -> None:
    async with rigged(half=False) as rig:
        await rig.wire.close(b"last", 60.0, half=True)
        assert rig.stream.written == [b"last"]
        assert rig.stream.reads == 0
        assert rig.stream.closed == 1


async def test_what_goes_wrong_at_the_end_is_nobody_s_concern() -> None:
    async with rigged() as rig:
        rig.stream.refusal = anyio.BrokenResourceError()
        await rig.wire.close(b"last", 60.0)
        assert rig.stream.closed == 1


async def test_closing_that_is_cancelled_closes_all_the_same() -> None:
    async with rigged() as rig:
        rig.wire.read()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await rig.wire.close(b"last", 60.0)
        assert rig.stream.closed == 1


async def test_one_that_is_shielded_goes_on_until_it_is_closed() -> None:
    stream = ScriptedStream()
    stream.stall()
    async with anyio.create_task_group() as tasks:
        wire = Wire(stream, tasks, lambda: None, shield=True)
        wire.write(b"data")
        wire.read()
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.wait_all_tasks_blocked()
            assert wire.writing
            stream.taking.set()
            stream.arrive(b"answer")
            await anyio.wait_all_tasks_blocked()
            assert (wire.writing, wire.take(), stream.written) == (False, b"answer", [b"data"])
            wire.read()
            await wire.close(b"last", 1.0)
    assert stream.written == [b"data", b"last"]
