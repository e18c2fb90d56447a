"""Several processes that serve the same keys, on a virtual clock: a client whose streams lead now to one and now to another."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from hypothesis import strategies as st

from kit.fault_scripts import Asked, asked
from kit.keys import SERVER_KEY
from kit.pairs import Wiretap
from kit.trial import PERMANENT, START, SizedEntropy, Trial, answer_to, check, verdict
from mtproto_bind import (
    NEED_DATA,
    UNAVAILABLE,
    BindRequested,
    CallReceived,
    ClientConnection,
    Computation,
    ConnectionClosed,
    KeyBound,
    KeyKind,
    PermanentKey,
    Question,
    Secret,
    Server,
    StoredKey,
    Transport,
)
from mtproto_bind.testing import (
    AnswersHeld,
    Cut,
    Direction,
    FaultKind,
    Mishap,
    Owner,
    Pair,
    PieceSpoiled,
    make_client_config,
    make_server_config,
)
from mtproto_bind.testing.strategies import LONGEST, lengths, moments

PROCESSES = 3
HORIZON = 240.0
"""Virtual seconds in which things go wrong."""
INTERMEDIATE = b"\xee\xee\xee\xee"
"""The beginning of a stream."""


class FleetOwner(Owner):
    """The store of all processes. ``down``: it fails; ``deaf``: it does what it is asked, and the answer is lost."""

    def __init__(self) -> None:
        super().__init__(answer_to)
        self.down = False
        self.deaf = False
        self.bound: set[tuple[int, int]] = set()
        """Every temporary key that was ever bound, with its permanent one."""

    def answer(self, question: Question[Any]) -> Any:
        if isinstance(question, Computation):
            return super().answer(question)
        if self.down:
            return UNAVAILABLE
        word = super().answer(question)
        if isinstance(question, BindRequested):
            self.bound.add((question.temporary_key_id, question.permanent_key_id))
        return UNAVAILABLE if self.deaf else word


class Fleet(Pair):
    """A client and :data:`PROCESSES` servers; ``place`` is where its next stream leads."""

    def __init__(self, *, from_nothing: bool = False, **client: Any) -> None:
        owner = FleetOwner()
        known = {}
        if not from_nothing:
            known = {"permanent_key": PermanentKey(key=PERMANENT, created_at=START - 600, last_bound_at=START - 500)}
            owner.keys[PERMANENT.id] = StoredKey(
                key=PERMANENT, kind=KeyKind.PERMANENT, media=False, created_at=START - 600, expires_at=None, first_salt=1
            )
        self.processes = [make_process(number) for number in range(PROCESSES)]
        self.place = 0
        self.tap = Wiretap()
        super().__init__(
            ClientConnection(make_client_config(SERVER_KEY, entropy=SizedEntropy(b"client"), **known, **client)),
            self.processes[0],
            network=self.tap,
            owner=owner,
            start=START,
            answer_client=verdict,
        )

    def restart_server(self) -> None:
        """The process that the client's streams lead to is killed, and another begins in its place."""
        if self.server is self.processes[self.place]:
            self.cut()
            self.link = None
        self.processes[self.place] = Server(self.processes[self.place].config)

    def replay(self, index: int, place: int) -> None:
        """Somebody on the path says a frame of the client's again, the ``index``-th from the last, to another process."""
        frames = self.tap.frames[-1 - index :]
        if not frames:
            return
        thief = self.processes[place].accept(Transport.detect(), "thief", self.server_now)
        thief.receive_data(INTERMEDIATE + len(frames[0]).to_bytes(4, "little") + frames[0], self.server_now)
        while (event := thief.next_event()) is not NEED_DATA:
            if isinstance(event, CallReceived):
                self.owner.ran.append(event.body)
                thief.send_result(event, self.owner.handle_call(event.body), self.server_now)
            elif isinstance(event, Question):
                thief.answer(event, self.owner.answer(event), self.server_now)
        thief.data_to_send(self.server_now)
        thief.close(self.server_now)

    def _dial(self) -> None:
        self.server = self.processes[self.place]
        super()._dial()

    def _pass_time(self) -> None:
        super()._pass_time()
        for process in self.processes:
            process.handle_timeout(self.server_now)


