"""No secret is in a repr: every object of ours is looked at while two ends make keys, bind them, renew and call."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import frozen

from kit.serving import SERVER_KEY
from mtproto_bind import (
    AuthKey,
    BindingRequired,
    CallAnswered,
    ClientConnection,
    ExternalKey,
    KeyBound,
    PermanentKeyCreated,
    Question,
    Secret,
    Server,
    default_crypto,
    seal_binding,
)
from mtproto_bind.testing import Owner, Pair, SeededEntropy, make_client_config, make_server_config

SECRET_SIZE = 32
"""A draw of at least so many bytes is a secret (new_nonce, a, b, the key of RSA_PAD, blinding), or padding that nobody shows."""


class Recorded:
    """Entropy that remembers what it gave."""

    def __init__(self, seed: bytes) -> None:
        self._source = SeededEntropy(seed)
        self.secrets: list[bytes] = []

    def __call__(self, size: int) -> bytes:
        drawn = self._source(size)
        if size >= SECRET_SIZE:
            self.secrets.append(drawn)
        return drawn


def traces(secret: bytes) -> Iterator[str]:
    """What would be seen of ``secret`` in a text, whole or in part, as bytes, hex or a number."""
    for start in (0, len(secret) // 2, len(secret) - 8):
        part = secret[start : start + 8]
        yield part.hex()
        yield repr(part)[2:-1]
    for number in (int.from_bytes(secret, "little"), int.from_bytes(secret, "big")):
        yield str(number)[:16]
        yield f"{number:x}"[:16]


def shown() -> Iterator[tuple[str, str]]:
    """The class and repr of every object of ours."""
    for value in gc.get_objects():
        kind = type(value)
        if kind.__module__.startswith("mtproto_bind"):
            yield kind.__name__, repr(value)


def of_number(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


class Watch:
    """Looks at everything that there is, for the secrets of two ends."""

    def __init__(self, client: Recorded, server: Recorded) -> None:
        self.entropies = client, server
        self.keys: set[AuthKey] = set()
        self.seen: set[str] = set()

    def look(self) -> None:
        secrets = [drawn for entropy in self.entropies for drawn in entropy.secrets]
        secrets += [key.reveal() for key in self.keys]
        secrets += map(of_number, (SERVER_KEY.d, SERVER_KEY.p, SERVER_KEY.q))
        forbidden = {trace for secret in secrets for trace in traces(secret)}
        for name, text in shown():
            self.seen.add(name)
            found = [trace for trace in forbidden if trace in text]
            assert not found, f"{name} shows a secret"


class WatchedOwner(Owner):
    """Looks around at every question that the server asks."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def answer(self, question: Question[Any]) -> Any:
        self.watch.keys.update(record.key for record in self.keys.values())
        self.watch.look()
        return super().answer(question)


def watched_pair(**more: Any) -> tuple[Pair, Watch]:
    # of nobody else's seed: what is a secret here may be a nonce in an object that another test has left
    client, server = Recorded(b"client whom all may see"), Recorded(b"server whom all may see")
    watch = Watch(client, server)
    answer_client: Callable[[Question[Any]], Any] = more.pop("answer_client", lambda _question: None)
    pair = Pair(
        ClientConnection(make_client_config(SERVER_KEY, entropy=client, **more)),
        Server(make_server_config(SERVER_KEY, entropy=server)),
        owner=WatchedOwner(watch),
        answer_client=answer_client,
    )
    pair.hold = True
    return pair, watch


def watch_until(pair: Pair, watch: Watch, kind: type) -> Any:
    """Runs until the client is told an event of ``kind``; looks around at every step."""
    seen = len(pair.told)
    while not any(isinstance(told.event, kind) for told in pair.told[seen:]):
        before = len(pair.told)
        assert pair.run(60, lambda pair, before=before: bool(pair.held) or len(pair.told) > before)
        watch.look()
        while pair.held:
            computation = pair.held.pop(0)
            pair.client.answer(computation, computation.run(), pair.client_now)
            watch.look()
    return next(told.event for told in pair.told[seen:] if isinstance(told.event, kind))


def test_nothing_shows_a_secret_from_the_first_byte_to_a_renewal() -> None:
    pair, watch = watched_pair()
    created = watch_until(pair, watch, PermanentKeyCreated)
    watch.keys.add(created.key.key)
    watch_until(pair, watch, KeyBound)
    pair.client.call(b"call", pair.client_now)
    watch_until(pair, watch, CallAnswered)
    pair.client.renew(pair.client_now)
    watch_until(pair, watch, KeyBound)
    watch.keys.add(pair.client.bound_key().key)
    values = pair.client.bound_key(), pair.client.status
    watch.look()
    saved = pair.client.save(temporary_key=False)
    assert not any(key.reveal()[:16] in saved for key in watch.keys)
    assert {type(value).__name__ for value in values} <= watch.seen
    assert {"AuthKey", "Powers", "RsaOpen", "PermanentKeyCreated", "KeyOffered", "StoredKey"} <= watch.seen


def test_nothing_shows_a_secret_where_the_key_is_elsewhere() -> None:
    pair, watch = watched_pair()
    key = watch_until(pair, watch, PermanentKeyCreated).key.key

    def vault(question: Question[Any]) -> Any:
        assert isinstance(question, BindingRequired)
        return seal_binding(question.request, key, entropy=SeededEntropy(b"vault"), crypto=default_crypto())

    split, more = watched_pair(permanent_key=ExternalKey(id=key.id), answer_client=vault)
    split.owner.keys.update(pair.owner.keys)
    more.keys.add(key)
    watch_until(split, more, KeyBound)


@frozen
class Careless:
    """What a class of ours must not be."""

    secret: bytes


def test_a_class_that_shows_its_secret_is_seen() -> None:
    Careless.__module__ = "mtproto_bind.careless"
    careless = Recorded(b"careless")
    values = [Careless(careless(32))]
    with pytest.raises(AssertionError, match="Careless shows a secret"):
        Watch(careless, careless).look()
    values.clear()


@pytest.mark.parametrize("secret", [Secret(bytes(range(32))), AuthKey(bytes(range(256)))])
def test_a_secret_is_in_no_text_of_its_own(secret: Secret) -> None:
    text = f"{secret} {secret!r} {[secret]} {secret.__dict__ if hasattr(secret, '__dict__') else ''}"
    assert not [trace for trace in traces(secret.reveal()) if trace in text]
