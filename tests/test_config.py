"""What a connection may be told, and what it is told when it is told nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from kit.keys import SERVER_KEY
from kit.sessions import PERMANENT_KEY
from mtproto_bind._config import ClientConfig, ExternalKey, Goal, InitConnection, PendingKey, ServerConfig
from mtproto_bind._crypto import KNOWN_PRIME, Secret, known_keys
from mtproto_bind._handshake import DataCenter
from mtproto_bind._limits import Limits, Retry, Timeouts
from mtproto_bind._questions import PermanentKey

SAFE_PRIME = 23
NO_NUMBER: Any = None
NO_KEY: Any = bytes(256)


def test_a_client_that_is_told_nothing() -> None:
    """Conduct.ENTROPY_ONLY: the source is the system's unless another is given."""
    config = ClientConfig()
    assert (config.dc, config.goal, config.permanent_key, config.api) == (DataCenter(2), Goal.BOUND, None, None)
    assert config.server_keys == known_keys(test=False)
    assert (config.temporary_lifetime, config.renew_ahead, config.pipeline) == (86400, 3600.0, False)
    assert (config.limits, config.timeouts, config.retry) == (Limits(), Timeouts(), Retry())
    assert config.entropy is secrets.token_bytes
    # what was proven for one connection is not proven for all
    assert config.proven_primes is not ClientConfig().proven_primes


def test_a_test_data_centre_has_its_own_keys() -> None:
    assert ClientConfig(dc=DataCenter(2, test=True)).server_keys == known_keys(test=True)
    assert known_keys(test=True) != known_keys(test=False)


@pytest.mark.parametrize("goal", [Goal.BOUND, Goal.TEMPORARY_KEY])
def test_no_key_is_bound_on_a_cdn_data_centre(goal: Goal) -> None:
    for cdn in (DataCenter(203, cdn=True), DataCenter(203, test=True, cdn=True)):
        with pytest.raises(ValueError, match="CDN_METHOD_INVALID"):
            ClientConfig(dc=cdn, goal=goal, server_keys=[SERVER_KEY.public])


def test_a_cdn_data_centre_has_keys_of_its_own() -> None:
    """Neither the keys of Telegram's own servers nor those of the test servers are trusted there."""
    cdn = DataCenter(203, cdn=True)
    with pytest.raises(ValueError, match=r"help\.getCdnConfig"):
        ClientConfig(dc=cdn, goal=Goal.PERMANENT_KEY)
    config = ClientConfig(dc=cdn, goal=Goal.PERMANENT_KEY, server_keys=[SERVER_KEY.public])
    assert config.server_keys == (SERVER_KEY.public,)
    # the same number without the flag is an ordinary data centre
    assert ClientConfig(dc=DataCenter(203)).server_keys == known_keys(test=False)


def test_keys_may_come_from_anywhere() -> None:
    assert ClientConfig(server_keys=[SERVER_KEY.public]).server_keys == (SERVER_KEY.public,)
    assert ServerConfig(private_keys=iter([SERVER_KEY])).private_keys == (SERVER_KEY,)


@pytest.mark.parametrize(
    "key", [None, PermanentKey(key=PERMANENT_KEY), ExternalKey(id=5), PendingKey()], ids=lambda key: type(key).__name__
)
def test_where_a_permanent_key_may_be(key: PermanentKey | ExternalKey | PendingKey | None) -> None:
    assert ClientConfig(permanent_key=key).permanent_key is key


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"dc": 2}, TypeError, "dc"),
        ({"server_keys": ()}, ValueError, "server_keys is empty"),
        ({"server_keys": (SERVER_KEY,)}, TypeError, "server_keys"),
        ({"permanent_key": PERMANENT_KEY}, TypeError, "permanent_key"),
        ({"goal": "bound"}, TypeError, "goal"),
        ({"temporary_lifetime": 0}, ValueError, "at least 1 second"),
        ({"temporary_lifetime": 1 << 31}, ValueError, "fit 31 bits"),
        ({"temporary_lifetime": 60.0}, TypeError, "temporary_lifetime"),
        ({"renew_ahead": -0.1}, ValueError, "renew_ahead"),
        ({"dc": DataCenter(1 << 15, test=True)}, ValueError, "does not fit 16 bits"),
        ({"dc": DataCenter((1 << 15) - 10_000, test=True)}, ValueError, "does not fit 16 bits"),
        ({"dc": DataCenter(203, cdn=True), "goal": "bound"}, ValueError, "no key is bound"),
        ({"api": "somebody"}, TypeError, "api"),
        ({"limits": Timeouts()}, TypeError, "limits"),
        ({"timeouts": 5.0}, TypeError, "timeouts"),
        ({"retry": 5}, TypeError, "retry"),
    ],
)
def test_what_a_client_is_not_told(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ClientConfig(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"temporary_lifetime": 1},
        {"temporary_lifetime": (1 << 31) - 1},
        {"renew_ahead": 0.0},
        {"dc": DataCenter((1 << 15) - 10_001, test=True, media=True)},
    ],
)
def test_the_bounds_of_what_a_client_is_told(changes: dict[str, Any]) -> None:
    ClientConfig(**changes)


