"""What the hostile client says under a key when it is honest."""

from __future__ import annotations

from typing import Any

import pytest

from kit.hostile import ServerRun, choosing, hostile_pair
from mtproto_bind._tl import InvokeWithoutUpdates


@pytest.mark.parametrize("choice", [{"call__packed": True}, {"call__in_container": True}])
def test_what_the_specification_leaves_open_is_understood(choice: dict[str, Any]) -> None:
    done = ServerRun()
    client = done.meet(choosing(**choice))
    assert (client.complaint, client.finished) == (None, True)
    assert client.heard.count("rpc_result") == len(done.owner.ran) == 2
    assert client.heard.count("pong") == ("call__in_container" in choice)


def test_another_query_may_be_called() -> None:
    done = ServerRun()
    query = InvokeWithoutUpdates(query=bytes.fromhex("2d7a1f0f")).to_bytes()
    done.meet(choosing(call__query=query))
    assert done.owner.ran == [bytes.fromhex("2d7a1f0f"), bytes.fromhex("2d7a1f0e")]


def test_messages_out_of_containers_and_updates_are_heard() -> None:
    _server, client = hostile_pair(choosing(result__in_container=True, update__sent=True))
    assert client.complaint is None
    assert client.heard[-6:] == ["update", "msgs_ack", "rpc_result"] * 2


def test_a_new_salt_is_taken() -> None:
    server, client = hostile_pair(choosing(call__refused="salt"))
    assert client.heard[-2:] == ["bad_server_salt", "bad_server_salt"]
    [session] = server._sessions.values()
    assert [mine.salt for mine in client._sessions.values()] == [session.salt]
    assert client.finished


def test_a_call_refused_for_its_id_is_not_made_again() -> None:
    _server, client = hostile_pair(choosing(call__refused="id"))
    assert client.heard[-2:] == ["bad_msg_notification 16", "bad_msg_notification 16"]
    assert client.finished


def test_what_is_content_related_is_acknowledged() -> None:
    server, client = hostile_pair()
    assert server.heard.count("msgs_ack") == 1
    # new_session_created and the first two results; the last one is left
    assert len(client._earlier["ack.msg_ids"]) == 3
    assert len(client._to_acknowledge) == 1
