"""The number of a data centre in every place where it is written, and media connections beside ordinary ones."""

from __future__ import annotations

import pytest

from kit import streams
from kit.keys import SERVER_KEY
from kit.pairs import OTHER_QUERY, Wiretap, make_pair
from kit.rig import Rig
from mtproto_bind import (
    CallAnswered,
    Check,
    ClientConnection,
    ConnectionClosed,
    DataCenter,
    Framing,
    Goal,
    KeyBound,
    KeyCreated,
    KeyExpired,
    MalformedMessage,
    PermanentKeyCreated,
    Retry,
    SecurityError,
    Server,
    ServerConnection,
    Transport,
    TransportErrorReceived,
)
from mtproto_bind._crypto import RsaOpen, Secret, rsa_pad_open
from mtproto_bind._tl import HANDSHAKE, PQInnerDataDC, PQInnerDataTempDC, ReqDHParams
from mtproto_bind._wire import key_id_of, unpack_plain
from mtproto_bind._wire.obfuscation import accept_header
from mtproto_bind.testing import CheapCrypto, Pair, SeededEntropy, make_client_config, make_server_config

NUMBERS = {
    DataCenter(2): 2,
    DataCenter(2, media=True): -2,
    DataCenter(2, test=True): 10_002,
    DataCenter(2, test=True, media=True): -10_002,
    DataCenter(203, cdn=True): 203,
    DataCenter(203, test=True, cdn=True): 10_203,
}


def goal_of(dc: DataCenter) -> Goal:
    return Goal.PERMANENT_KEY if dc.cdn else Goal.BOUND


def inner_data(frame: bytes) -> PQInnerDataDC | PQInnerDataTempDC | None:
    """What a client has encrypted with RSA, if the frame is its req_DH_params."""
    request = HANDSHAKE.read(unpack_plain(frame)[1])[0]
    if not isinstance(request, ReqDHParams):
        return None
    block = RsaOpen(request.encrypted_data, SERVER_KEY, Secret(SeededEntropy(b"blinding")(32))).run(CheapCrypto())
    inner = HANDSHAKE.read(rsa_pad_open(block, CheapCrypto()))[0]
    assert isinstance(inner, PQInnerDataDC | PQInnerDataTempDC)
    return inner


@pytest.mark.parametrize("dc", NUMBERS, ids=NUMBERS.get)
def test_the_number_in_the_handshakes(dc: DataCenter) -> None:
    network = Wiretap()
    pair = make_pair(client={"dc": dc, "goal": goal_of(dc)}, server={"dc": dc}, network=network)
    pair.run_until(PermanentKeyCreated if dc.cdn else KeyBound)
    inner = [found for frame in network.frames if not key_id_of(frame) and (found := inner_data(frame)) is not None]
    assert [type(each) for each in inner] == [PQInnerDataDC, PQInnerDataTempDC][: len(inner)]
    assert [each.dc for each in inner] == [NUMBERS[dc]] * (1 if dc.cdn else 2)
    assert {event.record.media for event in pair.server_events(KeyCreated)} == {dc.media}


@pytest.mark.parametrize("secret", [None, bytes(16), b"\xdd" + bytes(16)], ids=["bare", "secret", "padded secret"])
@pytest.mark.parametrize("dc", NUMBERS, ids=NUMBERS.get)
def test_the_number_in_the_header_of_an_obfuscated_stream(dc: DataCenter, secret: bytes | None) -> None:
    transport = Transport(Framing.PADDED, obfuscated=True, secret=secret)
    client = ClientConnection(make_client_config(SERVER_KEY, dc=dc, goal=goal_of(dc)))
    client.transport_opened(transport, 0.0)
    accepted = accept_header(client.data_to_send(0.0)[:64], secret=transport.key_secret, crypto=CheapCrypto())
    assert accepted is not None
    assert accepted.framing is Framing.PADDED
    assert accepted.dc == NUMBERS[dc]


def first_frame(dc: DataCenter, wanted: int, secret: bytes | None) -> ServerConnection:
    """A server after the header of a client that wants to go to ``wanted``, and a message that is none."""
    server = Server(make_server_config(SERVER_KEY, dc=dc))
    link = server.accept(Transport.detect(secrets=[] if secret is None else [secret]), "peer", 0.0)
    client = streams.client(Transport(obfuscated=True, secret=secret), dc=wanted)
    client.send(bytes(24))
    link.receive_data(client.data_to_send(), 0.0)
    return link


@pytest.mark.parametrize("wanted", NUMBERS, ids=NUMBERS.get)
@pytest.mark.parametrize("dc", NUMBERS, ids=NUMBERS.get)
def test_behind_a_secret_the_header_has_to_name_a_data_centre_that_is_served(dc: DataCenter, wanted: DataCenter) -> None:
    closed = first_frame(dc, NUMBERS[wanted], bytes(16)).next_event()
    assert isinstance(closed, ConnectionClosed)
    refused = isinstance(closed.error, SecurityError) and closed.error.check is Check.DATA_CENTER
    assert refused == (not dc.serves(wanted))
    # a message that is none is refused otherwise
    assert refused or isinstance(closed.error, MalformedMessage)


def test_what_a_client_behind_a_secret_is_told() -> None:
    dc, wanted = DataCenter(2), DataCenter(4)
    transport = Transport(Framing.PADDED, obfuscated=True, secret=b"\xdd" + bytes(16))
    pair = make_pair(client={"dc": wanted, "retry": Retry(attempts=1)}, server={"dc": dc}, transport=transport)
    closed = pair.run_until(ConnectionClosed)
    assert isinstance(closed, ConnectionClosed)
    assert isinstance(closed.error, TransportErrorReceived)
    assert closed.error.code == -444
    [ended] = pair.server_events(ConnectionClosed)
    assert "4 was asked for in the header" in str(ended.error)


