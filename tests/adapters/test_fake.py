"""A fake Telegram, as the tests of others use it."""

from __future__ import annotations

from itertools import islice
from threading import enumerate as every_thread

import anyio
import pytest

from kit.serving import PATIENCE, QUERY
from mtproto_bind import DataCenter, OutcomeUnknown, PublicKey, RpcError
from mtproto_bind_adapters import sync
from mtproto_bind_adapters.anyio import connect
from mtproto_bind_adapters.fake import Call, FakeTelegram
from mtproto_bind_adapters.sync import CallUnanswered


def turn_around(call: Call) -> bytes:
    return call.body[::-1]


def test_it_binds_answers_and_remembers() -> None:
    with FakeTelegram(turn_around) as fake, sync.connect(fake.client_config(), fake.host, fake.port) as link:
        assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
        [call], [bound] = fake.calls, fake.bound
        assert (call.body, call.method, call.key_id) == (QUERY, 0x04030201, bound.key_id)
        assert [created.record.kind.name for created in fake.keys] == ["PERMANENT", "TEMPORARY"]
        assert PublicKey.from_pem(fake.public_pem) == fake.private_key.public
    assert not any(thread.name == "fake-telegram" for thread in every_thread())
    fake.close()


def test_nobody_told_it_anything_so_it_refuses_and_then_it_is_told() -> None:
    with FakeTelegram(dc=DataCenter(4)) as fake, sync.connect(fake.client_config(), fake.host, fake.port) as link:
        with pytest.raises(CallUnanswered) as refused:
            link.call(QUERY, timeout=PATIENCE)
        assert refused.value.reason == RpcError(400, "INPUT_METHOD_INVALID")
        fake.reply = lambda _call: None
        late = link.submit(QUERY, timeout=0.5)
        fake.wait_for(lambda fake: len(fake.calls) == 2)
        with pytest.raises(CallUnanswered) as unanswered:
            late.result(PATIENCE)
        assert isinstance(unanswered.value.reason, OutcomeUnknown)
        fake.reply = turn_around
        assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]


def test_it_sends_updates() -> None:
    with FakeTelegram(turn_around) as fake, sync.connect(fake.client_config(), fake.host, fake.port) as link:
        link.call(QUERY, timeout=PATIENCE)
        fake.send_update(b"news")
        fake.send_update(b"more")
        assert list(islice(link.updates(timeout=PATIENCE), 2)) == [b"news", b"more"]


def test_streams_end_and_keys_stay() -> None:
    with FakeTelegram(turn_around) as fake, sync.connect(fake.client_config(), fake.host, fake.port) as link:
        key = link.bound(timeout=PATIENCE).key_id
        fake.drop_streams()
        assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
        assert link.bound(timeout=PATIENCE).key_id == key
        assert len(fake.bound) == 1


def test_a_client_makes_another_temporary_key_where_the_first_is_lost() -> None:
    with FakeTelegram(turn_around) as fake, sync.connect(fake.client_config(), fake.host, fake.port) as link:
        link.bound(timeout=PATIENCE)
        fake.lose_temporary_keys()
        fake.wait_for(lambda fake: len(fake.bound) == 2, timeout=PATIENCE)
        assert link.call(QUERY, repeat=True, timeout=PATIENCE) == QUERY[::-1]
        first, second = fake.bound
        assert first.key_id != second.key_id
        assert first.permanent_key_id == second.permanent_key_id


def test_what_does_not_come_is_said() -> None:
    with FakeTelegram() as fake, pytest.raises(TimeoutError, match=r"not come to that within 0\.01 s: 0 calls came so far"):
        fake.wait_for(lambda fake: bool(fake.calls), timeout=0.01)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_clients_in_an_event_loop_are_as_welcome(backend: str) -> None:
    async def call(fake: FakeTelegram) -> bytes:
        async with connect(fake.client_config(), fake.host, fake.port) as link:
            return await link.call(QUERY)

    with FakeTelegram(turn_around) as fake:
        assert anyio.run(call, fake, backend=backend) == QUERY[::-1]


def test_one_that_never_began_is_closed_too() -> None:
    fake = FakeTelegram()
    fake.close()
    assert fake.port == 0
