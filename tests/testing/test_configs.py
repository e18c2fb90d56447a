"""Settings for tests: usual ones, and what is changed of them."""

from __future__ import annotations

from kit.keys import SERVER_KEY
from mtproto_bind import Limits, Timeouts
from mtproto_bind.testing import CheapCrypto, make_client_config, make_server_config


def test_what_is_usual() -> None:
    client, server = make_client_config(SERVER_KEY), make_server_config(SERVER_KEY)
    assert client.server_keys == (SERVER_KEY.public,)
    assert server.private_keys == (SERVER_KEY,)
    for config in (client, server):
        assert (config.limits, config.timeouts) == (Limits(), Timeouts())
        assert isinstance(config.crypto, CheapCrypto)


def test_draws_follow_from_the_seed() -> None:
    for make in (make_client_config, make_server_config):
        assert make(SERVER_KEY, seed=b"a").entropy(16) == make(SERVER_KEY, seed=b"a").entropy(16)
        assert make(SERVER_KEY, seed=b"a").entropy(16) != make(SERVER_KEY, seed=b"b").entropy(16)
    assert make_client_config(SERVER_KEY).entropy(16) != make_server_config(SERVER_KEY).entropy(16)


def test_what_is_changed() -> None:
    assert make_client_config(SERVER_KEY, temporary_lifetime=7).temporary_lifetime == 7
    assert make_server_config(SERVER_KEY, old_rsa=True).old_rsa