def make_process(number: int) -> Server:
    return Server(
        make_server_config(
            SERVER_KEY,
            entropy=SizedEntropy(b"server" + bytes([number])),
            share_handshakes=True,
            share_calls=True,
            salt_secret=Secret(b"s" * 32),
        )
    )


class FleetTrial(Trial):
    """The promises of a fleet: those of one server, whichever process does what."""

    def _bindings(self) -> None:
        owner = self.pair.owner
        for told in self.pair.events(KeyBound):
            known = isinstance(owner, FleetOwner) and (told.key_id, told.permanent_key_id) in owner.bound
            check(known, "the client holds a key for bound that nobody has bound")


# ---- what goes wrong


@frozen(kw_only=True)
class FleetMishap(Mishap):
    """Something that befalls a fleet."""

    def befall(self, pair: Pair) -> None:
        if isinstance(pair, Fleet):
            self.befall_fleet(pair)

    def befall_fleet(self, fleet: Fleet) -> None:
        """It happens now."""
        raise NotImplementedError


@frozen(kw_only=True)
class Moved(FleetMishap):
    """The streams of the client lead to another process from now on; ``cut``: the one it has ends."""

    place: int
    cut: bool

    def befall_fleet(self, fleet: Fleet) -> None:
        fleet.place = self.place
        if self.cut:
            fleet.cut()


@frozen(kw_only=True)
class Killed(FleetMishap):
    """A process is killed, and another begins in its place; the client's next stream leads ``then`` to any."""

    place: int
    then: int

    def befall_fleet(self, fleet: Fleet) -> None:
        fleet.place = self.place
        fleet.restart_server()
        fleet.place = self.then


@frozen(kw_only=True)
class Replayed(FleetMishap):
    """See :meth:`Fleet.replay`."""

    index: int
    place: int

    def befall_fleet(self, fleet: Fleet) -> None:
        fleet.replay(self.index, self.place)


@frozen(kw_only=True)
class StoreFails(FleetMishap):
    """For ``seconds`` the store fails; ``deaf``: only its answers are lost."""

    seconds: float
    deaf: bool

    def befall_fleet(self, fleet: Fleet) -> None:
        _set_failing(fleet, self.deaf, True)
        fleet.later(self.seconds, lambda _pair: _set_failing(fleet, self.deaf, False))


def _set_failing(fleet: Fleet, deaf: bool, failing: bool) -> None:
    if isinstance(fleet.owner, FleetOwner):
        setattr(fleet.owner, "deaf" if deaf else "down", failing)


places = st.integers(0, PROCESSES - 1)
mishaps: st.SearchStrategy[Mishap] = st.one_of(
    st.builds(Moved, at=moments, place=places, cut=st.booleans()),
    st.builds(Killed, at=moments, place=places, then=places),
    st.builds(Replayed, at=moments, index=st.integers(0, 12), place=places),
    st.builds(StoreFails, at=moments, seconds=lengths, deaf=st.booleans()),
    st.builds(Cut, at=moments),
    st.builds(PieceSpoiled, at=moments, direction=st.sampled_from(Direction), kind=st.sampled_from(FaultKind)),
    st.builds(AnswersHeld, at=moments, seconds=lengths, lost=st.booleans()),
)


@frozen
class FleetStory:
    """How the client is set up, what goes wrong, and what is asked."""

    client: dict[str, Any]
    script: list[Mishap]
    wishes: list[Asked]

    def run(self) -> FleetTrial:
        """It happens; then nothing goes wrong any more, and all has to be well. AssertionError where it is not."""
        fleet = Fleet(**self.client)
        trial = FleetTrial(fleet)
        for mishap in self.script:
            fleet.later(mishap.at, mishap.befall)
        for one in self.wishes:
            trial.later(one.at, one.what)
        fleet.run(HORIZON + LONGEST)
        trial.recovers()
        check(not fleet.events(ConnectionClosed)[0].error, "the connection ended with an error")
        return trial


fleet_stories = st.builds(
    FleetStory,
    st.fixed_dictionaries(
        {
            "temporary_lifetime": st.sampled_from([86400, 86400, 300, 60]),
            "pipeline": st.booleans(),
            "from_nothing": st.sampled_from([False, False, True]),
        }
    ),
    st.lists(mishaps, max_size=14),
    asked,
)
