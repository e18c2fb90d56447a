"""Recorders: the machine works as ever, and what befalls it is kept."""

from __future__ import annotations

import pytest

from kit.keys import SERVER_KEY
from kit.pairs import make_pair
from kit.recorded import recorded_pair, transcripts_of, whole_story
from mtproto_bind import CallReceived, ClientConnection, KeyBound, LocalProtocolError, Server, Transport
from mtproto_bind.testing import Pair, Recorder, Role, make_client_config, make_server_config

NOW = 1_800_000_000.25


def test_a_recorded_pair_does_what_it_does_without() -> None:
    plain, recorded = make_pair(), recorded_pair()
    for pair in (plain, recorded):
        pair.run(30)
    assert [told.event for told in recorded.told] == [told.event for told in plain.told]
    assert [told.event for told in recorded.server_told] == [told.event for told in plain.server_told]


def test_what_is_kept() -> None:
    client, server = transcripts_of(whole_story())
    assert (client.role, server.role) == (Role.CLIENT, Role.SERVER)
    assert (client.complete, client.redacted) == (True, False)
    assert client.steps[0].do == server.steps[0].do == "made"
    assert {step.stream for step in client.steps} == {0}
    assert {step.stream for step in server.steps} == {0, 1, 2}
    # nonce, new_nonce, and what RSA_PAD and the share take, for two keys at least
    assert sum(len(step.draws) for step in client.steps) > 10
    [call] = [step for step in client.steps if step.do == "call" and step.takes.get("repeat")]
    assert (call.gives, call.takes["after"]) == (2, [1])


def test_the_machines_are_the_ordinary_ones() -> None:
    assert type(Recorder().client(make_client_config(SERVER_KEY))) is ClientConnection
    assert type(Recorder().server(make_server_config(SERVER_KEY))) is Server


def test_one_machine_for_each_recorder() -> None:
    recorder = Recorder()
    with pytest.raises(ValueError, match="nothing is recorded"):
        recorder.transcript()
    recorder.client(make_client_config(SERVER_KEY))
    with pytest.raises(ValueError, match="records one machine"):
        recorder.server(make_server_config(SERVER_KEY))
    with pytest.raises(ValueError, match="records one machine"):
        recorder.client(make_client_config(SERVER_KEY))


def test_what_is_raised_is_kept_and_raised() -> None:
    recorder = Recorder()
    client = recorder.client(make_client_config(SERVER_KEY))
    with pytest.raises(LocalProtocolError):
        client.renew(NOW)
    with pytest.raises(TypeError):
        client.call("text", NOW)  # type: ignore[arg-type]  # what a careless caller may give
    with pytest.raises(TypeError):
        client.call(1, 2, 3, 4)  # type: ignore[call-arg,misc,arg-type]  # likewise
    assert [step.gives for step in recorder.transcript().steps[1:]] == [
        {"raises": "LocalProtocolError"},
        {"raises": "TypeError"},
        {"raises": "TypeError"},
    ]


def test_a_bug_is_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: ClientConnection, now: float) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ClientConnection, "handle_timeout", broken)
    recorder = Recorder()
    with pytest.raises(ZeroDivisionError):
        recorder.client(make_client_config(SERVER_KEY)).handle_timeout(NOW)
    assert recorder.transcript().steps[-1].gives == {"raises": "ZeroDivisionError"}


def test_a_recorder_that_is_full_lets_the_machine_work() -> None:
    recorder = Recorder(most_steps=10)
    client = recorder.client(make_client_config(SERVER_KEY))
    pair = Pair(client, Server(make_server_config(SERVER_KEY)))
    pair.run_until(KeyBound)
    transcript = recorder.transcript()
    assert (len(transcript.steps), transcript.complete) == (10, False)


def test_streams_are_told_apart() -> None:
    recorder = Recorder()
    server = recorder.server(make_server_config(SERVER_KEY))
    links = [server.accept(Transport.detect(), ("host", port), NOW) for port in (1, 2)]
    links[1].transport_lost(NOW)
    last = recorder.transcript().steps[-1]
    assert (last.do, last.stream) == ("transport_lost", 2)


def test_an_answer_that_leaves_elsewhere_names_its_stream() -> None:
    """Contract of ``send_result``: the connection to be written is the one where the session speaks now."""
    pair = recorded_pair()
    pair.run_until(KeyBound)
    pair.run(1)
    pair.server_hold = True
    pair.client.call(bytes(4), pair.client_now)
    pair.run(1)
    [(link, call)] = pair.server_held
    assert isinstance(call, CallReceived)
    pair.cut()
    pair.run(5)
    link.send_result(call, bytes(4), pair.server_now)
    _client, server = transcripts_of(pair)
    [step] = [step for step in server.steps if step.do == "send_result"]
    assert (step.stream, step.gives) == (1, {"stream": 2})
