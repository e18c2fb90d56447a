"""Settings for tests: everything that is drawn follows from a seed."""

from __future__ import annotations

from kit.keys import SERVER_KEY
from mtproto_bind import Limits
from mtproto_bind.testing import make_client_config, make_server_config


def test_what_is_drawn_follows_from_the_seed() -> None:
    for make in (make_client_config, make_server_config):
        first, same, other = make(SERVER_KEY), make(SERVER_KEY), make(SERVER_KEY, seed=b"another")
        drawn = first.entropy(16)
        assert same.entropy(16) == drawn
        assert other.entropy(16) != drawn


def test_any_setting_may_be_changed() -> None:
    limits = Limits(waiting_calls=1)
    assert make_client_config(SERVER_KEY, limits=limits).limits is limits
    assert make_server_config(SERVER_KEY, old_rsa=True).old_rsa
