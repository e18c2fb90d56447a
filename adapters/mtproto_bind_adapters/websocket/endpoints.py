"""Where Telegram's servers speak WebSocket: https://core.telegram.org/mtproto/transports#uri-format."""

from __future__ import annotations

from typing import Final

from mtproto_bind import DataCenter

from ..addresses import address

__all__ = ["endpoint"]

NAMES: Final = {1: "pluto", 2: "venus", 3: "aurora", 4: "vesta", 5: "flora"}
TEST_IDS: Final = {1, 2, 3}


def endpoint(dc: DataCenter, *, tls: bool = True) -> str:
    """The URL of Telegram's data centre ``dc``.

    With TLS servers are reached by name, and the path says whether it is a test server; without it by address, which says that
    itself. ``ValueError`` for a data centre that has no name, or no address that is known here.
    """
    known = TEST_IDS if dc.test else NAMES.keys()
    if dc.cdn or dc.id not in known:
        which = "test data centres" if dc.test else "data centres"
        raise ValueError(f"{dc} has no WebSocket name; the {which} {', '.join(map(str, sorted(known)))} have one")
    if tls:
        return f"wss://{NAMES[dc.id]}{'-1' * dc.media}.web.telegram.org:443/apiws{'_test' * dc.test}"
    if dc.media:
        raise ValueError(f"no address is known for {dc} without TLS: with TLS it has a name")
    return f"ws://{address(dc)}:80/apiws"
