"""Files that hold keys: the permanent key of a client, and the RSA keys of a server."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from attrs import frozen

from mtproto_bind import AuthKey, DataCenter, PermanentKey, PrivateKey, PublicKey

from .console import Misuse

__all__ = ["KeyFile", "read_private_key", "read_public_key", "write_secret"]

RAW_SIZE = 256
SANE_SIZE = 1 << 16
EXPECTED = f'one line of JSON with "version": 1, or {RAW_SIZE} raw bytes'


@frozen(kw_only=True)
class KeyFile:
    """A permanent key, and the data centre that knows it (None: the file does not say)."""

    key: PermanentKey
    dc: DataCenter | None

    @classmethod
    def read(cls, path: Path) -> KeyFile:
        """Raises :class:`Misuse`, which says what is wrong with the file."""
        content = read(path)
        if len(content) == RAW_SIZE:
            return cls(key=PermanentKey(key=AuthKey(content)), dc=None)
        if content.lstrip().startswith(b"-----BEGIN"):
            raise Misuse(f"{path} holds no permanent key: expected {EXPECTED}, found a PEM file; RSA keys go to --server-key")
        try:
            return cls._from_values(json.loads(content))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Misuse(f"{path} holds no permanent key: expected {EXPECTED}, found {found(content, error)}") from None

    @classmethod
    def _from_values(cls, values: dict[str, Any]) -> KeyFile:
        if values["version"] != 1:
            raise ValueError(f"version {values['version']!r}")
        key = AuthKey(bytes.fromhex(values["key"]))
        if values["key_id"] != f"{key.id:016x}":
            raise ValueError("a key_id that is not that of the key")
        dc = DataCenter(int(values["dc"]), test=bool(values["test"]), media=bool(values["media"]))
        times = {name: None if values[name] is None else float(values[name]) for name in ("created_at", "last_bound_at")}
        return cls(key=PermanentKey(key=key, **times), dc=dc)

    def write(self, path: Path) -> None:
        """One line of JSON, mode 0600, there whole or not at all. Raises ``OSError``."""
        dc = self.dc or DataCenter(0)
        values = {
            "version": 1,
            "dc": dc.id,
            "test": dc.test,
            "media": dc.media,
            "key_id": f"{self.key.key.id:016x}",
            "key": self.key.key.reveal().hex(),
            "created_at": self.key.created_at,
            "last_bound_at": self.key.last_bound_at,
        }
        write_secret(path, json.dumps(values) + "\n")


def found(content: bytes, error: Exception) -> str:
    """What a file is that holds no permanent key, in a few words and without showing any of it."""
    if not content:
        return "an empty file"
    if isinstance(error, KeyError):
        return f"JSON without {error.args[0]!r}"
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return f"{len(content)} bytes of something else"
    return str(error)


def read(path: Path) -> bytes:
    """The content of a small file. Raises :class:`Misuse`."""
    try:
        with path.open("rb") as file:
            content = file.read(SANE_SIZE + 1)
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > SANE_SIZE:
        raise Misuse(f"{path} is no key file: it has more than {SANE_SIZE} bytes")
    return content


def read_private_key(path: Path) -> PrivateKey:
    """Raises :class:`Misuse`."""
    try:
        return PrivateKey.from_pem(read(path).decode("ascii"))
    except ValueError as error:
        raise Misuse(f"{path}: {reason(error)}; `mtproto-bind genkey --out FILE` makes a private key") from None


def read_public_key(path: Path) -> PublicKey:
    """Raises :class:`Misuse`."""
    try:
        return PublicKey.from_pem(read(path).decode("ascii"))
    except ValueError as error:
        raise Misuse(f"{path}: {reason(error)}; `mtproto-bind genkey` prints the public half of the key it makes") from None


def reason(error: ValueError) -> str:
    """What is wrong with a PEM file; bytes that are no text are not repeated."""
    return "expected a PEM file, got bytes that are no ASCII" if isinstance(error, UnicodeDecodeError) else str(error)


def write_secret(path: Path, text: str) -> None:
    """Writes a file that its owner alone can read, in one step: a reader finds the old file or the whole new one."""
    beside = path.with_name(f".{path.name}.{token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
