"""Where Telegram's own servers are, as its open clients know them before they have asked for more."""

from __future__ import annotations

from typing import Final

from mtproto_bind import DataCenter

__all__ = ["address"]

PRODUCTION: Final = {1: "149.154.175.50", 2: "149.154.167.51", 3: "149.154.175.100", 4: "149.154.167.91", 5: "149.154.171.5"}
TEST: Final = {1: "149.154.175.10", 2: "149.154.167.40", 3: "149.154.175.117"}


def address(dc: DataCenter) -> str:
    """The address of data centre ``dc``. ``ValueError`` where none is known here, as of those for media and CDN."""
    known = (TEST if dc.test else PRODUCTION).get(dc.id)
    if known is None or dc.media or dc.cdn:
        raise ValueError(f"no address is known for {dc}")
    return known
