"""The network carries, delays, loses, doubles, spoils and cuts, as scripted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind.testing import Direction, Fault, FaultKind, Network

OUT, BACK = Direction.TO_SERVER, Direction.TO_CLIENT


def fault(kind: FaultKind, index: int = 0, direction: Direction = OUT, **more: float) -> Fault:
    return Fault(direction=direction, index=index, kind=kind, **more)  # type: ignore[arg-type]  # at or seconds


def arriving(network: Network, now: float = 100.0) -> list[bytes]:
    return [piece.data for piece in network.take_due(now)]


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=4), st.floats(0, 1)), max_size=10))
def test_in_order_after_the_latency(pieces: list[tuple[bytes, float]]) -> None:
    network, now = Network(latency=0.5), 0.0
    for data, seconds in pieces:
        now += seconds
        network.write(data, OUT, 1, now)
    assert network.next_due() == (pieces[0][1] + 0.5 if pieces else None)
    assert [piece.data for piece in network.take_due(0.49)] == []
    assert arriving(network) == [data for data, _ in pieces]
    assert network.next_due() is None


def test_each_fault_befalls_its_piece_alone() -> None:
    outcomes = {
        FaultKind.DROP: [b"bb"],
        FaultKind.DUPLICATE: [b"aa", b"aa", b"bb"],
        FaultKind.CORRUPT: [b"a`", b"bb"],
        FaultKind.DELAY: [b"bb", b"aa"],
        FaultKind.CUT: [],
        FaultKind.HALF_OPEN: [],
    }
    for kind, expected in outcomes.items():
        network = Network(faults=[fault(kind, at=1)])
        network.write(b"aa", OUT, 1, 0.0)
        network.write(b"bb", OUT, 1, 0.1)
        assert arriving(network) == expected, kind
        # the other direction and the next stream go their ways
        network.write(b"cc", BACK, 2, 0.2)
        assert arriving(network) == [b"cc"], kind
        assert network.cut_streams == ({1} if kind is FaultKind.CUT else set())


def test_what_is_usual_need_not_be_said() -> None:
    network = Network(
        faults=[Fault(direction=OUT, index=0, kind=FaultKind.CORRUPT), Fault(direction=OUT, index=1, kind=FaultKind.DELAY)]
    )
    assert network.latency == 0.05
    for data in (b"aa", b"bb"):
        network.write(data, OUT, 1, 0.0)
    # the first byte; and a second
    assert arriving(network, 0.05) == [b"`a"]
    assert network.next_due() == 1.05
    assert arriving(network, 1.04) == []
    assert arriving(network, 1.05) == [b"bb"]


def test_a_byte_beyond_the_end_is_counted_from_the_start_again() -> None:
    network = Network(faults=[fault(FaultKind.CORRUPT, at=5)])
    network.write(b"abc", OUT, 1, 0.0)
    assert arriving(network) == [b"abb"]


def test_faults_count_over_all_streams() -> None:
    network = Network(faults=[fault(FaultKind.DROP, index=1)])
    network.write(b"first", OUT, 1, 0.0)
    network.write(b"second", OUT, 2, 0.0)
    network.write(b"third", OUT, 2, 0.0)
    assert arriving(network) == [b"first", b"third"]


def test_the_end_of_a_stream_loses_what_is_under_way() -> None:
    network = Network()
    network.write(b"lost", OUT, 1, 0.0)
    network.write(b"kept", OUT, 2, 0.0)
    network.end(1)
    network.write(b"too late", BACK, 1, 0.0)
    assert arriving(network) == [b"kept"]


def test_a_fault_may_befall_whatever_comes_next() -> None:
    network = Network()
    network.write(b"aa", OUT, 1, 0.0)
    network.befall_next(OUT, FaultKind.CORRUPT, at=1)
    network.befall_next(BACK, FaultKind.DELAY, seconds=5)
    network.write(b"bb", OUT, 1, 0.1)
    network.write(b"cc", OUT, 1, 0.2)
    network.write(b"dd", BACK, 1, 0.3)
    assert arriving(network, 1.0) == [b"aa", b"bc", b"cc"]
    assert network.next_due() == 0.3 + 0.05 + 5
