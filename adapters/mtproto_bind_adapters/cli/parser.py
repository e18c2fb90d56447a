"""The options of the command line; what they mean is in ``docs/reference/command-line.md``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from string import hexdigits

from .completion import Completion
from .lessons import LESSONS

__all__ = ["build_parser"]

FRAMINGS = ("abridged", "intermediate", "padded", "full")


def address(text: str) -> tuple[str, int]:
    """``HOST:PORT``; an IPv6 address stands in brackets, an empty host is every address of this machine."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def number(low: int, high: int) -> Callable[[str], int]:
    """An integer from ``low`` to ``high``."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
        return value

    return convert


def seconds(text: str) -> float:
    """A number of seconds, more than nothing."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def key_id(text: str) -> int:
    """16 hex digits, as every command prints a key id."""
    if len(text) != 16 or not set(text) <= set(hexdigits):
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a key: expected 16 hex digits")
    return int(text, 16)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="mtproto-bind",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=LESSONS["mtproto-bind"].text,
        epilog=LESSONS["mtproto-bind"].examples,
    )
    parser.add_argument("--print-completion", action=Completion, choices=Completion.SHELLS, help=Completion.HELP)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, add_options in COMMANDS.items():
        lesson = LESSONS[name]
        add_options(
            commands.add_parser(
                name,
                help=lesson.summary,
                description=lesson.text,
                epilog=lesson.examples,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return parser


def with_json(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--json", action="store_true", help=text)


def demo(parser: argparse.ArgumentParser) -> None:
    with_json(parser, "print one JSON object on the last line of stdout; the rest goes to stderr")


def bind(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("where to")
    where.add_argument("--host", help="name or address (default: Telegram's own for that data centre)")
    where.add_argument("--port", type=number(1, 65535), help="default: 443")
    where.add_argument("--dc", type=number(1, 999), default=2, metavar="N", help="number of the data centre (default: 2)")
    where.add_argument("--test", action="store_true", help="a data centre of the test servers")
    where.add_argument("--media", action="store_true", help="a media data centre")
    where.add_argument(
        "--server-key", type=Path, action="append", metavar="PEM", help="public RSA key to trust instead of Telegram's own"
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--transport", choices=FRAMINGS, help="how the stream is cut (default: intermediate; padded for a dd secret)"
    )
    how.add_argument("--obfuscated", action="store_true", help="hide the protocol from a glance; it gives no security")
    how.add_argument("--secret", metavar="HEX", help="of an MTProxy: 32 hex digits, or dd and 32; means --obfuscated")
    how.add_argument("--websocket", metavar="URL", help="through a WebSocket, ws:// or wss://; means --obfuscated")
    how.add_argument("--timeout", type=seconds, default=30.0, metavar="S", help="for the whole run (default: 30)")
    how.add_argument(
        "--attempts", type=number(1, 100), default=1, metavar="N", help="failed exchanges before giving up (default: 1)"
    )
    keys = parser.add_argument_group("keys")
    keys.add_argument("--permanent-key", type=Path, metavar="FILE", help="take the permanent key from here instead of making one")
    keys.add_argument("--save-permanent-key", type=Path, metavar="FILE", help="write the permanent key here, before it is used")
    keys.add_argument("--vault", metavar="URL", help="have the binding sealed there: the permanent key never comes here")
    keys.add_argument("--permanent-key-id", type=key_id, metavar="HEX16", help="the key that the vault has; with --vault")
    keys.add_argument(
        "--expires-in", type=number(60, 86400), default=86400, metavar="S", help="life of the temporary key (default: 86400)"
    )
    keys.add_argument("--no-bind", action="store_true", help="make both keys, bind nothing")
    with_json(parser, "print one JSON object on the last line of stdout; the rest goes to stderr")


def serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", type=address, required=True, metavar="HOST:PORT", help="port 0 picks a free one")
    parser.add_argument("--websocket", type=address, metavar="HOST:PORT", help="the same for WebSockets, beside --listen")
    parser.add_argument(
        "--private-key",
        "--server-key",
        dest="private_key",
        type=Path,
        action="append",
        required=True,
        metavar="PEM",
        help="private RSA key; may be given several times",
    )
    parser.add_argument("--dc", type=number(1, 999), metavar="N", help="refuse clients that ask for another (default: take any)")
    parser.add_argument("--test", action="store_true", help="be a data centre of the test servers; only with --dc")
    parser.add_argument("--media", action="store_true", help="be a media data centre; only with --dc")
    parser.add_argument("--allow-old-rsa", action="store_true", help="accept the RSA padding from before 2021 too")
    parser.add_argument(
        "--secret",
        action="append",
        metavar="HEX",
        help="take obfuscated TCP streams with this MTProxy secret only; repeatable",
    )
    parser.add_argument(
        "--store",
        default="memory",
        metavar="WHERE",
        help="of keys: memory (default), sqlite:PATH, redis://HOST:PORT for a fleet",
    )
    parser.add_argument("--permanent-store", metavar="URL", help="of permanent keys: another Redis, one that writes to its disk")
    parser.add_argument("--reuse-port", action="store_true", help="other processes may listen there too (Linux)")
    with_json(parser, "print one JSON object on a line of stdout for each event; the rest goes to stderr")


def sign(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--permanent-key", type=Path, required=True, metavar="FILE", help="the key to sign with")
    parser.add_argument("--listen", type=address, required=True, metavar="HOST:PORT", help="on loopback; port 0 picks a free one")
    parser.add_argument("--origin", metavar="URL", help="let pages of this web origin ask (default: no page may)")
    with_json(parser, "print one JSON object on a line of stdout for each event; the rest goes to stderr")


def genkey(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bits", type=number(1, 65536), default=2048, help="the protocol allows 2048 only")
    parser.add_argument("--out", type=Path, metavar="PEM", help="write the private key here; a file that exists is left alone")
    with_json(parser, "print one JSON object on the last line of stdout; the rest goes to stderr")


COMMANDS = {"demo": demo, "bind": bind, "serve": serve, "sign": sign, "genkey": genkey}
