"""Cryptography: one small seam, its fillings, and what the protocol makes of them."""

from __future__ import annotations

from .auth_key import AUTH_KEY_LENGTH, AuthKey
from .dh import KNOWN_PRIME, ProvenPrimes, check_generator, check_prime_size, in_range
from .filling import default_crypto
from .kdf import (
    Side,
    aes_v1,
    aes_v2,
    first_salt,
    later_salt,
    msg_key_large_v2,
    msg_key_v1,
    new_nonce_hash,
    new_nonce_hash_fail,
    tmp_aes,
)
from .native import Over
from .padding import old_pad_open, rsa_pad, rsa_pad_open
from .pure import PureCrypto
from .rsa import PrivateKey, PublicKey, known_keys
from .seam import Crypto, Entropy
from .secret import Secret, same
from .work import Factor, Powers, ProvePrime, RsaOpen, Work

__all__ = [
    "AUTH_KEY_LENGTH",
    "KNOWN_PRIME",
    "AuthKey",
    "Crypto",
    "Entropy",
    "Factor",
    "Over",
    "Powers",
    "PrivateKey",
    "ProvePrime",
    "ProvenPrimes",
    "PublicKey",
    "PureCrypto",
    "RsaOpen",
    "Secret",
    "Side",
    "Work",
    "aes_v1",
    "aes_v2",
    "check_generator",
    "check_prime_size",
    "default_crypto",
    "first_salt",
    "in_range",
    "known_keys",
    "later_salt",
    "msg_key_large_v2",
    "msg_key_v1",
    "new_nonce_hash",
    "new_nonce_hash_fail",
    "old_pad_open",
    "rsa_pad",
    "rsa_pad_open",
    "same",
    "tmp_aes",
]
