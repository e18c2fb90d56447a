"""A client that asks for bindings, right or wrong in one thing."""

from __future__ import annotations

from typing import Any

from kit.puppet import CRYPTO, DAY, PERMANENT_KEY, START, Puppet, World, permanent_record, temporary_record
from mtproto_bind import AuthKey, BindingRequest, BindTempAuthKey, seal_binding
from mtproto_bind._tl import ContainedMessage
from mtproto_bind.testing import Owner, SeededEntropy

ENDS = int(START) + DAY
"""When the keys end."""


def unbound(owner: Owner | None = None, **limits: Any) -> Puppet:
    """A temporary key that is not bound, and the permanent key at its owner's."""
    record = temporary_record(bound=False)
    return Puppet(World(permanent_record(), record, owner=owner, **limits).dial(), record)


def binding(one: Puppet, holder: int, *, key: AuthKey = PERMANENT_KEY, **inner: int) -> bytes:
    """The 104 bytes; ``inner`` is what they say otherwise than they should."""
    fields: dict[str, int] = {
        "perm_auth_key_id": key.id,
        "temp_auth_key_id": one.record.key.id,
        "temp_session_id": one.session_id,
        "nonce": 77,
        "msg_id": holder,
        "expires_at": ENDS,
        **inner,
    }
    return seal_binding(BindingRequest(**fields), key, entropy=SeededEntropy(b"seal"), crypto=CRYPTO)


def request(one: Puppet, holder: int, *, outer: dict[str, Any] | None = None, **inner: Any) -> bytes:
    """The call; ``outer`` is what it says otherwise."""
    fields = {
        "perm_auth_key_id": inner.get("key", PERMANENT_KEY).id,
        "nonce": 77,
        "expires_at": ENDS,
        "encrypted_message": binding(one, holder, **inner),
    }
    return BindTempAuthKey(**{**fields, **(outer or {})}).to_bytes()


def hold_bind(one: Puppet, **said: Any) -> ContainedMessage:
    """The request in a message of its own, which is its M even inside a container."""
    msg_id, seq_no = one.number()
    return ContainedMessage(msg_id, seq_no, request(one, msg_id, **said))


def bind(one: Puppet, **said: Any) -> bytes:
    """Ask for a binding; the answer."""
    message = hold_bind(one, **said)
    one.line.frame(one.seal(message))
    [answer] = one.results(message.msg_id)
    return answer
