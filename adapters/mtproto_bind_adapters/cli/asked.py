"""The vault that ``mtproto-bind bind --vault`` asks."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable

from mtproto_bind import BindingRequired

from ..sync import SyncDriver
from ..vault import VaultError, ask_vault, vault_url
from .console import Failure, Misuse

__all__ = ["AskedVault", "vault_of"]

TRIES = 5
DELAY = 1.0
"""Seconds between two of them."""
PATIENCE = 5.0
"""Seconds for one; the stream has to wait for so long."""


def vault_of(options: Namespace) -> str | None:
    """The URL of the vault, None: this process has the permanent key, or makes it. Raises :class:`Misuse`."""
    if options.vault is None:
        if options.permanent_key_id is not None:
            raise Misuse("--permanent-key-id says which key a vault has: give --vault too")
        return None
    for name in ("permanent_key", "save_permanent_key", "no_bind"):
        if getattr(options, name):
            raise Misuse(f"--{name.replace('_', '-')} makes no sense with --vault, which has the permanent key and binds with it")
    if options.permanent_key_id is None:
        raise Misuse("--vault needs --permanent-key-id: `mtproto-bind sign` prints the id of the key that it has")
    try:
        return vault_url(options.vault)
    except ValueError as error:
        raise Misuse(f"--vault: {error}") from None


class AskedVault:
    """Has bindings sealed by the vault at ``url``, trying a few times. Between two tries the connection goes on."""

    def __init__(self, url: str, complain: Callable[[str], None]) -> None:
        self._url = url
        self._complain = complain
        self._question: BindingRequired | None = None
        self._tries = 0
        self._next_at = 0.0

    def take(self, question: BindingRequired) -> None:
        """``question`` is open, perhaps not for the first time: it is asked again on every new stream."""
        self._question = question

    def due_in(self) -> float | None:
        """Seconds until the vault is to be asked; None: there is no question."""
        return None if self._question is None else max(self._next_at - time.monotonic(), 0.0)

    def ask(self, driver: SyncDriver, patience: float) -> Failure | None:
        """Asks once, for at most ``patience`` seconds; what went wrong, if another try follows. Raises :class:`Failure`."""
        if self._question is None:
            return None
        try:
            sealed = ask_vault(self._url, self._question.request, timeout=min(PATIENCE, patience))
        except VaultError as error:
            failure = explain_vault(error, self._url)
            self._tries += 1
            if self._tries >= TRIES:
                raise failure from None
            self._complain(f"{failure}; asking again")
            self._next_at = time.monotonic() + DELAY
            return failure
        # a question that was withdrawn meanwhile takes no answer, and another one follows
        driver.answer(self._question, sealed)
        self._question, self._tries = None, 0
        return None


def explain_vault(error: VaultError, url: str) -> Failure:
    """The vault has not sealed the binding."""
    text = f"expected a sealed binding from the vault at {url}, came {error}: start it, or check --vault and --permanent-key-id"
    return Failure(text, kind=type(error).__name__)
