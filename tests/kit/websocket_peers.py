"""WebSocket by hand: every byte is the test's own choice."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import NamedTuple

from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.utils import accept_key

from mtproto_bind_adapters.carrier import Carrier

from .serving import PATIENCE, listening

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def request(path: str = "/apiws", *, subprotocol: str | None = "binary", method: str = "GET", more: str = "") -> bytes:
    """What a client begins with."""
    chosen = "" if subprotocol is None else f"Sec-WebSocket-Protocol: {subprotocol}\r\n"
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return f"{head}Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{chosen}{more}\r\n".encode()


def response(asked: bytes, *, subprotocol: str | None = "binary", more: str = "") -> bytes:
    """What a server answers to the request ``asked``."""
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", asked)
    accepted = accept_key(key[1].decode() if key else "")
    chosen = "" if subprotocol is None else f"Sec-WebSocket-Protocol: {subprotocol}\r\n"
    head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return f"{head}Sec-WebSocket-Accept: {accepted}\r\n{chosen}{more}\r\n".encode()


def frame(data: bytes = b"", *, mask: bool, opcode: Opcode = Opcode.BINARY, fin: bool = True) -> bytes:
    """One frame. Those of a client are masked."""
    return Frame(opcode, data, fin).serialize(mask=mask)


def close(code: int | None, reason: str = "", *, mask: bool) -> bytes:
    """The frame that closes, with a code or with none."""
    return frame(b"" if code is None else struct.pack("!H", code) + reason.encode(), mask=mask, opcode=Opcode.CLOSE)


class Wire(NamedTuple):
    """Bytes of a stream, what they look like on the wire, and the pings that are among them."""

    payload: bytes
    frames: bytes
    pings: list[bytes]


@st.composite
def wires(draw: st.DrawFn, *, mask: bool) -> Wire:
    """A stream in messages of any size, none too small, in whatever fragments, with pings between."""
    payload, frames = b"", b""
    pings = []
    for message in draw(st.lists(st.lists(st.binary(max_size=300), min_size=1, max_size=4), max_size=6)):
        for index, piece in enumerate(message):
            if draw(st.booleans()):
                pings.append(draw(st.binary(max_size=20)))
                frames += frame(pings[-1], mask=mask, opcode=Opcode.PING)
            opcode = Opcode.CONT if index else Opcode.BINARY
            frames += frame(piece, mask=mask, opcode=opcode, fin=index == len(message) - 1)
            payload += piece
    return Wire(payload, frames, pings)


def pieces(data: bytes, places: list[int]) -> list[bytes]:
    """``data`` cut at these places."""
    cuts = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def talk(*carriers: Carrier) -> tuple[bytes, ...]:
    """Two carriers speak until neither has anything to say; what each has received."""
    heard = [b"", b""]
    while any(words := [carrier.data_to_send() for carrier in carriers]):
        for index, data in enumerate(reversed(words)):
            heard[index] += carriers[index].receive(data)
    return tuple(heard)


@contextmanager
def played(script: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """A server for one client, which ``script`` plays in a thread of its own; its address. What goes wrong in it is raised."""
    wrong: list[BaseException] = []

    def play(listener: socket.socket) -> None:
        try:
            stream, _ = listener.accept()
            with stream:
                stream.settimeout(PATIENCE)
                script(stream)
        except BaseException as error:
            wrong.append(error)

    with listening() as (listener, address):
        thread = Thread(target=play, args=(listener,))
        thread.start()
        try:
            yield address
        finally:
            thread.join(PATIENCE)
    if thread.is_alive():
        raise RuntimeError("the script does not end")
    if wrong:
        raise wrong[0]


def read_request(stream: socket.socket) -> bytes:
    """The request of a client, and nothing behind it."""
    return read_until(stream, b"\r\n\r\n")


def read_until(stream: socket.socket, end: bytes) -> bytes:
    """What comes, ``end`` included. ``EOFError`` where it does not."""
    heard = b""
    while not heard.endswith(end):
        if not (data := stream.recv(1)):
            raise EOFError(f"no {end!r} after {heard!r}")
        heard += data
    return heard


def read_all(stream: socket.socket) -> bytes:
    """What comes until the peer ends."""
    heard = b""
    while data := stream.recv(65536):
        heard += data
    return heard


def answer(stream: socket.socket, *behind: bytes) -> None:
    """Does the handshake of a server, with something behind it in the same breath."""
    stream.sendall(response(read_request(stream)) + b"".join(behind))
