"""Long runs, and whether all that is promised is kept: ``python tests/kit/endurance.py week`` and ``... tcp``.

Prints a table; exit code 1 where a promise is broken. See docs/explanation/endurance.md.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

if __name__ == "__main__":
    # beside this file lie modules with the names of others
    sys.path[0] = str(Path(__file__).parent.parent)

from kit.commands import PROGRAM
from kit.killed_streams import Caller, killing_streams
from kit.programs import Program, talking
from kit.trial import check
from kit.week import run_days
from mtproto_bind import CallReceived, Event, PrivateKey, Server, ServerConfig, ServerConnection
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.sync import SyncServer

__all__ = ["main", "with_counting_server", "with_serve"]

GET_NEAREST_DC = bytes.fromhex("2630b31f")
NEAREST_DC = bytes.fromhex("75171a8e")
QUERY = bytes.fromhex("2d7a1f0e")
LIFETIME = 10
"""Seconds that temporary keys live over TCP."""
MEAN = 2.0
"""Seconds after which a stream is killed, more or less."""


def with_serve(seconds: float, seed: int = 0, *, mean: float = MEAN) -> dict[str, object]:
    """Against ``mtproto-bind serve``, which tells of every call: none ran twice if no more came than may have run.

    AssertionError where a promise is broken.
    """
    with program_with_key([*PROGRAM, "serve", "--listen", "127.0.0.1:0", "--json", "--private-key"]) as (program, key):
        caller = Caller(key.public, LIFETIME)
        table = call(caller, program, seconds, seed, mean, body=GET_NEAREST_DC, numbered=False)
        program.finish(by=signal.SIGTERM)
    came, answered = len(program.events("call")), caller.answers()
    check(all(body.startswith(NEAREST_DC) for body in answered), "an answer of another method")
    check(len(answered) <= came <= len(caller.bodies) - caller.not_run(), f"{came} calls came; {table}")
    check(not program.events("client_dropped"), f"the server dropped a client: {program.events('client_dropped')[:1]}")
    return {**table, "calls that came to the server": came}


def with_counting_server(seconds: float, seed: int = 0, *, mean: float = MEAN) -> dict[str, object]:
    """Against a server that counts how often each call ran. AssertionError where a promise is broken."""
    with program_with_key([sys.executable, "-W", "error", __file__, "server"]) as (program, key):
        caller = Caller(key.public, LIFETIME)
        table = call(caller, program, seconds, seed, mean, body=QUERY, numbered=True)
        program.finish(by=signal.SIGTERM)
    [ran] = program.events("ran")
    runs = Counter({bytes.fromhex(body): times for body, times in ran["bodies"].items()})
    caller.judge(runs)
    return {**table, "calls doubled": sum(times > 1 for times in runs.values())}


def call(
    caller: Caller, program: Program, seconds: float, seed: int, mean: float, *, body: bytes, numbered: bool
) -> dict[str, object]:
    """Let ``caller`` call ``program`` over streams that are killed."""
    listening = program.wait_for("listening")
    with killing_streams((listening["host"], listening["port"]), mean=mean, seed=seed) as proxy:
        caller.run(proxy, seconds, body=body, numbered=numbered)
    return {"seconds": seconds, **caller.table(proxy)}


@contextmanager
def program_with_key(command: Sequence[str]) -> Iterator[tuple[Program, PrivateKey]]:
    """``command``, with the file of a fresh key behind it, under way."""
    with TemporaryDirectory() as name:
        key, pem = PrivateKey.generate(), Path(name) / "server.pem"
        pem.write_text(key.to_pem())
        with talking([*command, pem], Path(name) / "log") as program:
            yield program, key


def serve_and_count(pem: Path) -> None:
    """A server that answers every call with its bytes in reverse order, and tells at the end how often each ran."""
    runs: Counter[str] = Counter()

    def on_event(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, CallReceived):
            runs[event.body.hex()] += 1
            connection.send_result(event, event.body[::-1], now)

    server = Server(ServerConfig(private_keys=(PrivateKey.from_pem(pem.read_text()),)))
    with SyncServer(server, MemoryStore(), on_event=on_event) as loop:
        signal.signal(signal.SIGTERM, lambda _number, _frame: loop.stop())
        host, port = loop.listen("127.0.0.1", 0)
        print(json.dumps({"event": "listening", "host": host, "port": port}), flush=True)
        loop.run()
    print(json.dumps({"event": "ran", "bodies": runs}), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    kinds = parser.add_subparsers(dest="kind", required=True)
    kinds.add_parser("week").add_argument("--days", type=float, default=7.0)
    kinds.add_parser("tcp").add_argument("--seconds", type=float, default=120.0)
    kinds.add_parser("server").add_argument("pem", type=Path)
    for each in kinds.choices.values():
        each.add_argument("--seed", type=int, default=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.kind == "server":
        serve_and_count(options.pem)
        return 0
    if options.kind == "week":
        runs = {"a simulated week": partial(run_days, options.seed, options.days)}
    else:
        half = options.seconds / 2
        runs = {
            "mtproto-bind serve": partial(with_serve, half, options.seed),
            "a server that counts": partial(with_counting_server, half, options.seed),
        }
    for name, run in runs.items():
        print(f"== {name}, seed {options.seed}")
        try:
            for what, value in run().items():
                print(f"{what:<72}{value}")
        except AssertionError as error:
            print(f"BROKEN: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
