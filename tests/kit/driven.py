"""Our own client and server, or copies of them, driven by the stateful tests of the kit as somebody else's would be."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import mtproto_bind
import mtproto_bind.testing
from kit.keys import SERVER_KEY, SERVER_KEY_PEM
from mtproto_bind.testing.stateful import ClientMachineTest, ServerMachineTest


class OurClient(ClientMachineTest):
    """``ClientConnection`` as the client under test; ``library``: the package that it is taken from."""

    server_key = SERVER_KEY
    library: ModuleType = mtproto_bind
    seed = b"client"

    def client_starts(self, now: float) -> None:
        key = self.library.PrivateKey.from_pem(SERVER_KEY_PEM)
        self.client = self.library.ClientConnection(self.library.testing.make_client_config(key, seed=self.seed))
        self.queries: dict[int, bytes] = {}
        self.ended: list[tuple[bytes, bytes | None]] = []

    def client_connects(self, now: float) -> None:
        self.gone = False
        self.client.transport_opened(self.library.Transport(), now)

    def client_hears(self, data: bytes, now: float) -> None:
        self.client.receive_data(data, now)
        self.go_on(now)

    def client_says(self, now: float) -> bytes:
        self.go_on(now)
        return self.client.data_to_send(now)

    def client_loses_stream(self, now: float) -> None:
        self.client.transport_lost(now)
        self.go_on(now)

    def client_calls(self, query: bytes, now: float) -> None:
        self.queries[self.client.call(query, now)] = query

    def client_answers(self) -> list[tuple[bytes, bytes | None]]:
        ended, self.ended = self.ended, []
        return ended

    def client_hung_up(self, now: float) -> bool:
        return self.gone

    def client_waits(self, now: float) -> None:
        self.client.handle_timeout(now)

    def go_on(self, now: float) -> None:
        while (event := self.client.next_event()) is not self.library.NEED_DATA:
            self.told(event, now)

    def told(self, event: Any, now: float) -> None:
        library = self.library
        if isinstance(event, library.Computation):
            self.client.answer(event, event.run(), now)
        elif isinstance(event, library.TransportEnded):
            self.gone = True
        elif isinstance(event, library.CallAnswered):
            self.ended.append((self.queries[event.call_id], event.body))
        elif isinstance(event, library.CallFailed):
            self.ended.append((self.queries[event.call_id], None))


class OurServer(ServerMachineTest):
    """``Server`` as the server under test; ``library`` as above."""

    server_key = SERVER_KEY.public
    library: ModuleType = mtproto_bind

    def server_starts(self, now: float) -> None:
        library = self.library
        key = library.PrivateKey.from_pem(SERVER_KEY_PEM)
        self.server = library.Server(library.testing.make_server_config(key, dc=library.DataCenter(self.dc)))
        self.owner = library.testing.Owner()
        self.link: Any = None

    def server_accepts(self, now: float) -> None:
        self.link, self.gone = self.server.accept(self.library.Transport.detect(), "peer", now), False

    def server_hears(self, data: bytes, now: float) -> None:
        self.link.receive_data(data, now)
        self.go_on(now)

    def server_says(self, now: float) -> bytes:
        self.go_on(now)
        return self.link.data_to_send(now)

    def server_loses_stream(self, now: float) -> None:
        self.link.transport_lost(now)
        self.go_on(now)

    def server_hung_up(self, now: float) -> bool:
        return self.gone

    def server_waits(self, now: float) -> None:
        self.server.handle_timeout(now)
        if self.link is not None:
            self.link.handle_timeout(now)

    def go_on(self, now: float) -> None:
        while (event := self.link.next_event()) is not self.library.NEED_DATA:
            if isinstance(event, self.library.Question):
                self.link.answer(event, self.owner.answer(event), now)
            elif isinstance(event, self.library.CallReceived):
                self.link.send_result(event, self.owner.handle_call(event.body), now)
            elif isinstance(event, self.library.ConnectionClosed):
                self.gone = True
