"""What the answer to a binding means: https://core.telegram.org/api/pfs and /method/auth.bindTempAuthKey.

A verdict explains itself: what happened, why, on which evidence, what comes next and when. No verdict gives a
permanent key up; the worst asks its owner.
"""

from __future__ import annotations

from enum import Enum, auto

from attrs import frozen

from .._session import RpcError

__all__ = ["BindEvidence", "BindVerdict", "NextStep", "Refusal", "judge"]

IMMUNE = 60.0
"""A permanent key younger than so many seconds may not have reached every server yet."""
LATELY = 86400.0
"""A key that was bound within so many seconds, and is older than that, is surely known."""


class Refusal(Enum):
    """What happened."""

    ENCRYPTED_MESSAGE_INVALID = auto()
    """The server could not open the binding: it does not know the permanent key, or not yet, or the message is wrong."""
    TEMP_AUTH_KEY_ALREADY_BOUND = auto()
    """The temporary key belongs to another permanent key."""
    TEMP_AUTH_KEY_EMPTY = auto()
    """The server holds the key in use for no temporary key."""
    EXPIRES_AT_INVALID = auto()
    """The server's clock or ceiling does not agree with expires_at."""
    RETURNED_FALSE = auto()
    """boolFalse, without a reason."""
    UNAUTHORIZED = auto()
    """401: the server says that the key or the login is not valid any more."""
    FLOOD = auto()
    """420: wait."""
    SERVER_ERROR = auto()
    """500 and what is treated like it."""
    OTHER = auto()
    """An error that no documentation names for this method."""


class NextStep(Enum):
    """What the connection does next, at ``retry_at``."""

    BIND_AGAIN = auto()
    """Build another binding of the same two keys."""
    NEW_TEMPORARY_KEY = auto()
    """Make another temporary key and bind that one."""
    ASK_OWNER = auto()
    """Ask :class:`PermanentKeySuspected` and wait for the answer."""


@frozen(kw_only=True)
class BindEvidence:
    """What the verdict rests on. Seconds; None: unknown."""

    permanent_key_age: float | None
    since_last_bound: float | None
    clock_certain: bool
    refusals: int
    """Refused bindings in a row, this one included."""


@frozen(kw_only=True)
class BindVerdict:
    """``error`` is the server's text, if it gave one. ``retry_at`` is in our unix seconds."""

    refusal: Refusal
    error: RpcError | None
    why: str
    evidence: BindEvidence
    next_step: NextStep
    retry_at: float


def judge(answer: RpcError | None, evidence: BindEvidence, *, now: float, delay: float) -> BindVerdict:
    """Judge an answer that is not boolTrue: an rpc_error, or None for boolFalse.

    ``delay``: seconds to wait where the server names none.
    """
    refusal, why, step = _meaning(answer, evidence)
    wait = _flood_wait(answer.message) if answer is not None and refusal is Refusal.FLOOD else delay
    return BindVerdict(refusal=refusal, error=answer, why=why, evidence=evidence, next_step=step, retry_at=now + max(wait, delay))


def _meaning(answer: RpcError | None, evidence: BindEvidence) -> tuple[Refusal, str, NextStep]:
    if answer is None:
        return Refusal.RETURNED_FALSE, "the server answered boolFalse and gave no reason", NextStep.BIND_AGAIN
    name = answer.message
    if name == "ENCRYPTED_MESSAGE_INVALID":
        step, why = _permanent_key(evidence)
        return Refusal.ENCRYPTED_MESSAGE_INVALID, why, step
    if name == "TEMP_AUTH_KEY_ALREADY_BOUND":
        why = "the temporary key is bound to another permanent key; it is of no use to us"
        return Refusal.TEMP_AUTH_KEY_ALREADY_BOUND, why, NextStep.NEW_TEMPORARY_KEY
    if name == "TEMP_AUTH_KEY_EMPTY":
        why = "the server does not hold the key for a temporary one; it has lost it"
        return Refusal.TEMP_AUTH_KEY_EMPTY, why, NextStep.NEW_TEMPORARY_KEY
    if name == "EXPIRES_AT_INVALID":
        why = "the server does not accept the end of the temporary key; our view of its clock is off, or its ceiling lower"
        return Refusal.EXPIRES_AT_INVALID, why, NextStep.NEW_TEMPORARY_KEY
    if answer.code == 401:
        return Refusal.UNAUTHORIZED, "the server says that the key or the login is not valid any more", NextStep.ASK_OWNER
    if answer.code == 420:
        return Refusal.FLOOD, "too many requests: the server names a time to wait", NextStep.BIND_AGAIN
    if answer.code >= 500 or answer.code < 0:
        return Refusal.SERVER_ERROR, "the server failed; nothing is wrong with the keys", NextStep.BIND_AGAIN
    return Refusal.OTHER, "an error that is not documented for a binding", NextStep.BIND_AGAIN


def _permanent_key(evidence: BindEvidence) -> tuple[NextStep, str]:
    """ENCRYPTED_MESSAGE_INVALID is a question, not a verdict (protocol: the 60 s rule; TDLib: clock, recent success)."""
    age, since = evidence.permanent_key_age, evidence.since_last_bound
    if age is not None and age < IMMUNE:
        return NextStep.BIND_AGAIN, f"the permanent key is {age:.0f} s old; it may not have reached every server yet"
    if not evidence.clock_certain:
        return NextStep.BIND_AGAIN, "our view of the server's clock is not certain; the binding may be wrong for that alone"
    if since is not None and since < LATELY and (age is None or age > LATELY):
        return NextStep.BIND_AGAIN, f"the permanent key was bound {since:.0f} s ago; it is not likely to be gone"
    return NextStep.ASK_OWNER, "the server does not seem to know the permanent key any more"


def _flood_wait(text: str) -> float:
    digits = text.rpartition("_")[2]
    return float(digits) if digits.isdecimal() and len(digits) < 7 else 0.0
