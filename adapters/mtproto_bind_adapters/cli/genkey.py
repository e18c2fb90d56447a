"""``mtproto-bind genkey``: an RSA key for a server."""

from __future__ import annotations

from argparse import Namespace

from mtproto_bind import PrivateKey

from .console import Console, Failure, Misuse
from .keyfile import write_secret

__all__ = ["run"]


def run(options: Namespace, console: Console) -> None:
    """Makes a key; prints its fingerprint and public half, and the private half unless it goes into a file."""
    out = options.out
    if out is not None and out.exists():
        raise Misuse(f"{out} exists: it is left as it is; choose another name or move it away")
    try:
        key = PrivateKey.generate(options.bits)
    except ValueError as error:
        raise Misuse(str(error)) from None
    except RuntimeError as error:
        raise Failure(str(error), kind="RuntimeError") from None
    if out is not None:
        try:
            write_secret(out, key.to_pem())
        except OSError as error:
            raise Misuse(f"{out} cannot be written: {error.strerror}") from None
    fingerprint, public, private = f"{key.public.fingerprint:016x}", key.public.to_pem(), key.to_pem()
    console.say(f"fingerprint {fingerprint}\n{public.rstrip()}")
    if out is None:
        if not console.as_json:
            # with --json these lines are a log, and a log holds no secret
            console.say(private.rstrip())
        console.tell(fingerprint=fingerprint, public_key=public, private_key=private)
    else:
        console.tell(fingerprint=fingerprint, public_key=public, private_key_file=str(out))
