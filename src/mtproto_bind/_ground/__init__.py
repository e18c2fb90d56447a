"""Pure functions on bytes and whole numbers; nothing here knows the protocol."""

from __future__ import annotations

from .buffer import Buffer
from .factor import factor
from .octets import id_from_bytes, id_to_bytes, to_fixed, to_int, to_minimal, xor
from .primes import is_prime, prove_safe_prime

__all__ = [
    "Buffer",
    "factor",
    "id_from_bytes",
    "id_to_bytes",
    "is_prime",
    "prove_safe_prime",
    "to_fixed",
    "to_int",
    "to_minimal",
    "xor",
]
