"""The public door: what design and reference promise is there, and nothing public hides behind it."""

from __future__ import annotations

import importlib
import inspect
import re
from types import ModuleType
from typing import ClassVar, get_args, get_origin, get_type_hints

import pytest

import mtproto_bind
import mtproto_bind.testing
from kit.sources import ADAPTERS, CORE, ROOT, modules

PROMISED = re.findall(
    r"\w+",
    """
AuthKey Binding BindingInner BindingRequest BindingRequired BindRefused BindRequested BindTempAuthKey BindVerdict
BoundKey CallAnswered CallFailed CallId CallReceived Check ClientConfig ClientConnection Computation Conduct
ConnectionClosed Crypto DataCenter default_crypto Event ExchangeRefused ExternalKey Framing Goal HandshakeAdvanced
HandshakeNeeded InitConnection KeyBound KeyCreated KeyExpired KeyNeeded KeyOffered known_keys Limits LocalProtocolError
MalformedMessage NEED_DATA NotRun open_binding OutcomeUnknown PeerTimedOut PendingKey PermanentKey PermanentKeyCreated
PermanentKeyRequired PermanentKeySuspected PrivateKey ProtocolError ProvenPrimes PublicKey Question RemoteProtocolError
Retry RpcError Scope seal_binding Secret SecurityError Server ServerConfig ServerConnection SessionReset
Status Stored StoredKey TemporaryKeyCreated Timeouts Transport TransportEnded TransportErrorReceived UNAVAILABLE
UnexpectedMessage UpdateAcknowledged UpdateReceived Verdict
""",
)
"""The names that users were told of."""

DOORS = [mtproto_bind, mtproto_bind.testing]
PUBLIC = {name for door in DOORS for name in door.__all__}


@pytest.mark.parametrize("name", PROMISED)
def test_what_is_promised_is_there(name: str) -> None:
    assert name in mtproto_bind.__all__


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_all_is_all_there_is(door: ModuleType) -> None:
    assert len(door.__all__) == len(set(door.__all__))
    visible = {name for name, value in vars(door).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert visible - {"annotations"} == set(door.__all__)


@pytest.mark.parametrize("module", [name for name in [*modules(CORE), *modules(ADAPTERS)] if not name.endswith("__main__")])
def test_every_all_holds(module: str) -> None:
    loaded = importlib.import_module(module)
    for name in getattr(loaded, "__all__", ()):
        assert hasattr(loaded, name), f"{module} has no {name}"


def test_reference_lists_every_name() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted([*mtproto_bind.__all__, *mtproto_bind.testing.__all__])


def classes(annotation: object) -> set[type]:
    """The classes of ours that an annotation names."""
    if get_origin(annotation) is ClassVar:
        return set()
    if isinstance(annotation, type) and annotation.__module__.startswith("mtproto_bind"):
        return {annotation}
    return set().union(*(classes(part) for part in get_args(annotation)))


def public_functions(value: object) -> list[object]:
    """``value`` if it is a function; the public methods of a class."""
    if not isinstance(value, type):
        return [value] if inspect.isfunction(value) else []
    members = (getattr(member, "fget", member) for name, member in vars(value).items() if not name.startswith("_"))
    return [value, *(member for member in members if inspect.isfunction(member))]


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_what_public_signatures_name_is_public(name: str) -> None:
    value = next(getattr(door, name) for door in DOORS if hasattr(door, name))
    for function in public_functions(value):
        hints = {key: hint for key, hint in get_type_hints(function).items() if not key.startswith("_")}
        hidden = {found.__name__ for hint in hints.values() for found in classes(hint)} - PUBLIC
        assert hidden == set(), f"{name}: {hidden} must be imported from a private module"
