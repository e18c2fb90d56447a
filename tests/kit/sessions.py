"""Keys and sessions for the tests of what stands on them."""

from __future__ import annotations

from hypothesis import strategies as st

from mtproto_bind._crypto import AuthKey, Side, default_crypto
from mtproto_bind._limits import Limits, Timeouts
from mtproto_bind._session import Item, Session
from mtproto_bind.testing.entropy import SeededEntropy

CRYPTO = default_crypto()
TEMPORARY_KEY = AuthKey(bytes(range(256)))
PERMANENT_KEY = AuthKey(bytes(reversed(range(256))))
SESSION_ID = 0x0123456789ABCDEF
NOW = 1_800_000_000.25
SECONDS = st.floats(-1e6, 4e9)
"""What a clock that is right, wrong or mad may say."""
BODIES = st.integers(1, 12).flatmap(lambda words: st.binary(min_size=4 * words, max_size=4 * words))


def make_session(side: Side = Side.CLIENT, session_id: int = SESSION_ID, limits: Limits | None = None) -> Session:
    """A session under the temporary key."""
    return Session(
        TEMPORARY_KEY,
        session_id,
        side,
        crypto=CRYPTO,
        entropy=SeededEntropy(side.name.encode()),
        limits=limits or Limits(),
        timeouts=Timeouts(),
    )


def make_items(bodies: list[bytes], *, keep: bool = False) -> list[Item]:
    """Something to say for each body, content-related in turns."""
    return [Item(body=body, content_related=bool(place % 2), keep=keep, about=place) for place, body in enumerate(bodies)]