def test_without_a_secret_the_header_may_name_any() -> None:
    closed = first_frame(DataCenter(2), 4, None).next_event()
    assert isinstance(closed, ConnectionClosed)
    assert isinstance(closed.error, MalformedMessage)


def test_a_server_that_is_any_data_centre_takes_every_header() -> None:
    transport = Transport(Framing.PADDED, obfuscated=True, secret=b"\xdd" + bytes(16))
    served = [dc for dc in NUMBERS if not dc.cdn]
    assert served
    for dc in served:
        pair = make_pair(client={"dc": dc}, server={"dc": None}, transport=transport)
        bound = pair.run_until(KeyBound)
        assert isinstance(bound, KeyBound)
        assert bound.key_id == pair.client.bound_key().key.id
        assert pair.server_events(ConnectionClosed) == []


@pytest.mark.parametrize("dc", NUMBERS, ids=NUMBERS.get)
def test_the_number_in_what_is_saved(dc: DataCenter) -> None:
    saved = ClientConnection(make_client_config(SERVER_KEY, dc=dc, goal=goal_of(dc))).save()
    assert int.from_bytes(saved[1:5], "little", signed=True) == NUMBERS[dc]
    for other in NUMBERS:
        config = make_client_config(SERVER_KEY, dc=other, goal=goal_of(other))
        if other == dc:
            ClientConnection(config, saved=saved)
        else:
            with pytest.raises(ValueError, match=f"for data centre {NUMBERS[dc]}, the configuration for {NUMBERS[other]}"):
                ClientConnection(config, saved=saved)


@pytest.mark.parametrize("wanted", NUMBERS, ids=NUMBERS.get)
@pytest.mark.parametrize("dc", NUMBERS, ids=NUMBERS.get)
def test_a_server_answers_those_whom_it_serves(dc: DataCenter, wanted: DataCenter) -> None:
    client = {"dc": wanted, "goal": Goal.PERMANENT_KEY, "retry": Retry(attempts=1)}
    pair = make_pair(client=client, server={"dc": dc})
    if dc.serves(wanted):
        pair.run_until(PermanentKeyCreated)
    else:
        closed = pair.run_until(ConnectionClosed)
        assert isinstance(closed, ConnectionClosed)
        assert isinstance(closed.error, TransportErrorReceived)
        assert closed.error.code == -444


# ---- a media connection beside the ordinary one


def bound(rig: Rig, pair: Pair) -> KeyBound:
    seen = len(pair.events(KeyBound))
    assert rig.run(60, lambda: len(pair.events(KeyBound)) > seen)
    event: KeyBound = pair.events(KeyBound)[-1]
    return event


def answers(rig: Rig, pair: Pair) -> bool:
    """Whether the key that a client has in use is good for a call."""
    seen, key_id = len(pair.events(CallAnswered)), pair.client.bound_key().key.id
    pair.client.call(OTHER_QUERY, pair.client_now)
    rig.run(60, lambda: len(pair.events(CallAnswered)) > seen or bool(pair.events(KeyExpired)))
    return len(pair.events(CallAnswered)) > seen and pair.client.bound_key().key.id == key_id


def beside_each_other(*, media: bool) -> tuple[Rig, Pair, Pair]:
    """An ordinary connection, and another one with the same permanent key, both bound."""
    rig = Rig(server={"dc": DataCenter(2)})
    ordinary = rig.connect(b"ordinary", dc=DataCenter(2))
    bound(rig, ordinary)
    key = ordinary.events(PermanentKeyCreated)[0].key
    other = rig.connect(b"other", dc=DataCenter(2, media=media), permanent_key=key)
    bound(rig, other)
    return rig, ordinary, other


def test_each_has_a_temporary_key_bound_at_the_same_time() -> None:
    rig, ordinary, media = beside_each_other(media=True)
    permanent = ordinary.client.bound_key().permanent_key_id
    assert media.client.bound_key().permanent_key_id == permanent
    keys = [pair.client.bound_key().key.id for pair in (ordinary, media)]
    assert rig.owner.bindings == {(permanent, False): keys[0], (permanent, True): keys[1]}
    assert [rig.owner.keys[key].bound_to for key in keys] == [permanent, permanent]
    assert answers(rig, ordinary)
    assert answers(rig, media)


@pytest.mark.parametrize("renewed", [0, 1])
def test_a_renewal_of_one_leaves_the_other_alone(renewed: int) -> None:
    rig, *pairs = beside_each_other(media=True)
    mine, other = pairs[renewed], pairs[1 - renewed]
    before = [pair.client.bound_key().key.id for pair in (mine, other)]
    mine.client.renew(mine.client_now)
    assert bound(rig, mine).renewal
    # long enough for the server to forget the session of the key before
    rig.run(30)
    after = [pair.client.bound_key().key.id for pair in (mine, other)]
    assert after[0] != before[0]
    assert after[1] == before[1]
    assert answers(rig, mine)
    assert answers(rig, other)
    assert not other.events(KeyExpired)


def test_a_second_ordinary_binding_ends_the_first() -> None:
    rig, first, second = beside_each_other(media=False)
    unbound, in_use = first.client.bound_key().key.id, second.client.bound_key().key.id
    assert rig.owner.keys[unbound].bound_to is None
    assert list(rig.owner.bindings.values()) == [in_use]
    assert answers(rig, second)
    assert not answers(rig, first)
    assert [event.key_id for event in first.events(KeyExpired)] == [unbound]
