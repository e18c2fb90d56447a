"""Writes the pages of ``docs/reference`` that are made from the code: ``make docs``. A test compares them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path

import mtproto_bind
import mtproto_bind.testing
from mtproto_bind import Check, Conduct, ProtocolError

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Made by `make docs`; edit the docstrings, or docs/generate.py. -->"


def table(head: str, rows: Iterator[str]) -> str:
    """A Markdown table; ``head`` holds the names of the columns, with bars between."""
    columns = head.count("|") + 1
    return "\n".join([f"| {head} |", "|" + " --- |" * columns, *rows])


def first_sentence(value: object) -> str:
    """The first paragraph of a docstring, up to its first full stop; for what has none, what it is."""
    text = inspect.getdoc(value) if isinstance(value, type) or callable(value) else None
    if not text:
        return ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return paragraph.split(". ")[0].rstrip(".").replace("|", "\\|").replace("``", "`")


def says(rule: Check | Conduct) -> str:
    """The numbered items of the security checklists, and the rule in words."""
    return f"{' '.join(rule.items)} | {rule.text}"


def checks() -> str:
    """Every rule by name."""
    return f"""{NOTE}
# The rules

Two lists. A `Check` is a rule that a peer can break; it is enforced at one place, and its name is in the error that you are
told. A `Conduct` is a rule that is ours to keep; a test vector, a property or a test of the source holds it.

Items are those of the project's two security checklists: `c` for a client, `s` for a server. They follow
<https://core.telegram.org/mtproto/security_guidelines>, <https://core.telegram.org/mtproto/auth_key>,
<https://core.telegram.org/mtproto/description> and <https://core.telegram.org/api/pfs>.

## What a breach costs

{table("Scope | What happens", (f"| `{scope.name}` | {text} |" for scope, text in SCOPES.items()))}

## Checks

{table("Check | Scope | Items | Rule", (f"| `{rule.name}` | {rule.scope.name} | {says(rule)} |" for rule in Check))}

## Conduct

{table("Conduct | Items | Rule", (f"| `{rule.name}` | {says(rule)} |" for rule in Conduct))}
"""


SCOPES = {
    mtproto_bind.Scope.MESSAGE: "the message is dropped and counted; everything else goes on",
    mtproto_bind.Scope.STREAM: "the stream ends; keys, session and calls stay",
    mtproto_bind.Scope.EXCHANGE: "the stream ends, and the handshake starts again with new nonces; it counts as an attempt",
    mtproto_bind.Scope.BIND: "the binding is refused, and the verdict says what follows",
}


def tree(error: type[Exception], depth: int = 0) -> Iterator[str]:
    """The classes below ``error``, as an indented list."""
    yield f"{'  ' * depth}* `{error.__name__}`: {first_sentence(error)}."
    for child in error.__subclasses__():
        if child.__module__.startswith("mtproto_bind."):
            yield from tree(child, depth + 1)


def errors() -> str:
    """The error tree."""
    return f"""{NOTE}
# Errors

{chr(10).join(tree(ProtocolError))}

Bad arguments are `TypeError` and `ValueError`, as everywhere in Python.

A method of a connection raises `LocalProtocolError`, `TypeError` or `ValueError`, and has then changed nothing. What the
*peer* did wrong is never raised: it comes out of `next_event()`, in its place among the other events, in
`TransportEnded.error`, `ConnectionClosed.error`, `BindRefused.verdict` or `CallFailed.reason`. `SecurityError.check` names
the broken rule: [the rules](checks.md).

No message of an error holds a nonce, a key or a digest: they may be logged.
"""


def kind(value: object) -> str:
    """What a public name is, in a word."""
    if not isinstance(value, type):
        return "function" if callable(value) and hasattr(value, "__code__") else "value"
    for base, word in (
        (BaseException, "error"),
        (mtproto_bind.Question, "question"),
        (mtproto_bind.Event, "event"),
        (Enum, "enum"),
    ):
        if issubclass(value, base):
            return word
    return "class"


def names(module: object, public: list[str]) -> str:
    """A table of the public names of ``module``."""
    rows = ((name, getattr(module, name)) for name in sorted(public, key=str.lower))
    return table("Name | Kind | What it is", (f"| `{name}` | {kind(value)} | {first_sentence(value)} |" for name, value in rows))


def api() -> str:
    """Every public name."""
    return f"""{NOTE}
# The public names

Everything is imported from `mtproto_bind`, or from `mtproto_bind.testing`; a module whose name begins with an underscore may
change at any time.
Docstrings tell the rest: `python -m pydoc mtproto_bind.ClientConnection`.

## `mtproto_bind`

{names(mtproto_bind, mtproto_bind.__all__)}

## `mtproto_bind.testing`

{names(mtproto_bind.testing, mtproto_bind.testing.__all__)}
"""


PAGES: dict[str, Callable[[], str]] = {"api.md": api, "checks.md": checks, "errors.md": errors}


def main() -> None:
    """Writes every page."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
