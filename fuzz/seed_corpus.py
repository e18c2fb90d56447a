"""Writes the first inputs of ``fuzz/corpus``, from the test vectors and from conversations: ``python fuzz/seed_corpus.py``."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from decoders import KEY, server_key  # noqa: E402  these lie beside this file
from targets import keep  # noqa: E402

from mtproto_bind import ClientConnection, Framing, KeyBound, Server  # noqa: E402
from mtproto_bind._crypto import Side, default_crypto  # noqa: E402
from mtproto_bind._tl import API, BOOL_TRUE, HANDSHAKE, SERVICE, GzipPacked, pack  # noqa: E402
from mtproto_bind._wire import seal  # noqa: E402
from mtproto_bind.testing import Owner, Pair, Role, Transcript, converse, make_client_config, make_server_config, redact  # noqa: E402

VECTORS = HERE.parent / "tests" / "vectors"
DIGITS = re.compile(r"(?:[0-9a-f]{2}){4,2048}")
MOST = 12
"""Inputs for one target from one source."""


def hexadecimal(value: Any) -> Iterator[bytes]:
    """Every string of hexadecimal digits in a vector file."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from hexadecimal(each)
    elif isinstance(value, str) and DIGITS.fullmatch(value):
        yield bytes.fromhex(value)


def vectors(*names: str) -> list[bytes]:
    """What these files hold, once each."""
    found = (each for name in names for each in hexadecimal(json.loads((VECTORS / f"{name}.json").read_text("utf-8"))))
    return list(dict.fromkeys(found))


def tl() -> Iterator[tuple[str, list[bytes]]]:
    """Messages by schema."""
    every = vectors("constructors", "handshake_samples", "edge_cases", "bind_temp_auth_key", "synthetic_full_run")
    plain = [each for each in every if each[:8] == bytes(8)]
    every += [each[20:] for each in plain]
    for name, schema in (("tl_handshake", HANDSHAKE), ("tl_service", SERVICE), ("tl_api", API)):
        by_name = {schema.name_of(each): each for each in every if schema.name_of(each) is not None}
        # of every constructor at least one that is empty or full of zeros
        zeros = {each.name: each.id.to_bytes(4, "little") + bytes(64) for each in schema.constructors}
        yield name, list({**zeros, **by_name}.values())
    yield "plain", plain[:MOST]
    yield "container", [each for each in every if each[:4] == bytes.fromhex("dcf8f173")] + [bytes.fromhex("dcf8f17300000000")]
    yield "packed", [pack(BOOL_TRUE), GzipPacked(packed_data=pack(bytes(400))).to_bytes(), BOOL_TRUE]


def wire() -> Iterator[tuple[str, list[bytes]]]:
    """Frames, beginnings of streams, what is sealed."""
    frames = vectors("transport_framing")
    yield "framing", frames[:MOST]
    headers = [each for each in vectors("obfuscated2") if len(each) == 64]
    tags = [framing.tag for framing in Framing]
    yield "detection", [bytes([0]) + each for each in (*tags, *headers[:3], b"GET / HTTP/1.1\r\n\r\n", frames[0])]
    pieces = [bytes([len(each)]) + each for each in (*headers[:2], *frames[:4]) if len(each) < 255]
    yield "stream", [bytes([server, hidden]) + b"".join(pieces) for server in (0, 1) for hidden in (0, 1)]
    fields = {"salt": 1, "session_id": 2, "msg_id": 1 << 62, "seq_no": 1, "crypto": default_crypto()}
    inner = bytes(28) + (4).to_bytes(4, "little") + BOOL_TRUE + bytes(12)
    yield "sealed", [*(seal(KEY, side, body=BOOL_TRUE, padding=bytes(12), **fields) for side in Side), inner]
    bindings = [each for each in vectors("bind_temp_auth_key") if len(each) in (45, 104, 132)]
    yield "binding", [*bindings, bytes(28) + (40).to_bytes(4, "little") + bytes.fromhex("65f7a375") + bytes(36)]


def loaders() -> Iterator[tuple[str, list[bytes]]]:
    """Keys, saved state, records, transcripts."""
    key = server_key()
    pems = [key.to_pem().encode(), key.public.to_pem().encode()]
    yield "pem", pems
    line = {"version": 1, "dc": 2, "test": False, "media": False, "key_id": f"{KEY.id:016x}", "key": KEY.reveal().hex()}
    yield "key_file", [json.dumps({**line, "created_at": 1.5, "last_bound_at": None}).encode(), KEY.reveal(), *pems]
    owner = Owner()
    client = ClientConnection(make_client_config(key))
    pair = Pair(client, Server(make_server_config(key, share_handshakes=True)), owner=owner)
    records: list[bytes] = []
    while not pair.events(KeyBound):
        pair.run(0.05)
        records += owner.handshakes.values()
    pair.run(1)
    yield "handshake_record", list(dict.fromkeys(records))
    yield "saved_state", [client.save(), client.save(temporary_key=True)]
    whole = converse(key, Role.CLIENT)
    short = Transcript(role=Role.CLIENT, steps=whole.steps[:12])
    served = Transcript(role=Role.SERVER, steps=converse(key, Role.SERVER).steps[:12])
    yield "transcript", [each.to_text().encode() for each in (short, redact(short), served)]


def machines() -> Iterator[tuple[str, list[bytes]]]:
    """Rows of operations; what the numbers mean is in ``machines.py``."""
    talk = bytes([1])
    bound = bytes([0, 0, 0, 0]) + talk * 14
    yield (
        "client",
        [
            bound + bytes([7, 1, 1, 0]) + talk * 3,
            bound + bytes([5, 1, 4]) + BOOL_TRUE + bytes([6, 4]) + talk,
            bytes([1, 1, 0, 3]) + talk * 14 + bytes([8, 2, 6, 3, 0, 0]) + talk * 14,
            bytes([0, 0, 0, 0, 1, 2, 40, 0, 1, 4, 0, 24, *bytes(24), 4, 2, 0, 147]),
        ],
    )
    yield (
        "server",
        [
            bytes([0, 0]) + bytes([1, 0, 0]) * 14 + bytes([7, 0, 0, 1, 0]),
            bytes([0, 3, 1, 4]) + BOOL_TRUE + bytes([1, 1, 0, 6, 4, 7, 0, 0, 0, 1]),
            bytes([1, 0, 1, 0, 0, 8, 2, 0, 9, 0, 6, 5]),
        ],
    )
    yield (
        "session",
        [
            bytes([0, 1, 4]) + BOOL_TRUE + bytes([1, 1, 128]) + bytes(8),
            bytes([3, 1, 1, 4, 0, 128, 16]) + bytes.fromhex("59b4d662") + bytes(12) + bytes([1, 1, 1, 5, 3]),
        ],
    )


def main() -> None:
    """Writes what is not there yet; what was found by fuzzing stays."""
    for source in (tl, wire, loaders, machines):
        for name, inputs in source():
            for number, data in enumerate(inputs):
                keep(name, f"seed-{number:02}", data)


if __name__ == "__main__":
    main()
