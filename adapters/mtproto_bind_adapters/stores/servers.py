"""The Redis servers of a ``RedisStore``: how they are reached, and whether they write to a disk what they must not."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from redis import Redis, RedisCluster, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from .outage import StoreError

__all__ = ["Client", "check_servers", "connect", "explain"]

logger = logging.getLogger("mtproto_bind_adapters.stores")

Client = Redis | RedisCluster
PERSISTS = (
    "%s WRITES TEMPORARY KEYS TO ITS DISK (%s), and so takes the forward secrecy from every client: start it with"
    ' --save "" --appendonly no, and give the permanent keys another server (permanent=...)'
)
FORGETS = "%s writes nothing to its disk: permanent keys are lost when it ends; give them a server that does (permanent=...)"
EVICTS = "%s throws away keys that are in use when its memory is full (maxmemory-policy %s): set maxmemory-policy noeviction"
UNKNOWN = "%s does not say whether it writes to its disk (%s): see to it yourself that temporary keys are not written"


def connect(server: str | Client, timeout: float) -> Client:
    """A client for an address, which tries nothing twice; or the one that was given. Raises ``ValueError``."""
    if isinstance(server, str):
        once = Retry(NoBackoff(), 0)
        return Redis.from_url(server, socket_timeout=timeout, socket_connect_timeout=timeout, retry=once, protocol=2)
    if server.get_encoder().decode_responses:
        raise ValueError("expected a client that gives bytes, got one with decode_responses=True")
    return server


def check_servers(server: Client, permanent: Client) -> None:
    """Logs what is wrong with the settings of both, which may be one. Raises ``redis.RedisError`` where one is not there."""
    for node in nodes(server):
        on_disk = look(node)
        if on_disk:
            logger.critical(PERSISTS, name_of(node), on_disk)
        elif on_disk is not None and permanent is server:
            logger.warning(FORGETS, name_of(node))
    if permanent is not server:
        for node in nodes(permanent):
            if look(node) == "":
                logger.warning(FORGETS, name_of(node))


def explain(error: Exception) -> str:
    """Why a server failed. What it says itself may repeat what it was told, so only its first word is shown."""
    if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError | StoreError):
        return str(error)
    said = str(error).split(maxsplit=1)
    return f"{type(error).__name__} {said[0] if said and isinstance(error, exceptions.ResponseError) else ''}".strip()


def nodes(client: Client) -> Iterator[Redis]:
    """Every server that takes writes."""
    if isinstance(client, RedisCluster):
        for node in client.get_primaries():  # type: ignore[no-untyped-call]  # redis has no types for it
            yield client.get_redis_connection(node)
    else:
        yield client


def look(node: Redis) -> str | None:
    """How it writes to its disk; empty: it does not; None: it does not say."""
    node.ping()
    try:
        save, log = setting(node, "save"), setting(node, "appendonly")
        policy, memory = setting(node, "maxmemory-policy"), setting(node, "maxmemory")
    except exceptions.ResponseError as error:
        logger.warning(UNKNOWN, name_of(node), explain(error))
        return None
    if memory not in ("", "0") and policy not in ("", "noeviction"):
        logger.warning(EVICTS, name_of(node), policy)
    return ", ".join(filter(None, [f"save {save}" if save else "", "appendonly yes" if log == "yes" else ""]))


def setting(node: Redis, name: str) -> str:
    """One line of its configuration; empty where it does not know that."""
    return str(node.config_get(name).get(name, ""))


def name_of(node: Redis) -> str:
    """Where it is, without its password."""
    where = node.connection_pool.connection_kwargs
    return f"Redis {where.get('path') or ':'.join(str(where.get(part, '')) for part in ('host', 'port'))}"
