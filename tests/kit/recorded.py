"""Recordings of two ends in memory, from nothing to a call, a lost stream, and the end."""

from __future__ import annotations

from typing import Any

from kit.keys import SERVER_KEY
from mtproto_bind import KeyBound
from mtproto_bind.testing import Pair, Recorder, Transcript, make_client_config, make_server_config

QUERY = bytes.fromhex("6b18f9c4")
PAYLOAD = bytes.fromhex("2d7a1f0e") + b"what nobody else may read..."


def recorded_pair(*, client: dict[str, Any] | None = None, server: dict[str, Any] | None = None, **pair: Any) -> Pair:
    """A pair whose ends are recorded; see :func:`transcripts_of`."""
    recorders = Recorder(), Recorder()
    made = Pair(
        recorders[0].client(make_client_config(SERVER_KEY, **(client or {}))),
        recorders[1].server(make_server_config(SERVER_KEY, **(server or {}))),
        **pair,
    )
    vars(made)["recorders"] = recorders
    return made


def transcripts_of(pair: Pair) -> tuple[Transcript, Transcript]:
    """What befell the client, and the server."""
    client, server = vars(pair)["recorders"]
    return client.transcript(), server.transcript()


def whole_story(**settings: Any) -> Pair:
    """Both keys, the binding, calls, a lost stream, an update, the end."""
    pair = recorded_pair(**settings)
    pair.run_until(KeyBound)
    pair.client.call(PAYLOAD, pair.client_now, after=[pair.client.call(QUERY, pair.client_now)], repeat=True)
    pair.run(3)
    pair.cut()
    pair.run(5)
    key = pair.client.bound_key()
    pair.server.send_update(key.key.id, key.session_id, QUERY, pair.server_now)
    pair.run(20)
    pair.client.close(pair.client_now)
    pair.run(1)
    return pair
