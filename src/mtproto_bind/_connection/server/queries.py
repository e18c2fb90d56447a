"""An API query out of its wrappers, whatever their order: https://core.telegram.org/api/invoking."""

from __future__ import annotations

from attrs import evolve, field, frozen

from ..._errors import Check, require
from ..._limits import Limits
from ..._session import constructor_id
from ..._session import unpacked as unpack_once
from ..._tl import (
    API,
    BindTempAuthKey,
    GzipPacked,
    HelpGetConfig,
    HelpGetNearestDc,
    InitConnection,
    InvokeAfterMsg,
    InvokeAfterMsgs,
    InvokeWithLayer,
    InvokeWithoutUpdates,
)

__all__ = ["ALLOWED_UNBOUND", "Query", "peel"]

WRAPPERS = 8
"""More of them than any client puts around a query."""
ALLOWED_UNBOUND = frozenset(kind.constructor.id for kind in (BindTempAuthKey, HelpGetConfig, HelpGetNearestDc))
"""What a temporary key may call before it is bound: https://core.telegram.org/api/pfs."""
GZIP_ID = GzipPacked.constructor.id


@frozen(kw_only=True)
class Query:
    """``body``: the query itself; the rest is what its wrappers said."""

    body: bytes = field(repr=False)
    layer: int | None = None
    after: tuple[int, ...] = ()
    updates: bool = True


def peel(body: bytes, limits: Limits) -> Query:
    """Take the wrappers off; gzip_packed may stand wherever a query may, once.

    Raises MalformedMessage, SecurityError(GZIP).
    """
    query = Query(body=body)
    packed = False
    for _ in range(WRAPPERS):
        if constructor_id(query.body) == GZIP_ID:
            require(not packed, Check.GZIP, "packed twice")
            packed = True
            query = evolve(query, body=unpack_once(query.body, limits))
            continue
        inner = _inside(query)
        if inner is None:
            break
        query = inner
    return query


def _inside(query: Query) -> Query | None:
    """Without its outermost wrapper; None: there is none."""
    wrapped = API.read_whole(query.body) if constructor_id(query.body) in WRAPPER_IDS else None
    match wrapped:
        case InvokeWithLayer(layer, inner):
            return evolve(query, body=inner, layer=layer)
        case InitConnection() as introduction:
            return evolve(query, body=introduction.query)
        case InvokeWithoutUpdates(inner):
            return evolve(query, body=inner, updates=False)
        case InvokeAfterMsg(msg_id, inner):
            return evolve(query, body=inner, after=(*query.after, msg_id))
        case InvokeAfterMsgs(msg_ids, inner):
            return evolve(query, body=inner, after=(*query.after, *msg_ids))
        case _:
            return None


WRAPPER_IDS = frozenset(
    kind.constructor.id for kind in (InvokeWithLayer, InitConnection, InvokeWithoutUpdates, InvokeAfterMsg, InvokeAfterMsgs)
)
