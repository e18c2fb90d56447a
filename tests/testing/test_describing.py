"""Transcripts for readers."""

from __future__ import annotations

import pytest
from attrs import evolve

from kit.recorded import transcripts_of, whole_story
from mtproto_bind.testing import Role, Row, RowKind, Step, Transcript, describe, redact, rows

CLIENT, SERVER = transcripts_of(whole_story())
HANDSHAKE = ["req_pq_multi", "resPQ", "req_DH_params", "server_DH_params_ok", "set_client_DH_params", "dh_gen_ok"]


def test_rows_of_a_client() -> None:
    told = rows(CLIENT)
    frames = [row for row in told if row.kind in (RowKind.SENT, RowKind.RECEIVED)]
    assert [row.name for row in frames][:13] == [*HANDSHAKE, *HANDSHAKE, "auth.bindTempAuthKey"]
    assert [row.kind for row in frames[:6]] == [RowKind.SENT, RowKind.RECEIVED] * 3
    events = [row.name for row in told if row.kind is RowKind.TOLD and row.name != "Computation"]
    assert events == [
        "PermanentKeyCreated",
        "TemporaryKeyCreated",
        "KeyBound",
        "CallAnswered",
        "CallAnswered",
        "TransportEnded",
        "UpdateReceived",
        "ConnectionClosed",
    ]
    assert (told[0].at, told[0].stream, told[-1].stream) == (0.0, 0, 2)
    assert [row.at for row in told] == sorted(row.at for row in told)
    assert all(CLIENT.steps[row.step] for row in told)


def test_rows_of_a_server_mirror_those_of_its_client() -> None:
    sent = [row.name for row in rows(CLIENT) if row.kind is RowKind.SENT]
    heard = [row.name for row in rows(SERVER) if row.kind is RowKind.RECEIVED]
    assert heard == sent
    assert {row.stream for row in rows(SERVER) if row.kind is RowKind.RECEIVED} == {1, 2}


def test_a_description_has_a_line_for_each_row() -> None:
    text = describe(CLIENT)
    head, *lines = text.splitlines()
    assert head == f"client, {len(CLIENT.steps)} steps"
    assert len(lines) == len(rows(CLIENT))
    assert lines[2].split()[:4] == ["0.000", "1", "->", "req_pq_multi"]
    assert "cut off by the recorder" in describe(evolve(CLIENT, complete=False)).splitlines()[0]
    # what was redacted before says the same
    assert describe(redact(CLIENT)) == text


def shown(**step: object) -> list[Row]:
    """The rows of one step, in a transcript that is redacted already."""
    return list(rows(Transcript(role=Role.CLIENT, steps=(Step(**step),), redacted=True)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"do": "made", "gives": {"raises": "ValueError"}}, ["made", "ValueError raised by the making"]),
        ({"do": "renew", "gives": {"raises": "LocalProtocolError"}}, ["renew", "LocalProtocolError raised by renew"]),
        ({"do": "receive_data", "takes": {"data": {"size": 4, "frames": []}}}, ["4 bytes"]),
        ({"do": "receive_data", "takes": {"data": {"size": 0, "frames": []}}}, []),
        ({"do": "receive_data", "takes": {"data": "<data 1>"}}, []),
        ({"do": "data_to_send", "gives": {"size": 9, "frames": ["ping", "pong"]}}, ["ping", "pong"]),
        ({"do": "data_to_send", "gives": {"frames": "none"}}, []),
        ({"do": "next_event", "gives": {"enum": "Sentinel", "name": "NEED_DATA"}}, []),
        (
            {
                "do": "next_event",
                "gives": {"class": "X", "error": {"error": "E", "text": "why", "check": None}, "list": [1, None]},
            },
            ["X error=(E (why)) list=[1, None]"],
        ),
        (
            {"do": "answer", "takes": {"question": {"question": 3}, "value": {"enum": "V", "name": "KEEP"}}},
            ["answer question=(question 3) value=KEEP"],
        ),
        ({"do": "cancel", "takes": {"call_id": {"a": 1, "b": "c"}, "now": 1.0}}, ["cancel call_id=(a=1 b=c)"]),
        ({"do": "handle_timeout", "takes": {"now": 1.0}}, []),
    ],
)
def test_steps(step: dict[str, object], text: list[str]) -> None:
    assert [row.text for row in shown(**step)] == text
