"""The face of a server: streams come in, updates go out."""

from __future__ import annotations

from functools import partial

import pytest

from kit.puppet import START, Puppet, World
from mtproto_bind import Framing, Limits, LocalProtocolError, Transport
from mtproto_bind._tl import Ping, Pong

UPDATE = bytes.fromhex("7ee4e8fa")


@pytest.mark.parametrize("framing", list(Framing))
def test_a_stream_of_one_transport_and_no_other(framing: Framing) -> None:
    for offered in Framing:
        one = Puppet(World().dial(Transport(framing), framing=offered))
        one.say(Ping(ping_id=1))
        assert bool(one.heard(Pong)) is (framing is offered)


def test_an_update_waits_for_the_next_stream() -> None:
    one = Puppet(World().dial())
    key_id = one.record.key.id
    with pytest.raises(LocalProtocolError, match="no session"):
        one.world.server.send_update(key_id, one.session_id, UPDATE, START)
    one.say(Ping(ping_id=1))
    one.line.lose()
    assert one.world.server.send_update(key_id, one.session_id, UPDATE, START) is None
    one.line = one.world.dial()
    one.say(Ping(ping_id=2))
    assert sum(each.thing == UPDATE for each in one.line.heard) == 1


def test_updates_do_not_pile_up() -> None:
    one = Puppet(World(limits=Limits(unacknowledged=3)).dial())
    one.say(Ping(ping_id=1))
    send = partial(one.world.server.send_update, one.record.key.id, one.session_id, UPDATE, START)
    # new_session_created is not acknowledged either
    send()
    send()
    with pytest.raises(LocalProtocolError, match="unacknowledged"):
        send()
