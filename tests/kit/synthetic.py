"""The synthetic full run: both handshakes, the binding and its answers, with every draw of both sides."""

from __future__ import annotations

from math import gcd
from typing import Any

from kit.vectors import load
from mtproto_bind import AuthKey, PrivateKey

RUN: dict[str, Any] = load("synthetic_full_run")[0]


def unhex(text: str) -> bytes:
    return bytes.fromhex(text)


def rsa_key() -> PrivateKey:
    """The test key; the file gives n, e and d, from which p follows."""
    given = RUN["rsa_test_key"]
    n, e, d = int(given["n_hex"], 16), given["e"], int(given["d_hex"], 16)
    odd = e * d - 1
    while odd % 2 == 0:
        odd //= 2
    for base in range(2, 100):
        root = pow(base, odd, n)
        while root not in (1, n - 1):
            square = root * root % n
            if square == 1:
                p = gcd(root - 1, n)
                return PrivateKey(n, e, d, p, n // p)
            root = square
    raise ValueError("no factor found")


def auth_key(kind: str) -> AuthKey:
    return AuthKey(unhex(RUN[kind]["auth_key"]))


def time_of(message: bytes) -> float:
    """When a message in the clear was made: its id carries the time."""
    return int.from_bytes(message[8:16], "little") / (1 << 32)


def client_draws(kind: str) -> list[bytes]:
    """What a client draws in one handshake, in order."""
    run = RUN[kind]
    draws = [run["nonce"], run["new_nonce"], run["rsa_random_padding"], run["rsa_temp_key"]]
    for each in run["rounds"]:
        draws += [each["b"], each["client_padding"]]
    return [unhex(draw) for draw in draws]


def server_draws(kind: str, *, trailing: list[bytes]) -> list[bytes]:
    """What a server draws; ``trailing``: after resPQ, server_DH_params_ok and the answer of each round."""
    run = RUN[kind]
    padding = iter(trailing)

    def after() -> list[bytes]:
        tail = next(padding)
        return [bytes([len(tail) // 4]), *([tail] if tail else [])]

    draws = [unhex(run["server_nonce"]), run["p"].to_bytes(4, "big"), run["q"].to_bytes(4, "big"), *after()]
    draws += [bytes(32), unhex(run["a"]), unhex(run["answer_padding"]), *after()]
    for _ in run["rounds"]:
        draws += after()
    return draws


def messages(kind: str) -> list[tuple[bytes, bytes]]:
    """Each query in its envelope, with its answer."""
    run = RUN[kind]
    named = {name: unhex(text) for name, text in run["messages"].items()}
    pairs = [(named["req_pq_multi"], named["resPQ"]), (named["req_DH_params"], named["server_DH_params_ok"])]
    pairs += [(unhex(each["set_client_DH_params"]), unhex(each["answer_message"])) for each in run["rounds"]]
    return pairs
