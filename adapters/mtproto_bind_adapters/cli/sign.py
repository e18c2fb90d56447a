"""``mtproto-bind sign``: the vault of the split binder."""

from __future__ import annotations

import signal
from argparse import Namespace

from mtproto_bind import BindingRequest

from ..vault import Vault, VaultServer
from .bind import hex_id, utc
from .console import Console, Failure, Misuse, ReaderGone
from .keyfile import KeyFile
from .serve import stopped_by_signals

__all__ = ["run"]


def run(options: Namespace, console: Console) -> None:
    """Signs until SIGTERM or SIGINT. Raises :class:`Misuse`, :class:`Failure`, and ``KeyboardInterrupt`` after SIGINT."""
    vault = Vault(KeyFile.read(options.permanent_key).key.key)
    with open_server(options, vault) as server:
        witness = Witness(console, server)
        with stopped_by_signals(server.stop) as caught:
            host, port = server.address
            console.say(f"vault of permanent key {vault.key_id:016x}, listening on {server.url}")
            console.tell(event="listening", carrier="http", host=host, port=port)
            server.run()
    if witness.is_alone:
        raise ReaderGone
    console.say("stopped")
    console.tell(event="stopped")
    if signal.SIGINT in caught:
        raise KeyboardInterrupt


def open_server(options: Namespace, vault: Vault) -> VaultServer:
    """Raises :class:`Misuse` and :class:`Failure`."""
    host, port = options.listen
    try:
        return VaultServer(vault, host, port, origin=options.origin)
    except ValueError as error:
        raise Misuse(str(error)) from None
    except OSError as error:
        text = f"expected to listen on {host} port {port}, came {error.strerror}: choose another address with --listen"
        raise Failure(text, kind=type(error).__name__) from None


class Witness:
    """Tells what ``server`` signs and refuses. Nothing is signed that nobody could see: where no one reads, it stops."""

    def __init__(self, console: Console, server: VaultServer) -> None:
        self.is_alone = False
        self._console = console
        self._server = server
        server.on_signed, server.on_refused = self._signed, self._refused

    def _signed(self, request: BindingRequest) -> None:
        names = {
            "temporary_key_id": hex_id(request.temp_auth_key_id),
            "permanent_key_id": hex_id(request.perm_auth_key_id),
            "session_id": hex_id(request.temp_session_id),
        }
        until = utc(request.expires_at)
        text = f"temporary key {names['temporary_key_id']}, session {names['session_id']}: signed, until {until}"
        self._tell(text, event="signed", **names, expires_at=request.expires_at)

    def _refused(self, why: str) -> None:
        self._tell(f"refused: {why}", event="refused", why=why)

    def _tell(self, text: str, **values: object) -> None:
        try:
            self._console.say(text)
            self._console.tell(**values)
        except ReaderGone:
            self.is_alone = True
            self._server.stop()
            # for the thread that serves: no answer, and no traceback
            raise BrokenPipeError from None
