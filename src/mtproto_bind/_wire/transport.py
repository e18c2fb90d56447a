"""How a stream is to be written: what a client chooses, what a server takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import field, frozen

from .framing import Framing
from .secret import key_of

__all__ = ["ALL_FRAMINGS", "ServerTransport", "Transport"]

ALL_FRAMINGS: Final = tuple(Framing)


def _secrets(secrets: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(key_of(secret) for secret in secrets)


@frozen
class Transport:
    """The transport of one stream.

    ``obfuscated``: hidden in the keystream of a 64-byte header, as WebSocket and MTProxy demand; it gives no security.
    ``secret``: the MTProxy's, 16 bytes or ``dd`` and 16, which demands ``Framing.PADDED``; see :func:`parse_secret`.
    https://core.telegram.org/mtproto/mtproto-transports. ``ValueError`` for what does not go together.
    """

    framing: Framing = Framing.INTERMEDIATE
    obfuscated: bool = False
    secret: bytes | None = field(default=None, repr=lambda value: "None" if value is None else "<hidden>")

    def __attrs_post_init__(self) -> None:
        # full has no tag by which a server could recognise it inside, and no peer speaks it so
        if self.obfuscated and self.framing is Framing.FULL:
            raise ValueError("full frames cannot be obfuscated")
        if self.secret is not None:
            if not self.obfuscated:
                raise ValueError("only an obfuscated stream has a secret")
            if len(key_of(self.secret)) < len(self.secret) and self.framing is not Framing.PADDED:
                raise ValueError("a secret that begins with dd demands padded frames")

    @property
    def key_secret(self) -> bytes | None:
        """The 16 bytes that go into the keys."""
        return None if self.secret is None else key_of(self.secret)

    @staticmethod
    def detect(
        framings: Iterable[Framing] = ALL_FRAMINGS, obfuscated_only: bool = False, secrets: Iterable[bytes] = ()
    ) -> ServerTransport:
        """For a server: whichever of these a client begins with.

        ``obfuscated_only``: nothing else is taken. ``secrets``: where there are any, an obfuscated stream must be made
        with one of them.
        """
        return ServerTransport(tuple(framings), plain=not obfuscated_only, secrets=secrets)

    def awaited(self) -> ServerTransport:
        """For a server: this transport and no other."""
        secrets = () if self.secret is None else (self.secret,)
        return ServerTransport((self.framing,), plain=not self.obfuscated, obfuscated=self.obfuscated, secrets=secrets)


@frozen
class ServerTransport:
    """What a server takes; made by :meth:`Transport.detect`."""

    framings: tuple[Framing, ...]
    plain: bool = field(default=True, kw_only=True)
    obfuscated: bool = field(default=True, kw_only=True)
    secrets: tuple[bytes, ...] = field(default=(), converter=_secrets, repr=lambda value: f"<{len(value)} hidden>", kw_only=True)
