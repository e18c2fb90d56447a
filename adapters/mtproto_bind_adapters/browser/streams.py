"""The streams of a connection: one WebSocket to the same URL after the other."""

from __future__ import annotations

from collections.abc import Callable

from mtproto_bind import Retry

from .promise import Promise
from .websocket import WebSocket, WebSocketFailed

__all__ = ["Streams"]

DIALLING = 10.0
"""Seconds for a WebSocket to open."""
HIGH_WATER = 1 << 18
"""Bytes that the browser has yet to write, above which nothing more is sealed."""
POLL = 0.05
"""Seconds after which we look again how many they are: a browser does not tell."""
STALLED = 30.0
"""Seconds for them to become fewer than that."""


class Streams:
    """Opens WebSockets to ``url``, again and again as ``retry`` says, and keeps what they bring until somebody looks.

    ``on_change`` is called, inside the event of the browser, when there is something to look at. ``room`` bytes are kept at most.
    """

    def __init__(self, url: str, *, retry: Retry, ceiling: int, now: Callable[[], float], on_change: Callable[[], None]) -> None:
        self.first: Promise[None] = Promise()
        """Whether a stream could be opened at all."""
        self.fresh = False
        """A stream was opened that nobody has looked at yet."""
        self.lost = False
        """It is gone."""
        self.troubles: list[WebSocketFailed] = []
        """What went wrong, and was not told yet."""
        self.failure: WebSocketFailed | None = None
        """Why there will be no further stream."""
        self.retry_at = 0.0
        """When to open the next one, unix seconds."""
        self.left: WebSocket | None = None
        """The last one to which goodbye was said."""
        self._url = url
        self._retry = retry
        self._failed, self._wait = 0, retry.delay
        self._ceiling = ceiling
        self._now = now
        self._on_change = on_change
        self._socket: WebSocket | None = None
        self._dial_by: float | None = None
        self._stalls_at: float | None = None
        self._inbox = bytearray()

    def see_to(self) -> None:
        """Opens a WebSocket when it is time to, and gives one up that does not open, or takes no more."""
        now = self._now()
        if self._socket is None:
            if not self.lost and self.failure is None and self.retry_at <= now:
                self._dial(now)
        elif self._dial_by is not None and self._dial_by <= now:
            self.hang_up(b"")
            self._fail(WebSocketFailed(f"expected a WebSocket at {self._url}, nothing came in {DIALLING:g} s"))
        elif self._stalls_at is not None and self._stalls_at <= now:
            self.hang_up(b"")
            self.lost = True
            self.troubles.append(WebSocketFailed(f"expected {self._url} to take what is sent, it took nothing for {STALLED:g} s"))

    def take(self) -> bytes:
        """What has come."""
        data = bytes(self._inbox)
        self._inbox.clear()
        return data

    @property
    def is_open(self) -> bool:
        """Whether there is a stream that can be written to."""
        return self._socket is not None and self._dial_by is None

    @property
    def ready(self) -> bool:
        """Whether more should be sealed; asking it tells one that is stalled from one that is not."""
        if self._socket is None or self._dial_by is not None:
            return False
        if self._socket.backlog > HIGH_WATER:
            self._stalls_at = self._stalls_at or self._now() + STALLED
            return False
        self._stalls_at = None
        return True

    def send(self, data: bytes) -> None:
        """Sends bytes, if there is a stream."""
        if self._socket is not None:
            self._socket.send(data)

    def hang_up(self, words: bytes) -> None:
        """``words`` are the last ones; then the end of the WebSocket. What it has brought is of no use any more."""
        if self._socket is not None:
            if words and self.is_open:
                self._socket.send(words)
            self._socket.leave()
            self.left, self._socket = self._socket, None
        self._dial_by = self._stalls_at = None
        self.fresh = self.lost = False
        self._inbox.clear()

    def times(self) -> list[float]:
        """When :meth:`see_to` has something to do, unix seconds."""
        times = [self._dial_by, self._now() + POLL if self._stalls_at is not None else None]
        if self._socket is None and self.failure is None:
            times.append(self.retry_at)
        return [time for time in times if time is not None]

    # ---- what the WebSocket says: see Receiver

    @property
    def room(self) -> int:
        return self._ceiling - len(self._inbox)

    def opened(self) -> None:
        self._dial_by = None
        self._failed, self._wait = 0, self._retry.delay
        self.fresh = True
        self.first.set_result(None)
        self._on_change()

    def received(self, data: bytes) -> None:
        self._inbox += data
        self._on_change()

    def ended(self, error: WebSocketFailed | None) -> None:
        self._socket = None
        if self._dial_by is not None:
            self._dial_by = None
            self._fail(error or WebSocketFailed(f"expected a WebSocket at {self._url}, it was closed before it was open"))
        else:
            self.lost = True
            self._stalls_at = None
            self.troubles += [] if error is None else [error]
        self._on_change()

    # ----

    def _dial(self, now: float) -> None:
        try:
            self._socket = WebSocket(self._url, self)
        except WebSocketFailed as error:
            self._fail(error)
        else:
            self._dial_by = now + DIALLING

    def _fail(self, error: WebSocketFailed) -> None:
        """Another try later, unless that was the last, or the first one ever."""
        self._failed += 1
        if not self.first.kept or self._failed == self._retry.attempts:
            self.failure = error
            self.first.set_exception(error)
        else:
            self.troubles.append(error)
            self.retry_at = self._now() + self._wait
            self._wait = min(self._wait * 2, self._retry.ceiling)
