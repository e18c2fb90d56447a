"""Looks at a request for a binding, and seals it: the half of the split binder that has the permanent key."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from mtproto_bind import AuthKey, BindingRequest, Crypto, Entropy, default_crypto, seal_binding

__all__ = ["Refused", "Vault"]

DAY = 86400
LONGEST_LIFE = DAY
"""Seconds that a temporary key lives at most: https://core.telegram.org/api/pfs."""
CLOCK_ERROR = DAY
"""Seconds that our clock may be wrong.

``expires_at`` is on the server's clock, and the vault never talks to the server. Devices that are a day off are common (a wrong
date, a wrong time zone), and still bind. So we are generous: a binding that has ended is of no use to anybody, and one that
lasts a day longer than it should is refused by the server. What must not be is one that holds for years.
"""


class Refused(Exception):
    """The vault does not sign. The text says why, and may be shown to whoever asked; ``status`` is the code of HTTP for it."""

    def __init__(self, why: str, *, status: int) -> None:
        super().__init__(why)
        self.status = status


class Vault:
    """Holds ``permanent_key``, and lends it to nobody.

    ``now``: unix seconds. May be used by several threads at once if ``now``, ``entropy`` and ``crypto`` may; the usual ones may.
    """

    def __init__(
        self,
        permanent_key: AuthKey,
        *,
        now: Callable[[], float] = time.time,
        entropy: Entropy = secrets.token_bytes,
        crypto: Crypto | None = None,
    ) -> None:
        self.key_id = permanent_key.id
        self._key = permanent_key
        self._now = now
        self._entropy = entropy
        self._crypto = crypto or default_crypto()

    def examine(self, data: bytes) -> BindingRequest:
        """The request in ``data`` (see ``BindingRequest.to_bytes``), if it may be signed. Raises :class:`Refused`."""
        try:
            request = BindingRequest.from_bytes(data)
        except ValueError as error:
            raise Refused(str(error), status=400) from None
        if request.perm_auth_key_id != self.key_id:
            raise Refused(f"the request names permanent key {request.perm_auth_key_id:016x}, which is not here", status=409)
        left = request.expires_at - self._now()
        if left <= -CLOCK_ERROR:
            raise Refused(f"the temporary key ended {-left / DAY:.1f} days ago by the clock of the vault", status=400)
        if left > LONGEST_LIFE + CLOCK_ERROR:
            raise Refused(f"the binding would hold for {left / DAY:.1f} days, and a temporary key lives for one", status=400)
        return request

    def seal(self, request: BindingRequest) -> bytes:
        """The 104 bytes, for a request that :meth:`examine` let through."""
        return seal_binding(request, self._key, entropy=self._entropy, crypto=self._crypto)
