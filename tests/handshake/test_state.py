"""What holds for every state: what it takes, what it refuses, and that nothing else can happen."""

from __future__ import annotations

import pickle
import re

import pytest

from kit import drawing
from kit.handshakes import ClientStages, ServerStages, client_stages, client_tools, server_stages, server_tools
from mtproto_bind._errors import MalformedMessage, SecurityError, UnexpectedMessage
from mtproto_bind._handshake import OwnerState, PeerState, State, WorkState, deliver, resume, routes
from mtproto_bind._handshake import client as of_client
from mtproto_bind._handshake import server as of_server
from mtproto_bind._tl import HANDSHAKE, MsgsAck, Ping, TLObject

STAGES: list[ClientStages | ServerStages] = [client_stages(), server_stages()]
STATES = [state for stages in STAGES for state in stages.states]
IDS = [f"{type(state).__module__.rpartition('.')[2]}.{type(state).__name__}" for state in STATES]


def sample(kind: type[TLObject]) -> TLObject:
    """An object of this constructor, with sense in nothing."""
    values = {"int128": b"\x11" * 16, "int256": b"\x22" * 32, "string": b"\x33" * 8, "int": 7, "long": 9, "Vector<long>": (1, 2)}
    return kind(**{each.name: values[each.type] for each in kind.constructor.fields})


def anew(state: State) -> State:
    """The same state, made once more from the beginning."""
    return [each for stages in (client_stages(), server_stages()) for each in stages.states][STATES.index(state)]


def tools_for(state: State) -> object:
    return client_tools() if type(state).__module__ == of_client.__name__ else server_tools()


def taken_by(state: State) -> set[str]:
    """Constructors of the messages that the state takes."""
    kinds = [route.takes for route in routes(type(state))]
    return {kind.constructor.name for kind in kinds if isinstance(kind, type) and issubclass(kind, TLObject)}


@pytest.mark.parametrize("kind", HANDSHAKE.classes, ids=lambda kind: kind.constructor.name)
@pytest.mark.parametrize("state", STATES, ids=IDS)
def test_every_message_in_every_state_is_taken_or_refused_by_name(state: State, kind: type[TLObject]) -> None:
    name, body, tools = kind.constructor.name, sample(kind).to_bytes(), tools_for(state)
    if name not in taken_by(state):
        with pytest.raises(UnexpectedMessage) as raised:
            deliver(state, body, tools)
        assert raised.value.got == name
        assert set(raised.value.expected) == taken_by(state)
    elif isinstance(state, of_server.ExpectReqPQ):
        assert isinstance(deliver(state, body, tools), of_server.ExpectReqDHParams)
    else:
        # awaited, and then looked at: these are the nonces of no handshake
        with pytest.raises(SecurityError, match=r"^NONCE"):
            deliver(state, body, tools)
    assert state == anew(state)


@pytest.mark.parametrize("state", STATES, ids=IDS)
def test_what_is_no_message_of_a_handshake_is_refused_in_every_state(state: State) -> None:
    tools = tools_for(state)
    with pytest.raises(UnexpectedMessage) as raised:
        deliver(state, Ping(1).to_bytes(), tools)
    assert raised.value.got == "0x7abe77ec"
    assert set(raised.value.expected) == taken_by(state)
    for garbage in (b"", b"\x01\x02\x03"):
        with pytest.raises(MalformedMessage):
            deliver(state, garbage, tools)


@pytest.mark.parametrize("state", [each for each in STATES if taken_by(each)], ids=lambda state: type(state).__name__)
def test_a_message_that_is_cut_off_anywhere_is_refused(state: State) -> None:
    tools = tools_for(state)
    for name in taken_by(state):
        [kind] = [each for each in HANDSHAKE.classes if each.constructor.name == name]
        body = sample(kind).to_bytes()
        for size in range(len(body)):
            with pytest.raises(MalformedMessage):
                deliver(state, body[:size], tools)


def test_a_plain_acknowledgement_is_for_servers_only() -> None:
    ack = MsgsAck((1,)).to_bytes()
    for state in STATES:
        if type(state).__module__ == of_server.__name__ and isinstance(state, PeerState):
            assert deliver(state, ack, server_tools()) is state
        else:
            with pytest.raises(UnexpectedMessage, match="got 0x62d6b459"):
                deliver(state, ack, tools_for(state))


@pytest.mark.parametrize("state", STATES, ids=IDS)
def test_a_state_does_not_change_and_is_compared_by_its_contents(state: State) -> None:
    for name in ("purpose", "request", "answer", "key", "work", "anything"):
        with pytest.raises(AttributeError):
            setattr(state, name, None)
    assert state == anew(state)
    assert hash(state) == hash(anew(state))
    assert len({*STATES, anew(state)}) == len(STATES)
    assert not hasattr(state, "__dict__")


def test_secrets_do_not_leave_by_pickling() -> None:
    for stages in STAGES:
        holding = [state for state in stages.states if "Secret" in repr(state) or "AuthKey" in repr(state)]
        assert holding
        for state in holding:
            with pytest.raises(TypeError, match="not pickled"):
                pickle.dumps(state)


@pytest.mark.parametrize("state", STATES, ids=IDS)
def test_each_state_waits_for_one_kind_of_thing(state: State) -> None:
    kinds = [kind for kind in (PeerState, WorkState, OwnerState) if isinstance(state, kind)]
    assert len(kinds) == bool(routes(type(state)))
    if isinstance(state, WorkState):
        [route] = routes(type(state))
        assert route.takes is not None
        value = state.work.run(client_tools().crypto)
        assert type(resume(state, value, tools_for(state))) in route.leads_to
    if isinstance(state, OwnerState):
        assert [route.takes for route in routes(type(state))] == [None, None]


@pytest.mark.parametrize("state", STATES, ids=IDS)
def test_a_handler_is_named_for_the_constructor_that_it_takes(state: State) -> None:
    for route in routes(type(state)):
        if isinstance(route.takes, type) and issubclass(route.takes, TLObject):
            snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", route.takes.constructor.name).lower()
            assert route.handler == f"on_{snake}"


def test_every_state_that_the_routes_lead_to_is_tried_here() -> None:
    for first in (of_client.ExpectResPQ, of_server.ExpectReqPQ):
        assert set(drawing.reachable(first)) <= {type(state) for state in STATES}


def test_the_page_shows_what_the_routes_say() -> None:
    assert drawing.PAGE.read_text(encoding="utf-8") == drawing.page(), "write it anew: python tests/kit/drawing.py"
    assert "    ExpectServerDHParams --> [*]: server_DH_params_fail" in drawing.page()
    assert "    RaisingKey --> KeyOffering: powers" in drawing.page()
