"""Any bytes, in any cuts, to either role: events or NEED_DATA, never an exception, never without end."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kit.keys import SERVER_KEY
from kit.pairs import bound_pair, make_pair
from mtproto_bind import (
    NEED_DATA,
    ClientConnection,
    Computation,
    ConnectionClosed,
    Event,
    Framing,
    Question,
    Server,
    ServerConnection,
    Transport,
    TransportEnded,
)
from mtproto_bind.testing import Owner, make_client_config, make_server_config

NOW = 1_800_000_000.25
FRAMES = [
    bytes.fromhex(text)
    for text in (
        "00000000000000000100000000d2496b14000000f18e7ebe" + "11" * 16,
        "00000000000000000100000000d2496b14000000789746 60".replace(" ", "") + "22" * 16,
        "6cfeffff",
        "53feffff",
        "0000000000000000010000000000000004000000" + "59b4d662",
        "11" * 72,
        "11" * 8 + "22" * 16 + "33" * 160,
        "00" * 8 + "01" * 8 + "ffffff7f" + "00" * 64,
    )
]
TAGS = [b"", b"\xef", b"\xee" * 4, b"\xdd" * 4, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"]


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Bytes of a peer: frames that look right, noise between them, cut anywhere."""
    parts = draw(st.lists(st.one_of(st.sampled_from(FRAMES).map(intermediate), st.binary(max_size=80)), max_size=8))
    data = draw(st.sampled_from(TAGS)) + b"".join(parts)
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def intermediate(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "little") + payload


def drain(connection: ClientConnection | ServerConnection, owner: Owner) -> list[Event]:
    """All events up to NEED_DATA; AssertionError if there is no end of them."""
    events: list[Event] = []
    while (event := connection.next_event()) is not NEED_DATA:
        events.append(event)
        if isinstance(event, Computation) or (isinstance(event, Question) and isinstance(connection, ServerConnection)):
            connection.answer(event, owner.answer(event), NOW)
        if len(events) > 100:
            raise AssertionError("events without end")
    return events


def feed(connection: ClientConnection | ServerConnection, pieces: list[bytes], owner: Owner) -> list[Event]:
    events: list[Event] = []
    for piece in pieces:
        connection.receive_data(piece, NOW)
        events += drain(connection, owner)
        connection.data_to_send(NOW)
    connection.transport_lost(NOW)
    return events + drain(connection, owner)


@given(streams())
def test_a_server(pieces: list[bytes]) -> None:
    server = Server(make_server_config(SERVER_KEY))
    events = feed(server.accept(Transport.detect(), "peer", NOW), pieces, Owner())
    assert [type(event) for event in events].count(ConnectionClosed) == 1
    assert isinstance(events[-1], ConnectionClosed)


@given(st.sampled_from([Framing.INTERMEDIATE, Framing.ABRIDGED, Framing.PADDED, Framing.FULL]), streams())
def test_a_client_that_knows_nothing(framing: Framing, pieces: list[bytes]) -> None:
    client = ClientConnection(make_client_config(SERVER_KEY))
    client.transport_opened(Transport(framing), NOW)
    events = feed(client, pieces, Owner())
    assert [type(event) for event in events].count(TransportEnded) == 1


@given(streams())
@settings(max_examples=30)
def test_a_client_that_is_bound(pieces: list[bytes]) -> None:
    pair = bound_pair()
    key = pair.client.bound_key()
    events = feed(pair.client, pieces, pair.owner)
    assert [type(event) for event in events].count(TransportEnded) == 1
    # nothing that is not authenticated costs the key
    assert pair.client.bound_key().key == key.key


@given(st.data())
@settings(max_examples=30)
def test_any_cuts_give_the_same_events(data: st.DataObject) -> None:
    """Contract 7, both roles: what one end wrote in one piece arrives in many."""

    def story(cut: Any) -> tuple[list[Event], list[Event]]:
        pair = make_pair()
        receive = pair.client.receive_data

        def deliver(piece: bytes, now: float) -> None:
            for part in cut(piece):
                receive(part, now)
                drained = pair.client.next_event()
                while drained is not NEED_DATA:
                    pair._client_event(drained)
                    drained = pair.client.next_event()

        pair.client.receive_data = deliver  # type: ignore[method-assign]  # the same, in pieces
        pair.run(3)
        return [told.event for told in pair.told], [told.event for told in pair.server_told]

    size = data.draw(st.integers(1, 60))
    assert story(lambda piece: [piece]) == story(lambda piece: [piece[at : at + size] for at in range(0, len(piece), size)])
