"""Asks a vault over HTTP."""

from __future__ import annotations

from http.client import HTTPException
from queue import Empty, Queue
from threading import Thread
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from mtproto_bind import BindingRequest

from .loopback import is_loopback
from .server import PATH

__all__ = ["VaultError", "ask_vault", "vault_url"]

SEALED_LENGTH = 104
WHY_LIMIT = 200
"""Characters of a vault's reason that are repeated."""


class VaultError(Exception):
    """The vault has not sealed the binding. Nothing is lost: the question may be asked again until it is withdrawn."""


def vault_url(text: str) -> str:
    """``text``, with ``/sign`` where it has no path. Raises ``ValueError`` for what is neither https nor http on loopback."""
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not the URL of a vault: {error}") from None
    if not text.isascii() or not text.isprintable() or " " in text or not host or "@" in parts.netloc:
        raise ValueError(f"{text!r} is not the URL of a vault: expected http://127.0.0.1:PORT{PATH} or https://HOST{PATH}")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError(f"{text!r} is not the URL of a vault: beyond loopback it has to be https, or anybody could answer")
    return parts._replace(path=parts.path if parts.path.strip("/") else PATH).geturl()


def ask_vault(url: str, request: BindingRequest, *, timeout: float = 5.0) -> bytes:
    """The 104 bytes that the vault at ``url`` seals for ``request``; waits no longer than ``timeout`` seconds, whatever it does.

    Raises :class:`VaultError` where it does not answer, refuses, or answers something else, and ``ValueError`` like
    :func:`vault_url`.
    """
    target = vault_url(url)
    answers: Queue[bytes | VaultError] = Queue()

    def ask() -> None:
        try:
            answers.put(post(target, request.to_bytes(), timeout))
        except VaultError as error:
            answers.put(error)

    # a timeout of urllib is one for each read, and does not count the search for an address
    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except Empty:
        raise VaultError(f"no answer within {timeout:g} seconds") from None
    if isinstance(answer, VaultError):
        raise answer
    if len(answer) != SEALED_LENGTH:
        raise VaultError(f"an answer that does not have {SEALED_LENGTH} bytes")
    if answer[:8] != request.perm_auth_key_id.to_bytes(8, "little"):
        raise VaultError("a binding under another permanent key")
    return answer


class NoRedirects(HTTPRedirectHandler):
    """A vault is where it was said to be."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


def post(url: str, body: bytes, timeout: float) -> bytes:
    """The answer, cut off after one byte too many. Raises :class:`VaultError`."""
    headers = {"Content-Type": "application/octet-stream", "Accept": "application/octet-stream", "User-Agent": "mtproto-bind"}
    try:
        with opener(url).open(Request(url, body, headers, method="POST"), timeout=timeout) as response:  # noqa: S310  # vault_url
            answer: bytes = response.read(SEALED_LENGTH + 1)
            return answer
    except HTTPError as error:
        with error:
            raise VaultError(f"a refusal: {error.code} {why(error)}".rstrip()) from None
    except URLError as error:
        raise VaultError(reason(error.reason)) from None
    except (OSError, HTTPException, ValueError) as error:
        raise VaultError(reason(error)) from None


def opener(url: str) -> OpenerDirector:
    """What goes to loopback goes by no proxy."""
    own = [ProxyHandler({})] if is_loopback(urlsplit(url).hostname) else []
    return build_opener(NoRedirects, *own)


def why(error: HTTPError) -> str:
    """What the vault says, as far as it may be shown on a terminal."""
    try:
        text = error.read(WHY_LIMIT).decode("ascii", "replace")
    except (OSError, HTTPException):
        return ""
    return "".join(letter if letter.isprintable() else " " for letter in text.strip())


def reason(error: object) -> str:
    """What kept us from an answer."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return f"something that is not HTTP ({type(error).__name__})"
