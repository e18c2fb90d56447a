"""The split binder: a vault that holds the permanent key and seals bindings, and the way to ask it, over HTTP.

What passes between them is in ``docs/explanation/split-binder.md``.
"""

from __future__ import annotations

from .client import VaultError, ask_vault, vault_url
from .server import VaultServer, web_origin
from .signer import Refused, Vault

__all__ = ["Refused", "Vault", "VaultError", "VaultServer", "ask_vault", "vault_url", "web_origin"]
