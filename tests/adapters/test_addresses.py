"""Telegram's own servers."""

from __future__ import annotations

import pytest

from mtproto_bind import DataCenter
from mtproto_bind_adapters.addresses import address


def test_every_data_centre_has_an_address_of_its_own() -> None:
    every = [DataCenter(number) for number in range(1, 6)] + [DataCenter(number, test=True) for number in range(1, 4)]
    assert address(DataCenter(2)) == "149.154.167.51"
    assert len({address(dc) for dc in every}) == 8


@pytest.mark.parametrize("dc", [DataCenter(6), DataCenter(4, test=True), DataCenter(2, media=True), DataCenter(2, cdn=True)])
def test_for_others_none_is_known(dc: DataCenter) -> None:
    with pytest.raises(ValueError, match="no address is known for DataCenter"):
        address(dc)
