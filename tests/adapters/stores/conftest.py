"""Redis servers for all tests of this folder: one alone, one that keeps what it is told, one that is a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import RedisCluster

from kit.redis_server import RedisServer, redis_cluster, redis_server
from kit.stores import RedisRig, Rig
from mtproto_bind_adapters.stores import MemoryStore, SqliteStore


@pytest.fixture(scope="session")
def redis_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_permanent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis"), "--save", "", "--appendonly", "yes") as server:
        yield server


@pytest.fixture(scope="session")
def redis_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_cluster(tmp_path_factory.mktemp("redis")) as server:
        yield server


KINDS = ["memory", "sqlite", "redis", "redis and redis", "redis cluster"]


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """A store of each kind, with nothing in it."""
    with ExitStack() as stack:
        match request.param:
            case "memory":
                yield Rig(MemoryStore())
            case "sqlite":
                yield Rig(stack.enter_context(SqliteStore(tmp_path / "keys.db")))
            case "redis cluster":
                port = request.getfixturevalue("redis_nodes").port
                client = stack.enter_context(RedisCluster(host="127.0.0.1", port=port))
                yield RedisRig(client, [client])
            case kind:
                servers = [request.getfixturevalue("redis_one")]
                servers += [request.getfixturevalue("redis_permanent")] if kind == "redis and redis" else []
                clients = [stack.enter_context(server.client()) for server in servers]
                made = RedisRig(servers[0].url, list(clients), *(server.url for server in servers[1:]))
                stack.callback(made.store.close)  # type: ignore[union-attr]  # it is one in Redis
                yield made
