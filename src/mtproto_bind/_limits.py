"""Every number that a peer can make grow, and every time that is waited, by name."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import and_, gt, le, lt, optional

__all__ = ["Limits", "Retry", "Timeouts"]


@frozen(kw_only=True)
class Limits:
    """Ceilings. Bytes unless a name says otherwise."""

    frame: int = field(default=(1 << 22) + 1024, validator=and_(gt(0), lt(1 << 31)))
    """One transport frame. TDLib reads as much; Telegram Desktop 16 MiB. The highest of its 32 bits means something else."""
    outgoing_message: int = field(default=1 << 20, validator=and_(gt(0), le((1 << 24) - 2048)))
    """What we put into one message or container; older lore says that servers take 1 MiB.

    With envelope and padding it has to stay below the 16 MiB that a frame may announce.
    """
    container_messages: int = field(default=1024, validator=gt(0))
    """Messages in a container: the documented 1024 (/mtproto/service_messages)."""
    ids: int = field(default=8192, validator=gt(0))
    """Ids in one service message: the documented 8192."""
    unpacked: int = field(default=16 << 20, validator=gt(0))
    """What one gzip_packed object may unpack to."""
    doubles: int = field(default=1000, validator=gt(0))
    """Message ids remembered for each session; TDLib and mtcute remember 1000."""
    factor_curves: int = field(default=200, validator=gt(0))
    """Curves spent on one pq; 29 were the most in 3,000 instances."""
    dh_retries: int = field(default=4, validator=gt(0))
    """dh_gen_retry answered in one handshake; Telegram Desktop sends five times in all."""
    handshake_inner: int = field(default=2048, validator=gt(0))
    """encrypted_answer of server_DH_params_ok, encrypted_data of set_client_DH_params."""
    waiting_calls: int = field(default=10_000, validator=gt(0))
    """Calls that wait to be sent."""
    unacknowledged: int = field(default=1000, validator=gt(0))
    """Messages a server keeps for one session until they are acknowledged."""
    handshakes: int = field(default=100_000, validator=gt(0))
    """Unfinished handshakes a server keeps in all."""
    handshakes_per_peer: int = field(default=100, validator=gt(0))
    """Unfinished handshakes a server keeps for one peer."""
    sessions: int = field(default=100_000, validator=gt(0))
    """Sessions a server keeps in all; the one longest unused goes first."""
    sessions_per_key: int = field(default=100, validator=gt(0))
    """Sessions a server keeps for one key."""
    keys: int = field(default=100_000, validator=gt(0))
    """Keys a server keeps in its cache; the owner's store has them all."""
    temporary_lifetime: int = field(default=86400, validator=gt(0))
    """Seconds a server lets a temporary key live at most."""
    expires_at_tolerance: int = field(default=60, validator=gt(0))
    """Seconds by which expires_at may exceed the end of a temporary key (Telegram Desktop adds 30)."""
    bind_refusals: int = field(default=5, validator=gt(0))
    """Refused bindings on one stream before the server closes it."""


@frozen(kw_only=True)
class Timeouts:
    """Seconds."""

    handshake: float = field(default=15.0, validator=gt(0))
    """For each answer of the handshake, from the moment the request was ready to be sent."""
    bind: float = field(default=15.0, validator=gt(0))
    """For the answer to a binding."""
    frame: float = field(default=60.0, validator=gt(0))
    """For the rest of a frame that has begun, and for the first bytes of a stream on a server."""
    acknowledge: float = field(default=10.0, validator=gt(0))
    """An acknowledgement waits this long for company."""
    drain: float = field(default=10.0, validator=gt(0))
    """How long a renewal waits for answers under the old key, and an unbound key still takes answers."""
    owner: float = field(default=30.0, validator=gt(0))
    """For the owner's answer to a question of a server."""
    binding_required: float = field(default=240.0, validator=gt(0))
    """For the sealed binding of an external key; a message id lives 300 s."""
    handshake_memory: float = field(default=600.0, validator=gt(0))
    """How long a server remembers a handshake, from its first request."""
    answer: float = field(default=60.0, validator=gt(0))
    """A call that has no answer for so long is asked about with msgs_state_req."""
    unacknowledged: float = field(default=600.0, validator=gt(0))
    """How long a server keeps a message that nobody acknowledges, to send it again on a new stream."""
    idle: float = field(default=60.0, validator=gt(0))
    """A client that hears nothing for so long asks with a ping, and gives the stream up after as long again."""


@frozen(kw_only=True)
class Retry:
    """How a client tries again.

    ``attempts``: failed exchanges before the connection closes; None: never. ``delay`` and ``ceiling``: seconds before
    the first and the longest wait; each wait doubles the one before.
    """

    attempts: int | None = field(default=None, validator=optional(gt(0)))
    delay: float = field(default=1.0, validator=gt(0))
    ceiling: float = field(default=60.0, validator=gt(0))
