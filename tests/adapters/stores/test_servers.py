"""Where keys are kept in Redis is looked at when the store is made, and what is wrong there is said aloud."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis, RedisCluster
from redis import exceptions as redis_errors

from kit.redis_server import RedisServer, free_port, redis_server
from mtproto_bind_adapters.stores import StoreError
from mtproto_bind_adapters.stores.redis import RedisStore
from mtproto_bind_adapters.stores.servers import connect, explain, name_of


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(entry.levelname, entry.getMessage()) for entry in caplog.records]


@contextmanager
def settings(server: RedisServer, **changes: str) -> Iterator[None]:
    """``server`` with other settings for a while."""
    with server.client() as client:
        before = {name: client.config_get(name.replace("_", "-"))[name.replace("_", "-")] for name in changes}
        for name, value in changes.items():
            client.config_set(name.replace("_", "-"), value)
        try:
            yield
        finally:
            for name, value in before.items():
                client.config_set(name.replace("_", "-"), value)


def test_all_is_well_where_one_forgets_and_the_other_does_not(
    redis_one: RedisServer, redis_permanent: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    RedisStore(redis_one.url, permanent=redis_permanent.url).close()
    assert said(caplog) == []


def test_one_server_that_forgets_loses_permanent_keys(redis_one: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    RedisStore(redis_one.url).close()
    [(level, line)] = said(caplog)
    assert level == "WARNING"
    assert line.startswith(f"Redis 127.0.0.1:{redis_one.port} writes nothing to its disk: permanent keys are lost")


@pytest.mark.parametrize(
    ("changes", "how"),
    [({"save": "3600 1"}, "save 3600 1"), ({"appendonly": "yes"}, "appendonly yes")],
    ids=["snapshots", "a log"],
)
def test_a_server_that_writes_temporary_keys_to_its_disk_is_called_out(
    redis_one: RedisServer, redis_permanent: RedisServer, caplog: pytest.LogCaptureFixture, changes: dict[str, str], how: str
) -> None:
    with settings(redis_one, **changes):
        for permanent in (None, redis_permanent.url):
            RedisStore(redis_one.url, permanent=permanent).close()
    assert [level for level, _ in said(caplog)] == ["CRITICAL"] * 2
    assert all(f"WRITES TEMPORARY KEYS TO ITS DISK ({how})" in line for _, line in said(caplog))


def test_a_server_for_permanent_keys_that_forgets_them(
    redis_one: RedisServer, redis_permanent: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with settings(redis_permanent, appendonly="no"):
        RedisStore(redis_one.url, permanent=redis_permanent.url).close()
    [(_, line)] = said(caplog)
    assert line.startswith(f"Redis 127.0.0.1:{redis_permanent.port} writes nothing to its disk: permanent keys are lost")


def test_a_server_that_throws_keys_away_when_it_is_full(
    redis_one: RedisServer, redis_permanent: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with settings(redis_one, maxmemory="1gb", maxmemory_policy="allkeys-lru"):
        RedisStore(redis_one.url, permanent=redis_permanent.url).close()
    [(_, line)] = said(caplog)
    assert "throws away keys that are in use when its memory is full (maxmemory-policy allkeys-lru)" in line


def test_a_server_that_says_nothing_of_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As those do that are rented."""
    with redis_server(tmp_path, "--save", "", "--rename-command", "CONFIG", "") as server:
        RedisStore(server.url).close()
    [(_, line)] = said(caplog)
    assert "does not say whether it writes to its disk (ResponseError unknown)" in line


def test_a_cluster_is_looked_at_node_by_node(redis_nodes: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    with settings(redis_nodes, save="3600 1"), RedisCluster(host="127.0.0.1", port=redis_nodes.port) as client:
        RedisStore(client)
    [(level, line)] = said(caplog)
    assert level == "CRITICAL"
    assert line.startswith(f"Redis 127.0.0.1:{redis_nodes.port} WRITES")


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(StoreError, match=r"no Redis can be used there: Error 111 connecting to 127\.0\.0\.1:\d+"):
        RedisStore(f"redis://127.0.0.1:{free_port()}")


def test_what_is_no_address_is_told() -> None:
    with pytest.raises(ValueError, match="Redis URL must specify one of the following schemes"):
        RedisStore("localhost:6379")


def test_a_client_that_decodes_is_refused() -> None:
    with Redis(decode_responses=True) as client, pytest.raises(ValueError, match="a client that gives bytes"):
        RedisStore(client)


def test_a_client_that_was_given_stays_open(redis_one: RedisServer) -> None:
    with redis_one.client() as client:
        with RedisStore(client) as store:
            assert store.bound_to(1) is None
        assert connect(client, 1.0) is client
        assert client.ping()


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (redis_errors.ConnectionError("Connection refused."), "Connection refused."),
        (redis_errors.TimeoutError("Timeout reading from socket"), "Timeout reading from socket"),
        (StoreError("the record is damaged"), "the record is damaged"),
        (redis_errors.ResponseError("unknown command 'SET', with args beginning with: 'a secret'"), "ResponseError unknown"),
        (redis_errors.ResponseError(""), "ResponseError"),
        (redis_errors.RedisClusterException("all slots are covered with a secret"), "RedisClusterException"),
    ],
)
def test_an_error_is_explained_without_what_was_asked(error: Exception, shown: str) -> None:
    assert explain(error) == shown


def test_a_server_is_named_without_its_password() -> None:
    with Redis.from_url("redis://me:secret@127.0.0.1:5/0") as tcp, Redis.from_url("unix:///run/redis?password=secret") as unix:
        assert [name_of(tcp), name_of(unix)] == ["Redis 127.0.0.1:5", "Redis /run/redis"]
