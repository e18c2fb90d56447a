"""Settings for two ends in a test: everything that is drawn follows from a seed, and powers are remembered."""

from __future__ import annotations

from typing import Any

from .._config import ClientConfig, ServerConfig
from .._crypto import PrivateKey
from .._limits import Limits, Timeouts
from .cheap import CheapCrypto
from .entropy import SeededEntropy

__all__ = ["make_client_config", "make_server_config"]


def make_server_config(private_key: PrivateKey, *, seed: bytes = b"server", **changes: Any) -> ServerConfig:
    """A server for tests: everything that is drawn follows from ``seed``, powers are remembered."""
    settings: dict[str, Any] = {
        "private_keys": (private_key,),
        "entropy": SeededEntropy(seed),
        "crypto": CheapCrypto(),
        "limits": Limits(),
        "timeouts": Timeouts(),
    }
    return ServerConfig(**{**settings, **changes})


def make_client_config(private_key: PrivateKey, *, seed: bytes = b"client", **changes: Any) -> ClientConfig:
    """A client for tests that trusts ``private_key``: everything that is drawn follows from ``seed``."""
    settings: dict[str, Any] = {
        "server_keys": (private_key.public,),
        "entropy": SeededEntropy(seed),
        "crypto": CheapCrypto(),
        "limits": Limits(),
        "timeouts": Timeouts(),
    }
    return ClientConfig(**{**settings, **changes})
