"""The names of Telegram's data centres."""

from __future__ import annotations

import pytest

from mtproto_bind import DataCenter
from mtproto_bind_adapters.websocket import endpoint

NAMED = [
    (DataCenter(1), "wss://pluto.web.telegram.org:443/apiws"),
    (DataCenter(2), "wss://venus.web.telegram.org:443/apiws"),
    (DataCenter(3), "wss://aurora.web.telegram.org:443/apiws"),
    (DataCenter(4), "wss://vesta.web.telegram.org:443/apiws"),
    (DataCenter(5), "wss://flora.web.telegram.org:443/apiws"),
    (DataCenter(2, test=True), "wss://venus.web.telegram.org:443/apiws_test"),
    (DataCenter(4, media=True), "wss://vesta-1.web.telegram.org:443/apiws"),
    (DataCenter(1, test=True, media=True), "wss://pluto-1.web.telegram.org:443/apiws_test"),
]


@pytest.mark.parametrize(("dc", "url"), NAMED)
def test_with_tls_it_is_a_name(dc: DataCenter, url: str) -> None:
    assert endpoint(dc) == url


def test_without_tls_it_is_an_address_which_says_itself_whether_it_is_a_test() -> None:
    assert endpoint(DataCenter(2), tls=False) == "ws://149.154.167.51:80/apiws"
    assert endpoint(DataCenter(2, test=True), tls=False) == "ws://149.154.167.40:80/apiws"
    every = [DataCenter(number) for number in range(1, 6)] + [DataCenter(number, test=True) for number in range(1, 4)]
    assert len({endpoint(dc, tls=False) for dc in every}) == 8


NAMELESS = [
    (DataCenter(0), "the data centres 1, 2, 3, 4, 5 have one"),
    (DataCenter(6), "the data centres 1, 2, 3, 4, 5 have one"),
    (DataCenter(203, cdn=True), "no WebSocket name"),
    (DataCenter(2, cdn=True), "no WebSocket name"),
    (DataCenter(4, test=True), "the test data centres 1, 2, 3 have one"),
]


@pytest.mark.parametrize(("dc", "text"), NAMELESS)
@pytest.mark.parametrize("tls", [True, False])
def test_others_have_no_name(dc: DataCenter, text: str, tls: bool) -> None:
    with pytest.raises(ValueError, match=text):
        endpoint(dc, tls=tls)


def test_media_has_no_address() -> None:
    with pytest.raises(ValueError, match="with TLS it has a name"):
        endpoint(DataCenter(2, media=True), tls=False)
