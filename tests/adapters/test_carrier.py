"""What a carrier has to do, shown on one that carries bytes as they are."""

from __future__ import annotations

import pytest

from kit.websocket_peers import talk
from mtproto_bind_adapters.carrier import Carrier, CarrierError


class Straight:
    """Nothing lies between; what is received may be no ``!``."""

    def __init__(self) -> None:
        self.begun = self.open = True
        self.ended = False
        self.error: CarrierError | None = None
        self._unsent = b""

    def receive(self, data: bytes) -> bytes:
        before, wrong, _ = data.partition(b"!")
        if wrong:
            self.error = CarrierError("an exclamation mark")
            self.receive_eof()
        return before

    def receive_eof(self) -> None:
        self.ended, self.open = True, False

    def send(self, data: bytes) -> None:
        if not self.open:
            raise self.error or CarrierError("closed")
        self._unsent += data

    def close(self) -> None:
        self.open = False

    def data_to_send(self) -> bytes:
        data, self._unsent = self._unsent, b""
        return data


def test_what_came_before_an_error_is_not_lost() -> None:
    ours, theirs = Straight(), Straight()
    carriers: tuple[Carrier, Carrier] = (ours, theirs)
    ours.send(b"here")
    theirs.send(b"there!and no further")
    assert talk(*carriers) == (b"there", b"here")
    assert ours.ended
    assert isinstance(ours.error, OSError)
    with pytest.raises(CarrierError, match="an exclamation mark"):
        ours.send(b"more")
    theirs.close()
    with pytest.raises(CarrierError, match="closed"):
        theirs.send(b"more")
