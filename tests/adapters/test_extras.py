"""A library that is missing is named, with what installs it."""

from __future__ import annotations

import sys

import pytest

from mtproto_bind_adapters.extras import needs


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anyio", None)
    what_to_do = r"^anyio is missing: pip install 'mtproto-bind\[websocket\]'$"
    with pytest.raises(ModuleNotFoundError, match=what_to_do) as missing, needs("websocket"):
        import anyio  # noqa: F401
    assert missing.value.name == "anyio"


def test_of_a_package_that_is_missing_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "websockets"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "websockets", None)
    with pytest.raises(ModuleNotFoundError, match=r"^websockets is missing: "), needs("websocket"):
        from websockets.client import ClientProtocol  # noqa: F401


def test_what_is_there_is_imported_and_other_errors_pass() -> None:
    with needs("anyio"):
        import anyio  # noqa: F401
    with pytest.raises(ValueError, match="other"), needs("anyio"):
        raise ValueError("other")
