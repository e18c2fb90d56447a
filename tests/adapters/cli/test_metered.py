"""What passes over a stream, by name."""

from __future__ import annotations

import socket

import pytest

from kit.serving import CONFIG, PATIENCE, QUERY, make_loop, running
from kit.wrapped import fill
from mtproto_bind import ClientConnection, TransportEnded
from mtproto_bind_adapters.cli.metered import Metered
from mtproto_bind_adapters.cli.timeline import Step, Timeline
from mtproto_bind_adapters.sync import SyncDriver, dial

HANDSHAKE = ["> req_pq_multi", "< resPQ", "> req_DH_params", "< server_DH_params_ok", "> set_client_DH_params", "< dh_gen_ok"]


class Seen:
    """A picture that keeps its steps."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def show(self, step: Step) -> None:
        self.steps.append(step)

    def sum_up(self, facts: object) -> None:
        raise NotImplementedError

    @property
    def texts(self) -> list[str]:
        return [f"{'>' if step.sent else '<'} {step.text}" for step in self.steps]


def test_both_exchanges_the_binding_a_call_and_a_renewal() -> None:
    seen, connection = Seen(), ClientConnection(CONFIG)
    timeline = Timeline(seen)
    with running(make_loop()) as address:
        driver = SyncDriver(connection, lambda: Metered(dial(*address), connection, timeline, "client"))
        with driver:
            driver.wait_bound(PATIENCE)
            driver.call(QUERY, PATIENCE)
            connection.renew(driver.now())
            driver.wait_for(type(driver.wait_bound()), PATIENCE)
    binding = ["> auth.bindTempAuthKey", "< rpc_result"]
    sealed = ["> sealed messages", "< sealed messages"]
    assert seen.texts[:16] == [*HANDSHAKE, *HANDSHAKE, *binding, *sealed]
    # acknowledgements may go with the first request, or before it
    renewal = [text for text in seen.texts[16:] if not text.endswith("sealed messages")]
    assert renewal == [*HANDSHAKE, *binding]
    assert all(step.who == "client" and step.at <= timeline.seconds for step in seen.steps)
    assert timeline.bytes_sent == sum(step.sent for step in seen.steps)
    assert timeline.bytes_received == sum(step.received for step in seen.steps)


def test_bytes_that_answer_nothing_yet_are_not_given_its_name() -> None:
    seen, connection = Seen(), ClientConnection(CONFIG)
    ours, theirs = socket.socketpair()
    with theirs:
        driver = SyncDriver(connection, lambda: Metered(ours, connection, Timeline(seen), "client"))
        with pytest.raises(TimeoutError):
            driver.next_event(0.001)
        # the beginning of a frame, then the end of the stream
        theirs.sendall(bytes.fromhex("5400000000000000"))
        with pytest.raises(TimeoutError):
            driver.next_event(0.05)
        theirs.shutdown(socket.SHUT_WR)
        assert isinstance(driver.next_event(PATIENCE), TransportEnded)
        driver.close()
    assert seen.texts == ["> req_pq_multi", "< bytes, while resPQ is awaited"]


def test_only_what_the_stream_has_taken_is_told() -> None:
    seen = Seen()
    ours, theirs = socket.socketpair()
    metered = Metered(ours, ClientConnection(CONFIG), Timeline(seen), "client")
    with theirs:
        metered.settimeout(0.0)
        assert metered.send(b"") == 0
        taken = fill(metered, bytes(1 << 24))
        assert 0 < taken < 1 << 24
        with pytest.raises(BlockingIOError):
            metered.send(b"more")
        assert sum(step.sent for step in seen.steps) == taken
        metered.close()


def test_it_is_a_stream_like_the_one_below() -> None:
    ours, theirs = socket.socketpair()
    metered = Metered(ours, ClientConnection(CONFIG), Timeline(Seen()), "client")
    with theirs:
        assert metered.fileno() == ours.fileno()
        metered.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            metered.recv(1)
        metered.sendall(b"")
        metered.sendall(b"there")
        metered.shutdown(socket.SHUT_RDWR)
        assert theirs.recv(16) == b"there"
        assert metered.recv(16) == b""
        metered.close()
        assert ours.fileno() == -1