def test_a_server_that_is_told_nothing_but_its_key() -> None:
    config = ServerConfig(private_keys=(SERVER_KEY,))
    assert (config.dc, config.dh_group, config.salt_secret) == (None, (3, KNOWN_PRIME), None)
    assert (config.old_rsa, config.share_handshakes, config.share_calls, config.plain_padding) == (False,) * 4
    assert (config.limits, config.timeouts) == (Limits(), Timeouts())
    assert config.entropy is secrets.token_bytes


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"private_keys": ()}, ValueError, "private_keys is empty"),
        ({"private_keys": (SERVER_KEY.public,)}, TypeError, "private_keys"),
        ({"dc": 2}, TypeError, "dc"),
        ({"dh_group": (5, KNOWN_PRIME)}, ValueError, "g is 2 to 7 and a quadratic residue"),
        ({"dh_group": (3, SAFE_PRIME)}, ValueError, "exactly 2048 bits"),
        ({"salt_secret": Secret(bytes(31))}, ValueError, "32 bytes, got 31"),
        ({"salt_secret": bytes(32)}, TypeError, "salt_secret"),
        ({"limits": Timeouts()}, TypeError, "limits"),
        ({"timeouts": 5.0}, TypeError, "timeouts"),
    ],
)
def test_what_a_server_is_not_told(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ServerConfig(**{"private_keys": (SERVER_KEY,), **changes})


def test_what_a_server_may_be_told() -> None:
    config = ServerConfig(private_keys=(SERVER_KEY,), dc=DataCenter(1), dh_group=(4, KNOWN_PRIME), salt_secret=Secret(bytes(32)))
    assert (config.dc, config.dh_group) == (DataCenter(1), (4, KNOWN_PRIME))


def test_a_repr_shows_no_secret() -> None:
    """Conduct.SECRETS_HIDDEN."""
    config = ServerConfig(private_keys=(SERVER_KEY,), salt_secret=Secret(b"x" * 32))
    assert "salt_secret" not in repr(config)
    assert str(SERVER_KEY.d) not in repr(config)
    for told in (repr(ClientConfig()), repr(config)):
        assert "entropy" not in told
        assert "crypto" not in told


@pytest.mark.parametrize("name", ["layer", "api_id"])
def test_numbers_of_who_calls(name: str) -> None:
    usual: dict[str, Any] = {"layer": 1, "api_id": 1}
    for number in (0, (1 << 31) - 1):
        assert getattr(InitConnection(**{**usual, name: number}), name) == number
    for number in (-1, 1 << 31):
        with pytest.raises(ValueError, match=name):
            InitConnection(**{**usual, name: number})


@pytest.mark.parametrize("name", ["device_model", "system_version", "app_version", "system_lang_code", "lang_pack", "lang_code"])
def test_words_of_who_calls(name: str) -> None:
    words: dict[str, Any] = {name: b"no text"}
    with pytest.raises(TypeError, match=name):
        InitConnection(layer=1, api_id=1, **words)


def test_an_external_key_is_named_by_a_number_of_64_bits() -> None:
    for number in (0, (1 << 64) - 1):
        assert ExternalKey(id=number).id == number
    for number in (-1, 1 << 64):
        with pytest.raises(ValueError, match="id"):
            ExternalKey(id=number)


def test_who_calls() -> None:
    api = InitConnection(layer=200, api_id=1)
    assert (api.device_model, api.lang_pack, api.lang_code) == ("mtproto-bind", "", "en")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: ExternalKey(id=-1), ValueError),
        (lambda: ExternalKey(id=1 << 64), ValueError),
        (lambda: ExternalKey(id=NO_NUMBER), TypeError),
        (lambda: InitConnection(layer=1 << 31, api_id=1), ValueError),
        (lambda: InitConnection(layer=1, api_id=-1), ValueError),
        (lambda: ClientConfig(dc=DataCenter(30_000, test=True)), ValueError),
        (lambda: PermanentKey(key=NO_KEY), TypeError),
    ],
)
def test_what_could_not_be_written_is_refused_at_once(make: Callable[[], object], error: type[Exception]) -> None:
    """A number that does not fit its field would otherwise fail in the middle of a connection."""
    with pytest.raises(error):
        make()
